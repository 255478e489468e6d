#!/usr/bin/env bash
# Builds a few of the tests into one program, without CMake, and runs it: for an Asio, a compiler or a switch
# other than those of the usual builds.
#
#   [TESTS="NAME..."] asio_smoke.sh WHAT ASIO COMPILER [FLAG...]    ASIO: the folder that holds asio.hpp
set -euo pipefail
what=$1 asio=$2
shift 2
tests=${TESTS:-public/api client/client stream/stream}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

compile=("$@" -std=c++20 -Og -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
    -I"$root/include" -I"$root/tests")
# The compiler's own folders must stay where they are in its search.
[[ $asio == /usr/include ]] || compile+=(-isystem "$asio")
# clang with Asio 1.22 needs them, as the tests include Asio first; CMake's target sets them too.
[[ $1 != clang* ]] || compile+=(-DASIO_HAS_CO_AWAIT=1 -DASIO_HAS_STD_COROUTINE=1)
sources=("$root/tests/main.cpp")
for test in $tests; do
    sources+=("$root/tests/${test}_test.cpp")
done
if [[ " $* " == *" -DASIO_SEPARATE_COMPILATION "* ]]; then
    printf '#include <%s>\n' asio/impl/src.hpp asio/ssl/impl/src.hpp >"$objects/asio_itself.cpp"
    sources+=("$objects/asio_itself.cpp")
fi
launcher=()
command -v ccache >/dev/null && launcher=(ccache)
for source in "${sources[@]}"; do
    "${launcher[@]}" "${compile[@]}" -c "$source" -o "$objects/$(basename "$source" .cpp).o"
done
"$1" "$objects"/*.o -o "$objects/smoke" -lssl -lcrypto
"$objects/smoke" --minimal
version=$(sed -n 's/.*define ASIO_VERSION .*\/\/ //p' "$asio/asio/version.hpp")
echo "asio_smoke.sh: $what: Asio $version, $*: $tests passed"
