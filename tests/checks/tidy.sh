#!/usr/bin/env bash
# Runs clang-tidy 19 with .clang-tidy over the sources below and, through them, over our headers: templates are
# looked at only where something uses them. Fails on any finding, and when it could not see one.
#
#   tidy.sh [--jobs N] [SOURCE...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

jobs=1
if [[ ${1:-} == --jobs ]]; then
    jobs=$2
    shift 2
fi
# The static analyzer begins at a source's own functions and does not see through coroutines: it is for the
# parsers' tests, and would take two minutes more for each of the others.
deep=(tests/http/response_parser_test.cpp tests/http/url_test.cpp tests/base/utf8_test.cpp)
quick=(tests/client/client_test.cpp tests/stream/stream_test.cpp tests/identity/credential_test.cpp tests/public/bridge_boost_test.cpp
    examples/*.cpp examples/support/*.cpp)
if (($#)); then
    deep=("$@")
    quick=()
fi

die() {
    echo "tidy.sh: $*" >&2
    exit 1
}
tidy=${CLANG_TIDY:-clang-tidy-19}
command -v "$tidy" >/dev/null || die "$tidy is missing (Debian: apt install clang-tidy-19)"
version=$("$tidy" --version)
[[ $version == *"version 19."* ]] || die ".clang-tidy is for clang-tidy 19, this is: $version"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c++20 -Iinclude -Itests -DASIO_HAS_CO_AWAIT=1 -DASIO_HAS_STD_COROUTINE=1)
# look_at SOURCE [OPTION...]. An example is looked at for itself: the tests reach all that is behind the headers.
look_at() {
    local own=()
    [[ $1 != examples/* ]] || own=(-DHDIKAFKA_SEPARATE_COMPILATION)
    "$tidy" --quiet "${@:2}" "$1" -- "${flags[@]}" "${own[@]}"
}

# A defect in a header of ours has to show; else the configuration is broken and everything would pass.
mkdir -p "$work/include/hdikafka"
echo 'inline int* nothing() { return 0; }' >"$work/include/hdikafka/probe.hpp"
echo '#include <hdikafka/probe.hpp>' >"$work/probe.cpp"
if look_at "$work/probe.cpp" --config-file=.clang-tidy "--extra-arg=-I$work/include" >"$work/probe.log" 2>&1 ||
    ! grep -q 'modernize-use-nullptr' "$work/probe.log"; then
    cat "$work/probe.log"
    die "a defect in a header was not seen"
fi

is_deep() { [[ " ${deep[*]} " == *" $1 "* ]]; }

# One source. What clang-tidy says besides its findings (how many warnings it held back) matters only when it
# fails without one.
one() {
    local log=$work/${1//\//_} less=()
    is_deep "$1" || less=(--checks='-clang-analyzer-*')
    look_at "$1" "${less[@]}" >"$log" 2>"$log.err" && return
    touch "$log.failed"
    grep -qE '(warning|error): ' "$log" || cat "$log.err" >>"$log"
    cat "$log"
}
for source in "${deep[@]}" "${quick[@]}"; do
    while (($(jobs -rp | wc -l) >= jobs)); do wait -n || true; done
    one "$source" &
done
wait
# Several sources see the same header: each finding counts once.
failed=$(find "$work" -name '*.failed' | wc -l)
count=$(find "$work" -name '*.failed' | sed 's/\.failed$//' | { xargs -r grep -hE '(warning|error): ' || true; } |
    sort -u | wc -l)
echo "tidy.sh: $((${#deep[@]} + ${#quick[@]})) sources, $count findings in $failed of them"
((failed == 0))
