#!/usr/bin/env bash
# Puts an nginx between the client and the emulator, reloads it and kills its workers under load, and has
# nginx_load compare what each call said with what came through: once with the default policy, which never
# sends a record twice, and once with at_least_once.
#
#   nginx.sh [BIN]    BIN: the folder that holds nginx_load; build/bin by default
#
# Needs nginx, openssl, python3. What happens when goes by the number of finished calls, never by time.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${1:-$root/build/bin}
events=(reload reload kill reload reload reload kill reload reload reload kill reload reload)
apart=400      # calls from an event's effect to the next event, or to the end
patience=50000 # calls within which an event must have had its effect

scratch=$(mktemp -d)
nginx_pid='' load_pid=''
finish() {
    [[ -n $load_pid ]] && kill "$load_pid" 2>/dev/null
    [[ -n $nginx_pid ]] && kill "$nginx_pid" 2>/dev/null
    wait
    rm -rf "$scratch"
}
trap 'finish || true' EXIT
fail() {
    printf 'nginx.sh: %s\n' "$*" >&2
    [[ -s $scratch/error.log ]] && tail -n 30 "$scratch/error.log" >&2
    exit 1
}

# Nothing may leave the machine by way of a proxy.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
PATH=$PATH:/usr/sbin
[[ -x $bin/nginx_load ]] || fail "$bin/nginx_load is not built"
for program in nginx openssl python3; do
    command -v "$program" >/dev/null || fail "please install $program"
done
[[ -r /proc/$$/task/$$/children ]] || fail "this kernel does not tell the children of a process"
cd "$scratch"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=nginx.sh \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out certificate.pem 2>openssl.log ||
    fail "openssl made no certificate: $(cat openssl.log)"

# configure PORT TLS: a proxy in front of the emulator at this port. It refuses what asks for it, so that
# there are produces of which nothing may have come through.
configure() {
    cat >nginx.conf <<CONFIGURATION
daemon off;
$( ((EUID)) || echo "user root;")
worker_processes 2;
pid nginx.pid;
error_log error.log notice;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_body_buffer_size 256k;
    keepalive_requests 300;
    upstream emulator {
        server 127.0.0.1:$1;
        keepalive 16;
    }
    server {
        include listen.conf;
        ssl_certificate certificate.pem;
        ssl_certificate_key key.pem;
        ssl_protocols $2;
        if (\$http_x_ms_client_request_id ~ ^refuse-) { return 429; }
        location / {
            proxy_pass https://emulator;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_ssl_trusted_certificate certificate.pem;
            proxy_ssl_verify on;
            proxy_ssl_name localhost;
        }
    }
}
CONFIGURATION
}

# Prints its port and becomes nginx, which is given the socket as when it replaces itself by a newer one: so
# nobody else can take the port. Whatever ends the script, nginx does not outlive it.
nginx_on_a_free_port() {
    exec python3 - <<'PROGRAM'
import ctypes, os, signal, socket
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(1024)
listener.setblocking(False)  # nginx takes it as it is: one worker would wait for what another one accepts
listener.set_inheritable(True)
port = listener.getsockname()[1]
with open("listen.conf", "w") as file:
    file.write(f"listen 127.0.0.1:{port} ssl;\n")
print(port, flush=True)
os.environ["NGINX"] = f"{listener.fileno()};"
os.execvp("nginx", ["nginx", "-p", ".", "-c", "nginx.conf", "-e", "error.log"])
PROGRAM
}

# Sets workers[]: the pids.
look_at_workers() { read -r -a workers <"/proc/$nginx_pid/task/$nginx_pid/children" || true; }
# Sets busiest: the worker with the most open files. Now and then one has no connections at all.
look_for_busiest() {
    local pid most=0 files
    for pid in "${workers[@]}"; do
        files=("/proc/$pid/fd"/*)
        ((${#files[@]} <= most)) || busiest=$pid most=${#files[@]}
    done
}
# begin EVENT: sets leaving[]: the workers that must go.
begin() {
    look_at_workers
    echo "$1" >&"$orders"
    if [[ $1 == reload ]]; then
        leaving=("${workers[@]}")
        nginx -p . -c nginx.conf -e error.log -s reload || fail "nginx -s reload failed"
    else
        look_for_busiest
        leaving=("$busiest")
        kill -KILL "$busiest"
    fi
}
# Whether those who must go have gone and there are two others.
has_taken_effect() {
    look_at_workers
    ((${#workers[@]} == 2)) || return 1
    local pid
    for pid in "${leaving[@]}"; do
        [[ " ${workers[*]} " != *" $pid "* ]] || return 1
    done
}

# What nginx itself says has happened.
check_log() {
    local reloaded killed crashed
    reloaded=$(grep -c ': reconfiguring$' error.log || true)
    killed=$(grep -c ' exited on signal 9$' error.log || true)
    crashed=$(grep -c ' exited on signal' error.log || true)
    ((reloaded == 10 && killed == 3 && crashed == 3)) ||
        fail "nginx was reloaded $reloaded times, $crashed workers crashed, $killed of them by SIGKILL"
}

# run TLS [at-least-once]: one load from the beginning to the end; sets figures.
run() {
    local tls=$1
    shift
    local port word calls next=$apart waiting='' begun=0 limit=0
    coproc load { exec timeout -k 5 100 "$bin/nginx_load" certificate.pem key.pem "$@"; }
    load_pid=$!
    exec {progress}<&"${load[0]}" {orders}>&"${load[1]}"
    read -r port <&"$progress" || fail "nginx_load did not start"
    configure "$port" "$tls"
    exec {nginx_output}< <(nginx_on_a_free_port)
    nginx_pid=$!
    read -r port <&"$nginx_output" || fail "nginx did not start"
    echo "https://127.0.0.1:$port" >&"$orders"

    while read -r word calls <&"$progress"; do
        [[ $word == calls ]] || fail "nginx_load printed: $word $calls"
        if [[ -n $waiting ]]; then
            ((calls < limit)) || fail "the $waiting had no effect within $patience calls"
            has_taken_effect || continue
            waiting='' next=$((calls + apart))
        elif ((calls < next)); then
            continue
        elif ((begun == ${#events[@]})); then
            echo enough >&"$orders"
            break
        else
            waiting=${events[begun++]} limit=$((calls + patience))
            begin "$waiting"
        fi
    done
    echo "nginx.sh: $tls, ${1:-default policy}"
    figures=
    while IFS= read -r word; do
        case $word in
        calls\ *) ;;
        figures\ *) figures=${word#figures } ;;
        *) printf '%s\n' "$word" ;;
        esac
    done <&"$progress"
    wait "$load_pid" || fail "the load ended with status $?"
    load_pid=
    exec {progress}<&- {orders}>&- {nginx_output}<&-
    kill "$nginx_pid"
    wait "$nginx_pid" || fail "nginx ended with status $?"
    nginx_pid=
    check_log
    rm error.log
}

run TLSv1.3
summary=$figures
run TLSv1.2 at-least-once
echo "nginx.sh: each time 10 reloads and 3 kills: default policy: $summary; at_least_once: $figures"
