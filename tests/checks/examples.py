#!/usr/bin/env python3
"""Runs one of the examples, as a stranger would and against the emulator as if it were a cluster: what it
prints, its exit status, and what it leaves in the topic. An example has at most 80 lines.

    examples.py NAME FOLDER-OF-THE-PROGRAMS
"""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

from emulator_process import LIMIT, Emulator, check

LONGEST = 80  # lines of an example
OWN_EMULATOR = r"HDIKAFKA_ENDPOINT is not set: using an emulator at https://127\.0\.0\.1:\d+"

# What is printed by those that come to an end by themselves, line by line.
PRINTED = {
    "quickstart": [
        OWN_EMULATOR, "", r"Creating topic hello_topic_\d+", "Waiting until it shows in the metadata",
        r"  it does; the cluster has 1 topic\(s\)", "", "Producing",
        *(f"  record {i} is written" for i in range(6)), "", "Consuming two at a time from offset 0",
        '  offset 0  key "key1"  value "a string"', r"  offset 1  key \(none\)  value 5",
        r"  offset 2  key \(none\)  value 3\.14", r"  offset 3  key \(none\)  value \{.*\}",
        r"  offset 4  key \(none\)  value \[.*\]", r"  offset 5  key \(none\)  value \{.*\}",
        "  caught up at offset 6", "", "Partitions", "  0: offsets 0 to 6", "",
        r"Partition 0: leader \S+:9092, 1 replica\(s\), 1 in sync", "", r"Done\."],
    "errors": [
        OWN_EMULATOR, r"fetch 'no_such_topic': HTTP 404, .*", "  status 404: trying again is no use",
        "topics: .*time.*", r"create_topic 'errors_\d+': HTTP 409, .*exists.*",
        "all 3 records are in the topic", r"produce 'errors_\d+': .*time.*", "  not written: send it again"],
    "styles": [
        OWN_EMULATOR, *["future: a record is written"] * 3, r"callback: 3 record\(s\)",
        "callback: no such topic or partition", "done"],
    "deadlines": [
        OWN_EMULATOR, "timeout: wait_for_topic 'never_created': .*",
        "in a hurry: (written|not written|perhaps written)", r"\|\|: the topics",
        r"cancelled: consume 'deadlines_\d+': .*"],
    "consumer": [OWN_EMULATOR, *(f"{i}: {i}" for i in range(10)), "read up to offset 10"],
    "own_test": ["passed: .*"] * 6,
    "observe_log": [
        OWN_EMULATOR, *(r"\[hdikafka\] " + line for line in [
            r"create_topic observed_\d+: begins", "token : begins", r"connected to 127\.0\.0\.1 with TLSv1\.3",
            r"token : attempt 1: 200, \d+ us, \d+ bytes out, \d+ in, a new connection", "token : done",
            r"token for \d+ s", r"create_topic \S+: attempt 1: 200, .*, a connection of before",
            r"create_topic \S+: done", "partitions no_such_topic: begins",
            "partitions no_such_topic: attempt 1: 404, .*", "partitions no_such_topic: failed: no such topic or partition"]),
        r"and to the program: partitions 'no_such_topic': .*", r"\[hdikafka\] closed after 3 request\(s\)"],
    "observe_counters": [
        OWN_EMULATOR, "partitions 'no_such_topic': .*", "connections open: 1",
        r"requests: 103, failed: 1, attempts: 103, retries: 0", r"bytes: \d+ out, \d+ in", r"mean time: \d+ us",
        "connections open at the end: 0"],
    "boost_values": [OWN_EMULATOR, "order 7 of Café Nord: 3 prices", 'no order: "not an order"'],
}


def environment(emulator=None):
    """Without a cluster's address, or with the emulator's."""
    mine = re.compile("HDIKAFKA_|AZURE_|SSL_CERT_|IDENTITY_|IMDS_|MSI_")
    out = {name: value for name, value in os.environ.items() if not mine.match(name)}
    if emulator:
        out.update(HDIKAFKA_ENDPOINT=emulator.ready["endpoint"], AZURE_TENANT_ID=emulator.ready["tenant"],
                   AZURE_CLIENT_ID=emulator.ready["client_id"],
                   AZURE_CLIENT_SECRET=emulator.ready["client_secret"],
                   AZURE_AUTHORITY_HOST=emulator.ready["authority_host"],
                   SSL_CERT_FILE=emulator.ready["ca_file"])
    return out


