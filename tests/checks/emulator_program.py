#!/usr/bin/env python3
"""Runs hdikafka-emulator as another program would: its ready line, its options, its end.

    emulator_program.py PATH-OF-HDIKAFKA-EMULATOR
"""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.parse

from emulator_process import LIMIT, Emulator, check

BAD_OPTIONS = [  # and a part of what must be said about each
    (["--nonsense"], "--nonsense"),
    (["orders"], "orders"),
    (["--listen"], "--listen needs a value"),
    (["--listen", "localhost:0"], "not an IP address"),
    (["--listen", "127.0.0.1"], "--listen needs an address and a port"),
    (["--listen", "127.0.0.1:65536"], "0 to 65535"),
    (["--latency", "-1"], "--latency"),
    (["--latency=5ms"], "'5ms'"),
    (["--values", "binary"], "embedded, text"),
    (["--no-delete=yes"], "takes no value"),
    (["--tenant", ""], "--tenant"),
    (["--tenant", "a/b"], "tenant"),
    (["--cert", "x"], "--cert and --key go together"),
    (["--cert", "x", "--key", "y", "--host-name", "z"], "--host-name"),
    (["--out-of-range-status", "300"], "--out-of-range-status"),
    (["--refresh-in", "soon"], "--refresh-in"),
    (["--federated-issuer", "x"], "go together"),
    (["--federated-subject", "x", "--federated-keys", "y"], "go together"),
    (["--federated-audience", "x"], "go together"),
    (["--federated-issuer", ""], "--federated-issuer must not be empty"),
    (["--managed-identity=yes"], "takes no value"),
    (["--identity-port", "65536"], "0 to 65535"),
    (["--identity-header", "a\nb"], "header"),
    (["--user-assigned-identity", ""], "--user-assigned-identity"),
    (["--arc-key-file="], "--arc-key-file"),
    (["--nodes", "0"], "1 to 64"),
    (["--node-delay", "soon"], "--node-delay"),
    (["--missing-topic-hangs=yes"], "takes no value"),
    (["--next-offset", "none"], "absurd"),
    (["--max-connections", "0"], "1 to 1000000"),
    (["--request-timeout", "0"], "1 to 86400000"),
    (["--idle-timeout=never"], "'never'"),
    (["--max-buffered", "-1"], "--max-buffered"),
]


def managed_identities(program):
    with tempfile.TemporaryDirectory() as folder:
        key_file = os.path.join(folder, "agent.key")
        emulator = Emulator(
            program, "--managed-identity", "--identity-header", "from the environment",
            "--user-assigned-identity", "mine", "--arc-key-file", key_file, "--refresh-in", "40", identities=True)
        check(emulator.token()["refresh_in"] == 40, "the time to ask again is not the one given")
        imds = "/metadata/identity/oauth2/token"
        granted = [
            emulator.identity_request(imds, **{"api-version": "2018-02-01"}),
            emulator.identity_request(imds, **{"api-version": "2018-02-01", "client_id": "mine"}),
            emulator.identity_request("/msi/token", **{"api-version": "2019-08-01"}),
        ]
        for status, answer in granted:
            check(status == 200 and answer["refresh_in"] == "40", f"a managed identity was told {answer}")
            bearer = {"Authorization": "Bearer " + answer["access_token"]}
            check(emulator.request("GET", "/v1/metadata/topics", **bearer)[0] == 200, "a token is no good")
        check([answer["client_id"] for _, answer in granted] == ["emulator-client", "mine", "emulator-client"],
              "the identities are mixed up")
        status, _ = emulator.identity_request(
            "/metadata/arc/identity/oauth2/token", **{"api-version": "2019-11-01"})
        check(status == 401 and os.listdir(folder) == ["agent.key"], "there is no key for Azure Arc")
        emulator.end(signal.SIGTERM)
        check(os.listdir(folder) == [], "the key for Azure Arc is left behind")
    for implied in ("--identity-port=0", "--identity-header=x", "--user-assigned-identity=x", "--arc-key-file=x"):
        Emulator(program, implied, identities=True).end(signal.SIGTERM)


def files_of_others(program):
    """The file of --ca-file is made and removed; a file that was there, or has come since, is not touched."""
    with tempfile.TemporaryDirectory() as folder:
        path, other, link = (os.path.join(folder, name) for name in ("ca.pem", "mine", "link"))
        with open(other, "w", encoding="utf-8") as file:
            file.write("mine")
        os.symlink(os.path.join(folder, "nowhere"), link)
        for taken in (other, link):
            refused = subprocess.run([program, "--listen", "127.0.0.1:0", "--ca-file", taken], capture_output=True,
                                     text=True, timeout=LIMIT, check=False)
            check(refused.returncode == 1 and f"{taken} is there already" in refused.stderr,
                  f"--ca-file {taken}: {refused.stderr!r}")
            check(refused.stdout == "", "it said that it was ready")
        check(sorted(os.listdir(folder)) == ["link", "mine"], "a file was made or removed")
        emulator = Emulator(program, "--ca-file", path)
        check(emulator.ready["ca_file"] == path, "the authority is elsewhere")
        emulator.end(signal.SIGTERM)
        check(not os.path.exists(path), "the authority's file is left behind")
        emulator = Emulator(program, "--ca-file", path)
        os.replace(other, path)
        emulator.end(signal.SIGTERM)
        with open(path, encoding="utf-8") as file:
            check(file.read() == "mine", "a file that has come since was removed")


