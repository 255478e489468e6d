#!/usr/bin/env python3
"""Runs hdikafka-emulator as another program would: its ready line, its options, its end.

    emulator_program.py PATH-OF-HDIKAFKA-EMULATOR
"""
import os
import signal
import socket
import subprocess
import sys
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
]


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

        port = urllib.parse.urlsplit(emulator.ready["endpoint"]).port
        second = subprocess.run([program, "--listen", f"127.0.0.1:{port}"], capture_output=True, text=True,
                                timeout=LIMIT, check=False)
        check(second.returncode == 1 and f"port {port}" in second.stderr, "a port was bound twice")

        with socket.create_connection(("127.0.0.1", port), LIMIT):  # is in nobody's way
            emulator.end(number)
        check(not os.path.exists(emulator.ready["ca_file"]), "the authority's file is left behind")

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
