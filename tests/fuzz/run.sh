#!/usr/bin/env bash
# Fuzzes what reads a peer's bytes: each target for SECONDS (60), two at a time where there are cores for it.
# Begins with the inputs in corpus/TARGET; those that are found go to a temporary folder. An input that shows
# a defect is printed in base64: decoded into a file, it is what the target takes as its argument.
#
#   run.sh [SECONDS] [TARGET...]     TARGET: a source in this folder, without its .cpp; all if none is named
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
here=$root/tests/fuzz

seconds=60
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    ((10#$1 > 0)) || die "a target needs a second at least"
    seconds=$((10#$1))
    shift
fi
targets=("$@")
if ((!$#)); then
    for source in "$here"/*.cpp; do targets+=("$(basename "$source" .cpp)"); done
fi
for target in "${targets[@]}"; do
    [[ -f $here/$target.cpp ]] || die "there is no target $target"
done

compiler=(clang++-19 -std=c++20 -O1 -g -Wall -Wextra -Werror -D_GLIBCXX_ASSERTIONS
    "-fsanitize=fuzzer,address,undefined" -fno-sanitize-recover=all -I"$root/include")
has_fuzzer() {
    local nothing='extern "C" int LLVMFuzzerTestOneInput(unsigned char const*, unsigned long) { return 0; }'
    "${compiler[@]}" -o /dev/null -x c++ - <<<"$nothing" >/dev/null 2>&1
}
need g++ g++ --version # for the standard library
need clang-19 clang++-19 --version
need libssl-dev has_header openssl/crypto.h
need libclang-rt-19-dev has_fuzzer
install_missing
has_fuzzer || die "clang's fuzzer runtime is missing (Debian: libclang-rt-19-dev)"

# The one that comes with g++: an llvm-symbolizer of another version says nothing.
export ASAN_SYMBOLIZER_PATH=${ASAN_SYMBOLIZER_PATH:-$(command -v addr2line || true)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fuzz TARGET: compiles and runs it, and prints how that went.
fuzz() {
    local target=$1 folder=$work/$1 start=$SECONDS input
    mkdir "$folder" "$folder/new"
    if "${compiler[@]}" "$here/$target.cpp" -o "$folder/$target" -lcrypto >"$folder/log" 2>&1 &&
        "$folder/$target" -max_total_time="$seconds" -max_len=4096 -timeout=20 -print_funcs=0 \
            -dict="$here/$target.dict" -artifact_prefix="$folder/found-" \
            "$folder/new" "$here/corpus/$target" >>"$folder/log" 2>&1; then
        say "$target: $(grep -o 'Done [0-9]* runs' "$folder/log" | tr D d), $(
            sed -nE 's/^#[0-9]+\s+DONE\s+cov: ([0-9]+).*/\1 edges covered/p' "$folder/log")"
        touch "$folder/passed"
        return
    fi
    say "$target FAILED after $((SECONDS - start)) s, the end of its output:"
    grep -vE '^#[0-9]+\s' "$folder/log" | tail -n 100
    for input in "$folder"/found-*; do
        [[ ! -e $input ]] || say "$target: $(basename "$input") is $(base64 -w 0 "$input")"
    done
}

lanes=$((jobs < 2 ? 1 : 2))
say "fuzzing, $lanes at a time, $seconds s each: ${targets[*]}"
for target in "${targets[@]}"; do
    while (($(jobs -rp | wc -l) >= lanes)); do wait -n || true; done
    fuzz "$target" &
done
wait
passed=$(find "$work" -name passed | wc -l)
((passed == ${#targets[@]})) || die "$((${#targets[@]} - passed)) of ${#targets[@]} targets failed"
echo "run.sh: ${#targets[@]} targets, $seconds s each, no finding"
