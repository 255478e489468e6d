#!/usr/bin/env bash
# Asio's own switches, with the Asio that is installed: without what it has given up, with its code in one
# translation unit of the program; and what clang says when Asio was read first without its two macros.
#
#   asio_switches.sh [ASIO]    ASIO: the folder that holds asio.hpp (/usr/include)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
asio=${1:-/usr/include}
export TESTS=public/api
bash "$here/asio_smoke.sh" "nothing deprecated" "$asio" g++ -DASIO_NO_DEPRECATED
bash "$here/asio_smoke.sh" "separate compilation" "$asio" g++ -DASIO_SEPARATE_COMPILATION

includes=(-I"$here/../../include")
[[ $asio == /usr/include ]] || includes+=(-isystem "$asio")
said=$(printf '#include <%s>\n' asio/awaitable.hpp hdikafka.hpp |
    clang++-19 -std=c++20 "${includes[@]}" -fsyntax-only -x c++ - 2>&1) && status=0 || status=$?
version=$(sed -n 's/.*define ASIO_VERSION \([0-9]*\).*/\1/p' "$asio/asio/version.hpp")
wanted='error: "Asio has no co_await here: compile with -DASIO_HAS_CO_AWAIT=1 -DASIO_HAS_STD_COROUTINE=1"'
if ((version < 102300)); then
    # The first error: nothing that is harder to read comes before it.
    grep -m 1 'error:' <<<"$said" | grep -qF "$wanted" || {
        printf 'asio_switches.sh: clang does not say what is missing (status %s):\n%s\n' "$status" "$said" >&2
        exit 1
    }
elif ((status)); then
    printf 'asio_switches.sh: clang needs no macros with this Asio, and yet:\n%s\n' "$said" >&2
    exit 1
fi
echo "asio_switches.sh: passed; clang without Asio's macros is told so"
