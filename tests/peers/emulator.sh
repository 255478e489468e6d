# Sourced by the peer tests: starts the emulator on a free port of the loopback with a certificate for the
# real host names. Gives $scratch (removed at the end), $port, $ca and what the emulator expects of callers.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${HDIKAFKA_BIN:-$root/build/bin}
cluster=testcluster-kafkarest.azurehdinsight.net
authority=login.microsoftonline.com
tenant=7f1d4c7e-25a9-4b0e-9d43-0c5f6a4e8b21
client_id=c0ffee00-8d52-4f6e-a1b7-3e9d2f5c6a10
client_secret=only-for-this-test

scratch=$(mktemp -d)
emulator_pid=
finish() {
    [[ -n $emulator_pid ]] && kill "$emulator_pid" 2>/dev/null && wait "$emulator_pid"
    rm -rf "$scratch"
}
trap 'finish || true' EXIT
fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    [[ -s $scratch/output ]] && cat "$scratch/output" >&2
    [[ -s $scratch/emulator.log ]] && cat "$scratch/emulator.log" >&2
    exit 1
}

# Nothing may leave the machine by way of a proxy.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

[[ -x $bin/hdikafka-emulator ]] || fail "$bin/hdikafka-emulator is not built"
ca=$scratch/certificate.pem
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj "/CN=$cluster" \
    -addext "subjectAltName=DNS:$authority,DNS:$cluster" \
    -keyout "$scratch/key.pem" -out "$ca" 2>"$scratch/output" || fail "openssl made no certificate"
: >"$scratch/output" >"$scratch/ready"

"$bin/hdikafka-emulator" --listen 127.0.0.1:0 --cert "$ca" --key "$scratch/key.pem" --tenant "$tenant" \
    --client-id "$client_id" --client-secret "$client_secret" \
    >"$scratch/ready" 2>"$scratch/emulator.log" </dev/null &
emulator_pid=$!
port=
for ((i = 0; i < 300; ++i)); do
    port=$(sed -nE 's/.*"endpoint" *: *"https:\/\/[^"]*:([0-9]+).*/\1/p' "$scratch/ready")
    [[ -n $port ]] && break
    kill -0 "$emulator_pid" 2>/dev/null || fail "the emulator ended"
    sleep 0.1
done
[[ -n $port ]] || fail "the emulator did not get ready: $(cat "$scratch/ready")"
