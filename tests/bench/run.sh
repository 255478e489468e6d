#!/usr/bin/env bash
# Measures hdikafka's client beside a bare OpenSSL loop, Boost.Beast and libcurl, and prints a table: see
# measure.py, which takes the arguments (--short, --check). Builds into build-bench/, or the folder that
# BENCH_BUILD names; installs what is missing (apt).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
folder=${BENCH_BUILD:-$root/build-bench}

need_build_tools
need valgrind valgrind --version
need openssl openssl version
need python3 python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))'
# The peers: elsewhere the table says which of them is not there.
if command -v apt-get >/dev/null; then
    need libcurl4-openssl-dev has_header curl/curl.h
    need "libboost1.81-dev|libboost-dev" has_header boost/json.hpp
fi
install_missing
provide nginx nginx "$folder"

configure "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DHDIKAFKA_BUILD_BENCH=ON -DHDIKAFKA_BUILD_TESTS=OFF \
    -DHDIKAFKA_BUILD_EXAMPLES=OFF
build "$folder"
say "measuring"
exec python3 "$root/tests/bench/measure.py" "$folder/bin" "$@"
