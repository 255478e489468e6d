"""An nginx on a free port of the loopback that gives canned answers of the REST proxy over TLS 1.3."""
import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import string
import subprocess
from pathlib import Path

CONFIGURATION = """
daemon off;
%(user)s
pid nginx.pid;
error_log error.log;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    large_client_header_buffers 4 16k;
    open_file_cache max=2000 inactive=600s;
    default_type application/json;
    map_hash_max_size 8192;
    map $at $behind {
%(behind)s
    }
    server {
        listen 127.0.0.1:%(port)d ssl;
        ssl_certificate certificate.pem;
        ssl_certificate_key key.pem;
        ssl_protocols TLSv1.3;
        location /v1/producer/ { return 200 '{"offsets":[{"partition":0,"offset":0}]}'; }
        location ~ "^/v1/metadata/topics/stream-(?<reads>[0-9]{4})/partitions/0$" {
            return 200 '{"partition_id":0,"earliest_offset":1000000,"latest_offset":1${reads}00,%(replicas)s}';
        }
        location ~ "^/v1/consumer/topics/stream-[0-9]{4}/partitions/0/offsets/(?<at>[0-9]{7})$" {
            alias %(folder)s/stream/$at.json;
            add_header NextOffset $behind;
        }
%(reads)s
    }
}
"""
READ = """
        location = /v1/consumer/topics/records-%(count)d/partitions/0/offsets/0 {
            alias %(folder)s/records-%(count)d.json;
            add_header NextOffset %(count)d;
        }"""

BROKER = '{"hostName":"wn0","port":9092,"id":1001}'
REPLICAS = f'"leader":{BROKER},"replicas":[{BROKER}],"isr":[{BROKER}]'

PR_SET_PDEATHSIG = 1


def end_with_the_parent():
    """Whatever ends the bench, nginx does not outlive it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


# Records of a read -> bytes of its answer. Those of 10 and of 1,000 differ in nothing but the number.
READS = {10: 200_000, 100: 110_000, 1000: 200_000}
# A stream's: the topic stream-0070 has what 70 reads of 100 records bring, each of the size above.
STREAM_FIRST, STREAM_COUNT, STREAM_READS = 1_000_000, 100, 1_200


def records(count, size, first=0):
    """A JSON array of `count` records, `size` bytes in all; the values are text without escapes."""
    def written(lengths):
        return json.dumps([
            {"key": f"key{i:04}", "value": (string.ascii_letters * (length // 52 + 1))[:length], "partition": 0,
             "offset": first + i, "timestamp": 1700000000000 + i, "timestampType": "CREATE_TIME"}
            for i, length in enumerate(lengths)], separators=(",", ":"))
    rest, odd = divmod(size - len(written([0] * count)), count)
    return written([rest + (i < odd) for i in range(count)])


class Server:
    """To be used in a `with`: it ends with the block."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.process = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait()

    def _start(self):
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not program:
            raise SystemExit("nginx is missing")
        folder = self.folder
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "1", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for count, size in READS.items():
            (folder / f"records-{count}.json").write_text(records(count, size))

        stream = range(STREAM_FIRST, STREAM_FIRST + STREAM_READS * STREAM_COUNT, STREAM_COUNT)
        (folder / "stream").mkdir()
        for first in stream:
            (folder / "stream" / f"{first}.json").write_text(records(STREAM_COUNT, READS[STREAM_COUNT], first))
        behind = "\n".join(f"        {first} {first + STREAM_COUNT};" for first in stream)

        # nginx is given the socket, as when it replaces itself by a newer one: so nobody else can take the port.
        # Its worker must be able to read this folder.
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1024)
            listener.setblocking(False)  # as nginx wants them: it would wait in accept for one that is gone
            port = listener.getsockname()[1]
            reads = "".join(READ % {"count": count, "folder": folder} for count in READS)
            (folder / "nginx.conf").write_text(CONFIGURATION % {
                "port": port, "reads": reads, "behind": behind, "replicas": REPLICAS, "folder": folder,
                "user": "" if os.geteuid() else "user root;"})
            self.process = subprocess.Popen(
                [program, "-p", folder, "-c", "nginx.conf", "-e", "error.log"], pass_fds=[listener.fileno()],
                env={**os.environ, "NGINX": f"{listener.fileno()};"}, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=end_with_the_parent)
        self.ca_file = str(folder / "certificate.pem")
        self.endpoint = f"https://127.0.0.1:{port}"
        self._check(port)

    def _check(self, port):
        """Every answer once, by a client that is none of those measured."""
        trust = ssl.create_default_context(cafile=self.ca_file)
        try:
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=trust)
            for count, size in READS.items():
                connection.request(
                    "GET", f"/v1/consumer/topics/records-{count}/partitions/0/offsets/0?count={count}")
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == 200 and answer.getheader("NextOffset") == str(count), answer.headers
                assert len(body) == size and len(json.loads(body)) == count, len(body)
            for first in (STREAM_FIRST, STREAM_FIRST + (STREAM_READS - 1) * STREAM_COUNT):
                connection.request("GET", f"/v1/consumer/topics/stream-0070/partitions/0/offsets/{first}?count=100")
                answer = connection.getresponse()
                body = answer.read()
                assert answer.getheader("NextOffset") == str(first + STREAM_COUNT), answer.headers
                assert len(body) == READS[STREAM_COUNT] and json.loads(body)[0]["offset"] == first, len(body)
            connection.request("GET", "/v1/metadata/topics/stream-0070/partitions/0")
            answer = connection.getresponse()
            assert json.loads(answer.read())["latest_offset"] == STREAM_FIRST + 70 * STREAM_COUNT, answer.status
            connection.request("POST", "/v1/producer/topics/any", b"{}")
            answer = connection.getresponse()
            assert answer.status == 200 and json.loads(answer.read())["offsets"], answer.status
            assert connection.sock.version() == "TLSv1.3", connection.sock.version()
        except (OSError, AssertionError, http.client.HTTPException) as failure:
            log = self.folder / "error.log"
            raise SystemExit(f"nginx does not answer as it should: {failure!r}\n"
                             f"{log.read_text() if log.exists() else ''}") from failure
