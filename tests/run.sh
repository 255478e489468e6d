#!/usr/bin/env bash
# Builds everything into build/ and runs all tests. Installs what is missing (apt). Arguments go to ctest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

need_build_tools
need_test_tools
install_missing
configure "$root/build" -DHDIKAFKA_BUILD_TESTS=ON -DHDIKAFKA_BUILD_EXAMPLES=ON
build "$root/build"
say "testing"
exec ctest --test-dir "$root/build" --output-on-failure --no-tests=error --parallel "$cores" "$@"
