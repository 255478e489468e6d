#!/usr/bin/env bash
# Looks for tests that depend on luck: the whole suite again and again, four programs at a time, with two busy
# loops beside them. Goes on after a failure, and fails in the end. BUILD has been built, by tests/run.sh or so.
#
#   under_load.sh [ROUNDS [BUILD [CTEST-ARGUMENT...]]]      20 rounds in build/ when nothing is said
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
rounds=${1:-20} build=${2:-$root/build}
shift $(($# < 2 ? $# : 2))
[[ -e $build/CTestTestfile.cmake ]] || { echo "under_load.sh: $build has not been built"; exit 1; }

log=$(mktemp)
busy=()
trap 'kill "${busy[@]}"; rm -f "$log"' EXIT
for _ in 1 2; do
    (while :; do :; done) &
    busy+=($!)
done

failed=0
for ((round = 1; round <= rounds; ++round)); do
    start=$SECONDS status=0
    # What looks at source text alone says the same every time.
    ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel 4 --label-exclude source "$@" \
        >"$log" 2>&1 || status=$?
    if ((status)); then
        failed=$((failed + 1))
        cat "$log"
    fi
    printf 'under_load.sh: round %d of %d, %d s: %s\n' "$round" "$rounds" $((SECONDS - start)) \
        "$(grep -E 'tests passed' "$log" || echo "ctest ended with $status")"
done
printf 'under_load.sh: %d of %d rounds failed\n' "$failed" "$rounds"
((failed == 0))