def run_to_the_end(program, settings):
    return subprocess.run([program], env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8", timeout=LIMIT, check=False)


class Running:
    """An example that goes on until it is told to end."""

    def __init__(self, settings, *command):
        self.process = subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, text=True)
        self.watchdog = threading.Timer(LIMIT, self.process.kill)
        self.watchdog.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.watchdog.cancel()

    def expect(self, pattern):
        line = self.process.stdout.readline().rstrip("\n")
        match = re.fullmatch(pattern, line)
        check(match, f"expected {pattern!r}, it printed {line!r}")
        return match

    def expect_end(self, pattern):
        """One more line of this form, status 0, and nothing else but other lines before it."""
        lines = self.process.stdout.read().splitlines()
        check(self.process.wait(LIMIT) == 0, f"it ended with {self.process.returncode}")
        match = re.fullmatch(pattern, lines[-1] if lines else "")
        check(match, f"expected {pattern!r} at its end, it printed {lines}")
        return match


def produce(emulator, topic, values):
    token = emulator.token()["access_token"]
    body = json.dumps({"records": [{"value": value} for value in values]})
    status, answer = emulator.request("POST", f"/v1/producer/topics/{topic}", body,
                                      Authorization="Bearer " + token, **{"Content-Type": "application/json"})
    check(status == 200, f"the produce was answered with {status}: {answer}")


def records(emulator, topic):
    token = emulator.token()["access_token"]
    status, answer = emulator.request(
        "GET", f"/v1/consumer/topics/{topic}/partitions/0/offsets/0?count=100000", Authorization="Bearer " + token)
    check(status == 200, f"the read was answered with {status}: {answer}")
    return [record["value"] for record in answer["records"]]


def check_consumer(emulator, program):
    """It waits for records, and ends after as many as it was told, or when it is told to."""
    settings = environment(emulator)
    with Running(settings, program, "consumed", "3") as consumer:
        consumer.expect("Using the cluster at https://.*")
        consumer.expect("nothing new, lag 0")
        produce(emulator, "consumed", ["a", "b", "c", "d"])
        consumer.expect_end("read up to offset 3")
    for number in (signal.SIGINT, signal.SIGTERM):
        with Running(settings, program, "consumed", "1000") as consumer:
            consumer.expect("Using the cluster at https://.*")
            for offset, value in enumerate("abcd"):
                consumer.expect(f'{offset}: "{value}"')
            consumer.process.send_signal(number)
            consumer.expect_end("read up to offset 4")


def answers(peer):
    """How many lines the server took before it hung up."""
    got = b""
    try:
        while True:
            part = peer.recv(65536)
            if not part:
                break
            got += part
    except ConnectionResetError:
        pass  # with unread bytes of ours in its hands the server's hanging up is a reset
    check(re.fullmatch(b"(ok\n)*", got), f"the server answered {got!r}")
    return got.count(b"\n")


def check_line_server(emulator, program):
    """Whatever peers do, each line that was answered with ok is in the topic, and the others are not hurt."""
    before, kept = 0, []
    for number in (signal.SIGINT, signal.SIGTERM):
        with Running(environment(emulator), program, "lines") as server:
            server.expect("Using the cluster at https://.*")
            port = int(server.expect(r"port (\d+), topic lines").group(1))

            def connect():
                return socket.create_connection(("127.0.0.1", port), LIMIT)

            silent, slow = connect(), connect()
            slow.sendall(b"half a li")
            good = [connect() for _ in range(5)]
            for n, peer in enumerate(good):  # all at once, and many lines at a time
                peer.sendall(b"".join(b"%d %d \xc3\xa9\n" % (n, i) for i in range(40)))

            dropped = connect()  # in the middle of a line, without a good-bye
            dropped.sendall(b"never stored")
            dropped.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            dropped.close()
            for bad in (b"x" * 10_000 + b"\n", b"\xff\n"):  # too long, not UTF-8
                with connect() as peer:
                    peer.sendall(bad)
                    check(answers(peer) == 0, f"{bad[:10]!r}... was taken")

            for n, peer in enumerate(good):
                peer.shutdown(socket.SHUT_WR)
                check(answers(peer) == 40, "a peer's line was not answered")
                kept += [f"{n} {i} é" for i in range(40)]
            slow.sendall(b"ne\n")
            check(slow.recv(16) == b"ok\n", "a line in two parts was not taken")
            kept.append("half a line")

            hasty = connect()  # has lines under way when the signal comes
            hasty.sendall(b"".join(b"hasty %d\n" % i for i in range(200)))
            check(hasty.recv(3, socket.MSG_WAITALL) == b"ok\n", "the hasty peer's line was not taken")
            server.process.send_signal(number)
            kept += [f"hasty {i}" for i in range(1 + answers(hasty))]
            check(answers(silent) == 0, "who says nothing was answered")
            stored = int(server.expect_end(r"(\d+) lines stored, 0 failed").group(1))
        there = records(emulator, "lines")
        check(len(there) == before + stored, f"{stored} are stored, {len(there) - before} are in the topic")
        check(not Counter(kept) - Counter(there), "a line that was answered with ok is not in the topic")
        further = Counter(there) - Counter(kept)  # its answer may have been cut off by the end
        check(sum(further.values()) <= 1 and all(line.startswith("hasty") for line in further), further)
        before, kept = len(there), there


