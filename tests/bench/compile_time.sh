#!/usr/bin/env bash
# Prints how much longer than the headers it stands on a file takes to compile that includes hdikafka.hpp; beside
# it, the least that a program does that asks for something over HTTPS with Asio alone. User CPU time at -O0,
# median of several rounds, with g++ and, where it is there, clang++-19. Only prints: times differ from machine to
# machine and from run to run.
#
#   compile_time.sh [ROUNDS]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
rounds=${1:-5}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
TIMEFORMAT=%U

include() { printf '#include <%s>\n' "$@"; }
include asio/{awaitable,co_spawn,io_context,ip/tcp,steady_timer}.hpp openssl/ssl.h >"$scratch/asio.cpp"
include hdikafka.hpp >"$scratch/header.cpp"
awk '/^```/ { if (inside) exit; inside = /cpp/; next } inside' "$root/README.md" >"$scratch/readme.cpp"
cp "$root/examples/quickstart.cpp" "$scratch/quickstart.cpp"
include boost/asio/ssl.hpp boost/beast.hpp boost/beast/ssl.hpp >"$scratch/beast.cpp"
cp "$root/tests/bench/asio_get.cpp" "$scratch/get.cpp"
names=(asio header readme quickstart header_separate readme_separate quickstart_separate get beast)
declare -A what=(
    [asio]="narrow Asio headers and openssl/ssl.h"
    [header]="hdikafka.hpp, nothing called"
    [readme]="the README's program"
    [quickstart]="examples/quickstart.cpp"
    [header_separate]="hdikafka.hpp, compiled separately"
    [readme_separate]="the README's program, so too"
    [quickstart_separate]="examples/quickstart.cpp, so too"
    [get]="one GET with asio::ssl, a deadline"
    [beast]="Boost.Beast and asio/ssl"
)

# one COMPILER NAME: the seconds that one compilation takes. ccache is no part of it.
one() {
    local flags=(-std=c++20 -O0 -I "$root/include" -I "$root/examples")
    [[ $1 != clang* ]] || flags+=(-DASIO_HAS_CO_AWAIT=1 -DASIO_HAS_STD_COROUTINE=1)
    [[ $2 != *_separate ]] || flags+=(-DHDIKAFKA_SEPARATE_COMPILATION)
    { time CCACHE_DISABLE=1 "$1" "${flags[@]}" -c "$scratch/${2%_separate}.cpp" -o /dev/null 2>"$scratch/messages"; } 2>&1 ||
        { cat "$scratch/messages" >&2; return 1; }
}
median() {
    sort -n "$1" | awk '{ all[NR] = $1 } END { print (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2 }'
}

for compiler in g++ clang++-19; do
    if ! command -v "$compiler" >/dev/null; then
        printf '%s: not measured, it is not there\n\n' "$compiler"
        continue
    fi
    measured=()
    for name in "${names[@]}"; do
        if [[ $name == beast ]] && ! CXX=$compiler has_header boost/beast.hpp >/dev/null 2>&1; then
            continue
        fi
        measured+=("$name")
    done
    # In turns, so that whatever else the machine does meets all of them. The first round only warms up.
    for ((round = 0; round <= rounds; ++round)); do
        for name in "${measured[@]}"; do
            seconds=$(one "$compiler" "$name")
            ((round == 0)) || printf '%s\n' "$seconds" >>"$scratch/$compiler.$name"
        done
    done
    printf '%-40s %8s %8s\n' "$compiler -O0, $rounds rounds" "user s" "x Asio"
    floor=$(median "$scratch/$compiler.asio")
    for name in "${names[@]}"; do
        if [[ -e $scratch/$compiler.$name ]]; then
            awk -v what="${what[$name]}" -v time="$(median "$scratch/$compiler.$name")" -v floor="$floor" \
                'BEGIN { printf "  %-38s %8.2f %8.2f\n", what, time, time / floor }'
        else
            printf '  %-38s not measured: libboost1.81-dev is missing\n' "${what[$name]}"
        fi
    done
    echo
done
