#!/usr/bin/env bash
# Builds the quickstart into build/ and runs it: against the emulator inside it, or against a cluster when
# HDIKAFKA_ENDPOINT, AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are set. Installs what is
# missing (apt).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../tests/setup.sh"

need_build_tools
install_missing
# A new build folder leaves the tests out, so that nothing has to be installed for them.
options=()
[[ -e $root/build/CMakeCache.txt ]] || options=(-DHDIKAFKA_BUILD_TESTS=OFF)
configure "$root/build" -DHDIKAFKA_BUILD_EXAMPLES=ON "${options[@]}"
build "$root/build" --target quickstart
exec "$root/build/bin/quickstart" "$@"
