#!/usr/bin/env bash
# Azure's identity libraries for Node and Python against hdikafka-emulator: prints which of them gets which token.
# The libraries come from npm and pip, in these versions, into FOLDER. Needs root: Azure Arc's keys lie in /var/opt.
#
#   identity.sh [FOLDER]    FOLDER: where to put them (build/identity_peers)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${HDIKAFKA_BIN:-$root/build/bin}
folder=$(realpath -m "${1:-$root/build/identity_peers}")
node_packages=(@azure/identity@4.13.1 @azure/msal-node@7.2.3)
python_packages=(azure-identity==1.27.0 msal==1.39.0 PyJWT==2.15.1)

fail() {
    printf 'identity.sh: %s\n' "$*" >&2
    exit 1
}
[[ -x $bin/hdikafka-emulator ]] || fail "$bin/hdikafka-emulator is not built"
for program in node npm openssl; do
    command -v "$program" >/dev/null || fail "$program is missing, and without it nobody knows what works"
done
(($(node -p 'process.versions.node.split(".")[0]') >= 20)) || fail "Node $(node --version) is older than 20"
mkdir -p "$folder"
wanted="${node_packages[*]} ${python_packages[*]}"
if [[ $(cat "$folder/installed" 2>/dev/null || true) != "$wanted" ]]; then
    rm -rf "$folder"
    mkdir -p "$folder/node"
    npm install --prefix "$folder/node" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts \
        "${node_packages[@]}"
    python3 -m venv "$folder/python"
    "$folder/python/bin/pip" install -q --disable-pip-version-check "${python_packages[@]}"
    printf '%s' "$wanted" >"$folder/installed"
fi
# Nothing may leave the machine by way of a proxy.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
"$folder/python/bin/python" "$here/identity/table.py" "$bin/hdikafka-emulator" "$folder/node/node_modules"
