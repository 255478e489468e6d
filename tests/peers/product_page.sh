#!/usr/bin/env bash
# Runs the Python sample of the service's product page against the emulator, unchanged but for its four
# properties: an independent client (MSAL and requests) agrees with what the emulator speaks.
#
#   product_page.sh FILE    FILE: the product page as plain text, in any language
#
# Needs python3-msal, python3-requests, openssl. Takes half a minute: the sample sleeps 30 s.
set -euo pipefail
page=${1:?the product page as plain text}
[[ -r $page ]] || { echo "product_page.sh: there is no $page" >&2; exit 1; }
page=$(realpath "$page")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/emulator.sh"

python=
for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import msal, requests' 2>/dev/null && python=$candidate && break
done
[[ -n $python ]] || fail "please install python3-msal and python3-requests"

# The sample as it is on the page, then with its properties filled in: exactly four lines differ.
sed -n '/^#Required Python packages/,/^print("Partition metadata/p' "$page" >"$scratch/page.py"
sed -E -e "s|^tenant_id = '.*'|tenant_id = '$tenant'|" -e "s|^client_id = '.*'|client_id = '$client_id'|" \
    -e "s|^client_secret = '.*'|client_secret = '$client_secret'|" \
    -e "s|^kafkarest_endpoint = \".*\"|kafkarest_endpoint = \"https://$cluster\"|" \
    "$scratch/page.py" >"$scratch/sample.py"
changed=$(diff "$scratch/page.py" "$scratch/sample.py" | grep -c '^>' || true)
[[ $changed == 4 ]] || fail "$changed of the sample's 4 properties were found on the page"

# Host names lead to the emulator, before any module of the sample is loaded; no other name resolves.
mkdir "$scratch/site"
cat >"$scratch/site/sitecustomize.py" <<END
import socket

_getaddrinfo = socket.getaddrinfo


def _loopback(host, port, *arguments, **named):
    if (host, port) not in (("$authority", 443), ("$cluster", 443)):
        raise socket.gaierror(f"{host}:{port} is outside of this test")
    return _getaddrinfo("127.0.0.1", $port, *arguments, **named)


socket.getaddrinfo = _loopback
END
echo "product_page.sh: running the sample (it sleeps for 30 s)"
status=0
env PYTHONPATH="$scratch/site" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 REQUESTS_CA_BUNDLE="$ca" \
    timeout 240 "$python" "$scratch/sample.py" >"$scratch/output" 2>&1 </dev/null || status=$?
((status == 0)) || fail "the sample ended with status $status"

"$python" "$here/product_page_output.py" "$scratch/output" || fail "the sample did not print what it should"
echo "product_page.sh: the sample ran to its end"
