#!/usr/bin/env bash
# Gets a token from the emulator with the curl command of the service's product page, and lists topics with it.
#
#   curl.sh FILE    FILE: the product page as plain text, in any language
set -euo pipefail
page=${1:?the product page as plain text}
[[ -r $page ]] || { echo "curl.sh: there is no $page" >&2; exit 1; }
page=$(realpath "$page")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/emulator.sh"

# Where the host names lead and whom to trust stands in .curlrc: the commands stay as they are.
export CURL_HOME=$scratch
cat >"$scratch/.curlrc" <<END
connect-to = "$authority:443:127.0.0.1:$port"
connect-to = "$cluster:443:127.0.0.1:$port"
cacert = "$ca"
silent
show-error
max-time = 20
END
list_topics() {
    curl -o "$scratch/output" -w '%{http_code}' -H "Authorization: Bearer $1" \
        "https://$cluster/v1/metadata/topics"
}
# ask_token SECRET: the page's command with its placeholders filled in.
ask_token() {
    local command
    command=$(sed -e "s/<clientid>/$client_id/" -e "s/<clientsecret>/$1/" -e "s/<tenantid>/$tenant/" \
        <<<"$(grep -m 1 '^curl -X POST ' "$page")")
    bash -c "$command" >"$scratch/output"
    sed -nE 's/.*"access_token" *: *"([^"]+)".*/\1/p' "$scratch/output"
}

token=$(ask_token "$client_secret")
[[ -n $token ]] || fail "the page's curl command got no token"
status=$(list_topics "$token")
[[ $status == 200 ]] || fail "listing topics was answered with $status"
grep -q '"topics"' "$scratch/output" || fail "the answer lists no topics"
echo "curl.sh: topics listed with the page's token: $(cat "$scratch/output")"

[[ -z $(ask_token wrong) ]] || fail "a wrong secret got a token"
status=$(list_topics "${token}x")
[[ $status == 401 ]] || fail "a forged token was answered with $status"
echo "curl.sh: a wrong secret and a forged token were refused"
