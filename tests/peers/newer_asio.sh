#!/usr/bin/env bash
# Tries the library with the Asio of newer Debian suites. Their header package is fetched from the mirror that
# this machine's apt is set up with, checked against Debian's keys and unpacked into a temporary folder:
# nothing is installed, and apt's own state stays as it is.
#
#   newer_asio.sh [SUITE...]    trixie (Asio 1.30) and sid (1.36 or newer) by default
set -euo pipefail
(($#)) || set -- trixie sid
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() {
    printf 'newer_asio.sh: %s\n' "$*" >&2
    exit 1
}

# An apt of our own: one source, empty lists, nothing installed.
mkdir -p "$scratch"/{lists,archives}/partial
apt=(-q -o "Dir::State=$scratch" -o Dir::State::status=/dev/null -o "Dir::State::lists=$scratch/lists"
    -o "Dir::Cache=$scratch" -o "Dir::Cache::archives=$scratch/archives"
    -o "Dir::Etc::sourcelist=$scratch/one.sources" -o Dir::Etc::sourceparts=-
    -o Acquire::Languages=none -o APT::Update::Error-Mode=any -o APT::Sandbox::User=root)

# get SUITE: unpacks the suite's libasio-dev into $scratch/SUITE.
get() {
    local suite=$1 mirror mirrors
    mapfile -t mirrors < <(apt-get -q --print-uris update | sed -nE "s|^'([^']*)/dists/.*|\1|p" |
        awk '!seen[$0]++')
    ((${#mirrors[@]})) || fail "apt has no sources here"
    for mirror in "${mirrors[@]}"; do
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$suite" "$keys" \
            >"$scratch/one.sources"
        # A mirror of something else has no such suite, or not Debian's signature on it.
        apt-get "${apt[@]}" update >"$scratch/output" 2>&1 || continue
        (cd "$scratch" && apt-get "${apt[@]}" download libasio-dev) || continue
        dpkg-deb -x "$scratch"/libasio-dev_*.deb "$scratch/$suite"
        rm "$scratch"/libasio-dev_*.deb
        return
    done
    tail "$scratch/output" >&2
    fail "none of apt's mirrors (${mirrors[*]}) has a libasio-dev of $suite that Debian signed"
}

# From here on paths are relative to the temporary folder, so that a compiler's cache knows them again.
cd "$scratch"
newest=0
for suite in "$@"; do
    get "$suite"
    asio=$suite/usr/include
    version=$(sed -n 's/.*define ASIO_VERSION \([0-9]*\).*/\1/p' "$asio/asio/version.hpp")
    ((version > newest)) || fail "$suite has Asio $version, which is not newer than $newest"
    newest=$version
    for compiler in g++ clang++-19; do
        bash "$here/asio_smoke.sh" "$suite" "$asio" "$compiler"
    done
    # What Asio has given up already is what its next version takes away.
    TESTS=public/api bash "$here/asio_smoke.sh" "$suite, nothing deprecated" "$asio" g++ -DASIO_NO_DEPRECATED
done
echo "newer_asio.sh: $# suites passed"