def check_cluster(emulator, program):
    """With the environment's cluster; with a secret that is wrong it says so, without the secret."""
    run = run_to_the_end(program, environment(emulator))
    check(run.returncode == 0 and run.stdout.startswith("Using the cluster at https://"), run)
    check(run.stdout.endswith("Done.\n"), run.stdout)
    wrong = dict(environment(emulator), AZURE_CLIENT_SECRET="sesame")
    run = run_to_the_end(program, wrong)
    check(run.returncode == 1 and re.fullmatch("create_topic .*token.*\n", run.stderr), run)
    check("sesame" not in run.stdout + run.stderr, "the secret is printed")


def check_default_credential(emulator, program):
    """Says which credential it found in the environment, and why not the others."""

    def run(settings, *patterns):
        end = run_to_the_end(program, settings)
        lines = end.stdout.splitlines()
        check(len(lines) == len(patterns) and all(map(re.fullmatch, patterns, lines)), end)
        return end

    cluster, topics = "Using the cluster at https://.*", r"the cluster has 2 topic\(s\)"
    with socket.socket() as nobody, tempfile.TemporaryDirectory() as empty:
        nobody.bind(("127.0.0.1", 0))  # and does not listen: no managed identity, and no az in PATH
        settings = dict(environment(emulator), PATH=empty,
                        AZURE_POD_IDENTITY_AUTHORITY_HOST="http://127.0.0.1:%d" % nobody.getsockname()[1])
        end = run(settings, cluster, r"token from environment: client secret, good for \d+ s", topics)
        check(end.returncode == 0 and not end.stderr, end)

        del settings["AZURE_CLIENT_ID"], settings["AZURE_CLIENT_SECRET"]
        passed_over = "passed over: environment: not set: AZURE_CLIENT_ID, AZURE_CLIENT_SECRET or .*; workload identity: .*"
        machine = dict(settings, AZURE_POD_IDENTITY_AUTHORITY_HOST=emulator.ready["identity_endpoint"])
        end = run(machine, cluster, r"token from managed identity \(IMDS\), good for \d+ s", passed_over, topics)
        check(end.returncode == 0 and not end.stderr, end)

        end = run(settings, cluster, "no token: .*", passed_over + "; managed identity: .*; Azure CLI: .*not installed.*")
        check(end.returncode == 1 and re.fullmatch("topics: no credential was found: environment: .*\n", end.stderr), end)


def main(name, folder):
    program = Path(folder, name)
    source = Path(__file__).resolve().parents[2] / "examples" / f"{name}.cpp"
    length = len(source.read_text(encoding="utf-8").splitlines())
    check(length <= LONGEST, f"{source.name} has {length} lines, more than {LONGEST}")
    if name in PRINTED:
        run = run_to_the_end(program, environment())
        lines = run.stdout.splitlines()
        check(run.returncode == 0 and not run.stderr, f"it ended with {run.returncode}: {run.stderr}")
        check(len(lines) == len(PRINTED[name]), f"it printed {len(lines)} lines: {lines}")
        for line, pattern in zip(lines, PRINTED[name]):
            check(re.fullmatch(pattern, line), f"expected {pattern!r}, it printed {line!r}")
    further = {"quickstart": check_cluster, "consumer": check_consumer, "line_server": check_line_server,
               "default_credential": check_default_credential}
    check(name in PRINTED or name in further, f"nothing is known about {name}: please say what it should print")
    if name in further:
        emulator = Emulator(Path(folder, "hdikafka-emulator"), "--topic", "lines", "--topic", "consumed",
                            "--managed-identity", identities=True)
        try:
            further[name](emulator, program)
            emulator.end(signal.SIGTERM)
        finally:
            emulator.process.kill()
    print(f"{name}: {length} lines, does what it should")


main(*sys.argv[1:])
