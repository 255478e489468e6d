#!/usr/bin/env bash
# Times records that come one by one, at a distance: see producers.py, which takes the arguments. Builds into
# build-bench/, or the folder that BENCH_BUILD names; installs what is missing (apt).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
folder=${BENCH_BUILD:-$root/build-bench}

need_build_tools
need python3 python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))'
install_missing
configure "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DHDIKAFKA_BUILD_BENCH=ON -DHDIKAFKA_BUILD_TESTS=OFF \
    -DHDIKAFKA_BUILD_EXAMPLES=ON
build "$folder" --target bench_producers --target hdikafka-emulator
say "measuring"
exec python3 "$root/tests/bench/producers.py" "$folder/bin" "$@"