def unfriendly(program):
    hour = str(3_600_000)
    emulator = Emulator(
        program, "--topic", "orders", "--nodes", "2", "--node-delay", hour, "--partitions-after", hour,
        "--status-needs-token", "--next-offset", "absurd", "--max-read-bytes", "3")
    bearer = {"Authorization": "Bearer " + emulator.token()["access_token"]}
    check(emulator.request("GET", "/v1/status")[0] == 401, "the status needs no token")
    check(emulator.request("GET", "/v1/status", **bearer)[0] == 200, "there is no status")
    check(emulator.request("PUT", "/v1/topics/late", **bearer)[0] == 200, "a topic cannot be created")
    shown = [emulator.request("GET", "/v1/metadata/topics/late/partitions", **bearer) for _ in range(4)]
    check(sorted(status for status, _ in shown) == [200, 200, 404, 404], "all nodes show the same topics")
    check((200, {"topic": "late", "partitions": []}) in shown, "a new topic has partitions at once")
    emulator.request("POST", "/v1/producer/topics/orders", '{"records":[{"value":"aa"},{"value":"bb"}]}',
                     **bearer, **{"Content-Type": "application/json"})
    _, read = emulator.request("GET", "/v1/consumer/topics/orders/partitions/0/offsets/0?count=9", **bearer)
    check([record["value"] for record in read["records"]] == ["aa"], "a read gives more than it may")
    emulator.end(signal.SIGTERM)

    emulator = Emulator(program, "--leaders-after", hour, "--missing-topic-hangs")
    bearer = {"Authorization": "Bearer " + emulator.token()["access_token"]}
    emulator.request("PUT", "/v1/topics/late", **bearer)
    status, partition = emulator.request("GET", "/v1/metadata/topics/late/partitions/0", **bearer)
    check(status == 200 and partition["leader"] is None, "a new topic has leaders at once")
    waiting = emulator.connect()
    waiting.request("POST", "/v1/producer/topics/missing", '{"records":[{"value":1}]}',
                    {**bearer, "Content-Type": "application/json"})
    emulator.request("GET", "/v1/status")  # by now the other would have its answer
    waiting.sock.settimeout(0.2)
    try:
        check(False, f"a produce to no topic was answered with {waiting.getresponse().status}")
    except TimeoutError:
        waiting.close()
    emulator.end(signal.SIGTERM)


def main(program):
    for number in (signal.SIGINT, signal.SIGTERM):
        emulator = Emulator(
            program, "--tenant", "t", "--client-id=c", "--client-secret", 'a "secret"', "--topic", "orders:3",
            "--token-lifetime", "77", "--threads", "2")
        check(emulator.ready["client_secret"] == 'a "secret"', "the secret is not the one given")
        token = emulator.token()
        check(token["expires_in"] == 77, "the token's lifetime is not the one given")
        bearer = {"Authorization": "Bearer " + token["access_token"]}
        check(emulator.request("GET", "/v1/metadata/topics", **bearer) == (200, {"topics": ["orders"]}),
              "the topic given is not there")
        status, partitions = emulator.request("GET", "/v1/metadata/topics/orders/partitions", **bearer)
        check(status == 200 and len(partitions["partitions"]) == 3, "the topic has not 3 partitions")
        check(emulator.request("GET", "/v1/metadata/topics")[0] == 401, "no token was needed")
        check(emulator.request("GET", "/v1/status")[0] == 200, "the status needs a token")

        port = urllib.parse.urlsplit(emulator.ready["endpoint"]).port
        second = subprocess.run([program, "--listen", f"127.0.0.1:{port}"], capture_output=True, text=True,
                                timeout=LIMIT, check=False)
        check(second.returncode == 1 and f"port {port}" in second.stderr, "a port was bound twice")

        with socket.create_connection(("127.0.0.1", port), LIMIT):  # is in nobody's way
            emulator.end(number)
        check(not os.path.exists(emulator.ready["ca_file"]), "the authority's file is left behind")

    managed_identities(program)
    files_of_others(program)
    unfriendly(program)

    for options, part in BAD_OPTIONS:
        run = subprocess.run([program, *options], capture_output=True, text=True, timeout=LIMIT, check=False)
        check(run.returncode == 2, f"{options} ended with {run.returncode}")
        check(part in run.stderr and run.stderr.count("\n") == 1, f"{options}: {run.stderr!r}")
        check(run.stdout == "", f"{options} printed {run.stdout!r}")

    for options in (["--help"], ["--version"]):
        run = subprocess.run([program, *options], capture_output=True, text=True, timeout=LIMIT, check=False)
        check(run.returncode == 0 and run.stdout and not run.stderr, f"{options} failed")
    print(f"the program serves, ends cleanly and refuses {len(BAD_OPTIONS)} wrong command lines")


main(sys.argv[1])
