# Sourced by examples/run.sh, tests/run.sh and .ci/run: installs what is missing, configures, builds.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
missing=()

say() { printf '== %s\n' "$*"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# need PACKAGE PROBE...: a package (or alternatives, "one|other") is missing when its probe fails.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
has_header() { printf '#include <%s>\n' "$1" | "${CXX:-c++}" -std=c++20 -x c++ -E -; }

need_build_tools() {
    need g++ "${CXX:-c++}" --version
    need cmake cmake --version
    need ninja-build ninja --version
    need ccache ccache --version
    need libasio-dev has_header asio/awaitable.hpp
    need libssl-dev has_header openssl/ssl.h
}
need_test_tools() {
    need doctest-dev has_header doctest/doctest.h
    need "libboost1.81-dev|libboost-dev" has_header boost/json.hpp
    need openssl openssl version
    need python3 python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))'
}

# Installs what `need` found missing. Says what; touches nothing when nothing is missing.
install_missing() {
    ((${#missing[@]})) || return 0
    if ! command -v apt-get >/dev/null; then
        die "please install these first (named as Debian names them): ${missing[*]}"
    fi
    local sudo=()
    if ((EUID)); then
        command -v sudo >/dev/null ||
            die "please install these first, as root: apt-get install ${missing[*]%%|*}"
        say "sudo is needed to install: ${missing[*]%%|*}"
        sudo true || die "sudo refused"
        sudo=(sudo)
    fi
    local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
    quietly "apt-get update" "${apt[@]}" update
    local package packages=()
    for package in "${missing[@]}"; do
        # The first of the alternatives that this system has.
        apt-cache show "${package%%|*}" >/dev/null 2>&1 || package=${package##*|}
        packages+=("${package%%|*}")
    done
    # Never at the price of a package that is there already.
    quietly "apt-get install ${packages[*]}" "${apt[@]}" install --no-install-recommends --no-remove \
        "${packages[@]}"
    missing=()
}

# provide PROGRAM PACKAGE FOLDER: a server that the tests run themselves comes onto the PATH.
# A machine that runs tests has no use for it as a service: it is unpacked below FOLDER, not installed.
provide() {
    local program=$1 package=$2 place=$3/$1
    PATH=$PATH:/usr/sbin:$place/usr/sbin:$place/usr/bin
    command -v "$program" >/dev/null && return
    command -v apt-get >/dev/null || die "please install this first: $program"
    quietly "unpacking $program" unpack "$package" "$place"
}
unpack() {
    mkdir -p "$2"
    cd "$2"
    apt-get -q -o APT::Sandbox::User=root download "$1"
    dpkg -x "$1"_*.deb .
}

# quietly WHAT COMMAND...: runs a command; one line says what it is doing, the log is shown if it fails.
quietly() {
    local what=$1 log child status=0 start=$SECONDS told=$SECONDS line
    shift
    log=$(mktemp)
    say "$what"
    "$@" >"$log" 2>&1 </dev/null &
    child=$!
    trap 'kill $child 2>/dev/null; rm -f "$log"; exit 130' INT TERM
    while kill -0 $child 2>/dev/null; do
        sleep 0.2
        if [[ -t 1 ]]; then
            line=$(tail -n 1 "$log" | tr -cd '[:print:]')
            ((SECONDS > told)) && printf '\r\033[K   %3d s  %.60s' $((SECONDS - start)) "$line" && told=$SECONDS
        elif ((SECONDS - told >= 20)); then
            line=$(tail -n 1 "$log" | tr -cd '[:print:]')
            printf '   %3d s  %.90s\n' $((SECONDS - start)) "$line"
            told=$SECONDS
        fi
    done
    wait $child || status=$?
    trap - INT TERM
    [[ -t 1 ]] && printf '\r\033[K'
    if ((status)); then
        tail -n 100 "$log"
        rm -f "$log"
        die "failed: $what"
    fi
    rm -f "$log"
}

# As many compilers at once as there are cores, and 1.5 GB of free memory for each.
cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
jobs=$cores
if [[ -r /proc/meminfo ]]; then
    fitting=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo)
    ((fitting < 1)) && fitting=1
    ((jobs > fitting)) && jobs=$fitting
fi

# configure FOLDER OPTION...: a folder that was configured before keeps its generator.
configure() {
    local folder=$1 generator=()
    shift
    mkdir -p "$folder" 2>/dev/null || true
    [[ -w $folder ]] || die "cannot write to $folder: if another user made it, please remove it"
    [[ -e $folder/CMakeCache.txt ]] || generator=(-G Ninja)
    quietly "configuring ${folder#"$root"/}" cmake -S "$root" -B "$folder" "${generator[@]}" "$@"
}
# build FOLDER OPTION...
build() {
    local folder=$1
    shift
    quietly "building in ${folder#"$root"/}, $jobs at a time" cmake --build "$folder" --parallel "$jobs" "$@"
}
