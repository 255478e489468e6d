#!/usr/bin/env bash
# Has the client go through a real tinyproxy, which wants credentials, forbids ports and filters hosts, to the
# emulator; then kills the tinyproxy again and again under load and starts it anew. through_proxy compares
# what each call said with what came through.
#
#   tinyproxy.sh [BIN]    BIN: the folder with through_proxy and hdikafka-emulator; build/bin by default
#
# Needs tinyproxy, python3, setpriv. When it is killed goes by the number of finished calls, never by time.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${1:-$root/build/bin}
events=(KILL TERM KILL TERM KILL TERM)
apart=300 # calls from a start to the next event, or to the end

scratch=$(mktemp -d)
holder_pid='' emulator_pid='' proxy_pid='' load_pid=''
finish() {
    local pid
    for pid in "$load_pid" "$proxy_pid" "$emulator_pid" "$holder_pid"; do
        [[ -n $pid ]] && kill "$pid" 2>/dev/null
    done
    wait
    rm -rf "$scratch"
}
trap 'finish || true' EXIT
fail() {
    printf 'tinyproxy.sh: %s\n' "$*" >&2
    tail -n 30 "$scratch"/*.log >&2 || true
    exit 1
}

# Nothing may leave the machine by way of a proxy, or reach the one here unless a check names it.
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
PATH=$PATH:/usr/sbin
for program in "$bin/through_proxy" "$bin/hdikafka-emulator"; do
    [[ -x $program ]] || fail "$program is not built"
done
for program in tinyproxy python3 setpriv; do
    command -v "$program" >/dev/null || fail "please install $program"
done
cd "$scratch"

# Three ports that nobody else can take while they are held; tinyproxy can, because it reuses addresses as
# the holder does. It is given one, may go to another where nobody listens, and not to the third.
exec {ports}< <(exec setpriv --pdeathsig TERM python3 -c '
import signal, socket
held = [socket.socket() for _ in range(3)]
for one in held:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held), flush=True)
signal.pause()')
holder_pid=$!
read -r proxy_port silent_port forbidden_port <&"$ports" || fail "no ports"

exec {emulator_output}< <(exec setpriv --pdeathsig TERM "$bin/hdikafka-emulator" --listen 127.0.0.1:0 \
    --advertise localhost --topic load 2>emulator.log)
emulator_pid=$!
read -r ready <&"$emulator_output" || fail "the emulator did not start"
value() {
    [[ $ready =~ \"$1\":\"([^\"]+)\" ]] || fail "the emulator did not tell its $1: $ready"
    printf '%s' "${BASH_REMATCH[1]}"
}
endpoint=$(value endpoint)
port=${endpoint##*:}
AZURE_AUTHORITY_HOST=$(value authority_host) AZURE_TENANT_ID=$(value tenant)
AZURE_CLIENT_ID=$(value client_id) AZURE_CLIENT_SECRET=$(value client_secret) SSL_CERT_FILE=$(value ca_file)
export AZURE_AUTHORITY_HOST AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET SSL_CERT_FILE

cat >tinyproxy.conf <<CONFIGURATION
Listen 127.0.0.1
Port $proxy_port
LogFile "$scratch/tinyproxy.log"
LogLevel Info
BasicAuth me Se.same
ConnectPort $port
ConnectPort $silent_port
Filter "$scratch/filter"
FilterDefaultDeny Yes
CONFIGURATION
echo '^localhost$' >filter
: >tinyproxy.log

# logged PATTERN: how many lines of tinyproxy's log have it.
logged() { grep -c -e "$1" tinyproxy.log || true; }
starts=0
start_tinyproxy() {
    local i
    setpriv --pdeathsig KILL tinyproxy -d -c "$scratch/tinyproxy.conf" >>output.log 2>&1 </dev/null &
    proxy_pid=$!
    starts=$((starts + 1))
    for ((i = 0; i < 300; ++i)); do
        (($(logged ' Accepting connections\.$') < starts)) || return 0
        kill -0 "$proxy_pid" 2>/dev/null || fail "tinyproxy ended"
        sleep 0.1
    done
    fail "tinyproxy did not start"
}
# stop_tinyproxy SIGNAL
stop_tinyproxy() {
    kill -"$1" "$proxy_pid"
    wait "$proxy_pid" 2>/dev/null || true
    proxy_pid=
}

checks=0
# ask CREDENTIALS ENDPOINT ANSWER LINE: one call; the answer begins so, and tinyproxy says that once.
ask() {
    local said lines
    lines=$(logged "$4")
    said=$("$bin/through_proxy" ask "http://${1}127.0.0.1:$proxy_port" "$2") || fail "asking $2 failed"
    [[ $said == "$3"* ]] || fail "with '$1' and $2, the call said: $said"
    [[ $said != *esame* ]] || fail "the call told the password: $said"
    (($(logged "$4") == lines + 1)) || fail "with '$1' and $2, tinyproxy did not say once: $4"
    checks=$((checks + 1))
}
good=me:Se%2esame@
refused='the HTTP proxy opened no tunnel | topics: '
not_made='the connection could not be made | topics: '
whereto="CONNECT localhost:$port HTTP/1.1\$"
start_tinyproxy
ask "$good" "$endpoint" ok 'Established connection to host "localhost"'
ask '' "$endpoint" "$refused" "$whereto"
ask me:Sesame@ "$endpoint" "$refused" "$whereto"
ask you:Se%2esame@ "$endpoint" "$refused" "$whereto"
ask "$good" "https://localhost:$forbidden_port" "$refused" "Refused CONNECT method on port $forbidden_port\$"
ask "$good" "https://127.0.0.1:$port" "$refused" 'Proxying refused on filtered .*"127\.0\.0\.1"$'
ask "$good" "https://localhost:$silent_port" "$not_made" "CONNECT localhost:$silent_port HTTP/1.1\$"

# Every call, through as many tunnels as tinyproxy has opened meanwhile.
url=http://${good}127.0.0.1:$proxy_port
opened=$(logged 'Established connection to host')
said=$("$bin/through_proxy" journey "$url" "$endpoint") || fail "the journey failed"
opened=$(($(logged 'Established connection to host') - opened))
# Two of the looks of wait_for_topic() go over connections of their own; the stream reads ahead over another one,
# when it comes to that.
[[ $said == "ok $opened" ]] && ((opened == 3 || opened == 4)) || fail "tinyproxy opened $opened tunnels, the journey said: $said"

# Without tinyproxy there is no way.
stop_tinyproxy KILL
said=$("$bin/through_proxy" ask "$url" "$endpoint") || fail "asking without tinyproxy failed"
[[ $said == "$not_made"* ]] || fail "without tinyproxy, the call said: $said"
start_tinyproxy

opened=$(logged 'Established connection to host')
coproc load { exec timeout -k 5 300 "$bin/through_proxy" load "$url" "$endpoint"; }
load_pid=$!
exec {progress}<&"${load[0]}" {orders}>&"${load[1]}"
next=$apart begun=0 figures=
while read -r word rest <&"$progress"; do
    if [[ $word == figures ]]; then
        figures=$rest
    elif ((rest >= next && begun == ${#events[@]})); then
        echo enough >&"$orders"
        next=1000000000
    elif ((rest >= next)); then
        stop_tinyproxy "${events[begun++]}"
        start_tinyproxy
        next=$((rest + apart))
    fi
done
wait "$load_pid" || fail "the load ended with status $?"
load_pid=
opened=$(($(logged 'Established connection to host') - opened))
connections=${figures##*, } retries=${figures% retries*}
connections=${connections% *} retries=${retries##* }
((retries >= ${#events[@]})) || fail "nobody noticed that tinyproxy had gone: $figures"
((opened >= connections && connections > ${#events[@]})) ||
    fail "tinyproxy opened $opened tunnels, the load said: $figures"
echo "tinyproxy.sh: $checks refusals and answers, a journey, ${#events[@]} kills: $figures"
