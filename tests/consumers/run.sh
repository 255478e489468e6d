#!/usr/bin/env bash
# Programs outside that use the library in each of the ways it can be had. Each is built from a copy in a
# temporary folder, produces and consumes against the emulator.
#
#   run.sh [BIN]    BIN: the folder that has hdikafka-emulator (build/bin)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
emulator=${1:-$root/build/bin}/hdikafka-emulator
scratch=$(mktemp -d)
emulator_pid=
finish() {
    [[ -n $emulator_pid ]] && kill "$emulator_pid" 2>/dev/null && wait "$emulator_pid"
    rm -rf "$scratch"
}
trap 'finish || true' EXIT
fail() {
    printf 'run.sh: %s\n' "$*" >&2
    exit 1
}

# Nothing may leave the machine by way of a proxy.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
# Compilers and their cache find the same as in the last run, in another folder.
export CCACHE_BASEDIR=$scratch CCACHE_NOHASHDIR=1
cxx=(g++)
if command -v ccache >/dev/null; then
    cxx=(ccache g++)
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
export CXX=g++ CMAKE_GENERATOR=Ninja

# The emulator makes its certificate itself; the programs are told where it is and whom to trust.
[[ -x $emulator ]] || fail "$emulator is not built"
"$emulator" --listen 127.0.0.1:0 >"$scratch/ready" 2>"$scratch/emulator.log" </dev/null &
emulator_pid=$!
for ((i = 0; i < 300; ++i)); do
    [[ -s $scratch/ready ]] && break
    kill -0 "$emulator_pid" 2>/dev/null || fail "the emulator ended: $(cat "$scratch/emulator.log")"
    sleep 0.1
done
member() {
    python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())[sys.argv[1]])' "$1" <"$scratch/ready"
}
HDIKAFKA_ENDPOINT=$(member endpoint)
AZURE_AUTHORITY_HOST=$(member authority_host)
AZURE_TENANT_ID=$(member tenant)
AZURE_CLIENT_ID=$(member client_id)
AZURE_CLIENT_SECRET=$(member client_secret)
SSL_CERT_FILE=$(member ca_file)
export HDIKAFKA_ENDPOINT AZURE_AUTHORITY_HOST AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET SSL_CERT_FILE

# runs WHAT PROGRAM: the topic is named after the program.
runs() {
    timeout 60 "$2" "$1" || fail "$1: the program failed"
    printf 'run.sh: %s: built, produced, consumed\n' "$1"
}

# Nothing but what a program needs is copied: were our tests or examples switched on, CMake would stop.
source=$scratch/hdikafka
mkdir "$source"
cp -r "$root"/{CMakeLists.txt,LICENSE,cmake,include} "$source"
cp -r "$root/tests/consumers" "$scratch/consumers"
cp -r "$source" "$scratch/once"
# First somewhere else, then moved: an installed copy names no place of its own.
cmake -S "$scratch/once" -B "$scratch/once/build" -DHDIKAFKA_BUILD_TESTS=OFF -DHDIKAFKA_BUILD_EXAMPLES=OFF
cmake --install "$scratch/once/build" --prefix "$scratch/first"
mv "$scratch/first" "$scratch/installed"
rm -r "$scratch/once"

# in_cmake NAME OPTION...: a consumer with a CMakeLists.txt of its own.
in_cmake() {
    local name=$1
    shift
    cmake -S "$scratch/consumers/$name" -B "$scratch/$name" "$@"
    cmake --build "$scratch/$name"
    runs "$name" "$scratch/$name/consumer"
}
in_cmake find_package -DCMAKE_PREFIX_PATH="$scratch/installed"
in_cmake fetch_content -DCHECKOUT="$source"
in_cmake add_subdirectory -DCHECKOUT="$source"
runs compiled "$scratch/add_subdirectory/consumer_compiled"

export PKG_CONFIG_PATH=$scratch/installed/share/pkgconfig
[[ $(pkg-config --modversion hdikafka) == $(sed -n 's/.*VERSION_STRING "\(.*\)"/\1/p' \
    "$source/include/hdikafka/version.hpp") ]] || fail "pkg-config: another version than the header's"
read -ra cflags < <(pkg-config --cflags hdikafka)
read -ra libs < <(pkg-config --libs hdikafka)
"${cxx[@]}" -std=c++20 "${cflags[@]}" -c "$scratch/consumers/main.cpp" -o "$scratch/pkg-config.o"
g++ "$scratch/pkg-config.o" "${libs[@]}" -o "$scratch/pkg-config"
runs pkg-config "$scratch/pkg-config"
for unit in main library; do
    "${cxx[@]}" -std=c++20 -DHDIKAFKA_SEPARATE_COMPILATION "${cflags[@]}" -c "$scratch/consumers/$unit.cpp" \
        -o "$scratch/$unit.o"
done
g++ "$scratch"/{main,library}.o "${libs[@]}" -o "$scratch/separate"
runs separate "$scratch/separate"

# An Asio that is too old is refused with the same words, by the sources and by the installed package.
mkdir -p "$scratch/old/asio"
touch "$scratch/old/asio/awaitable.hpp"
echo "#define ASIO_VERSION 101800" >"$scratch/old/asio/version.hpp"
for name in find_package add_subdirectory; do
    if cmake -S "$scratch/consumers/$name" -B "$scratch/refused-$name" -DHDIKAFKA_ASIO_INCLUDE_DIR="$scratch/old" \
        -DCMAKE_PREFIX_PATH="$scratch/installed" -DCHECKOUT="$source" >"$scratch/output" 2>&1; then
        fail "$name: Asio 1.18 was accepted"
    fi
    # CMake breaks the lines of a message.
    tr -s ' \n' '  ' <"$scratch/output" |
        grep -q "hdikafka needs Asio 1.22.1 or newer; .* has ASIO_VERSION 101800" ||
        fail "$name: another message: $(cat "$scratch/output")"
done
echo "run.sh: an Asio that is too old is refused clearly"

# The single header, alone beside the program; no other word on the command line than a user's.
mkdir "$scratch/single"
cp "$root/single_include/hdikafka.hpp" "$root"/tests/consumers/*.cpp "$scratch/single"
cd "$scratch/single"
export CPATH=.
strictly=(-std=c++20 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-mismatched-new-delete -Werror)
g++ "${strictly[@]}" -M main.cpp | sed 's|[\]$||' | tr -s ' ' '\n' >files
grep -q '/asio/awaitable.hpp$' files || fail "the list of included files is not one: $(head files)"
! grep -i boost files || fail "the single header reaches Boost"
[[ $(grep -c hdikafka files) == 1 ]] || fail "more than the single header: $(grep hdikafka files)"
g++ "${strictly[@]}" main.cpp -lssl -lcrypto
runs single ./a.out
# The same, compiled once for all files of a program.
for unit in main library; do
    g++ "${strictly[@]}" -DHDIKAFKA_SEPARATE_COMPILATION -c "$unit.cpp"
done
g++ main.o library.o -lssl -lcrypto
runs single-separate ./a.out

sanitized=(-std=c++20 -O1 -g1 -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
"${cxx[@]}" "${sanitized[@]}" -c temporaries.cpp
g++ "${sanitized[@]}" temporaries.o -lssl -lcrypto
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_init_order=1
runs temporaries ./a.out
echo "run.sh: all consumers passed"
