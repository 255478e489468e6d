#!/usr/bin/env python3
"""Runs one of the examples, as a stranger would and against the emulator as if it were a cluster: what it
prints, its exit status, and what it leaves in the topic. An example has at most 80 lines.

    examples.py NAME FOLDER-OF-THE-PROGRAMS
"""
import json
import os
import pty
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

from emulator_process import LIMIT, Emulator, check, environment

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
    "tail": [OWN_EMULATOR, *[r'[01]:(\d+) "line \d+"'] * 20],
    "export": [OWN_EMULATOR, r"exported 500 records to \S+/export_\d+\.jsonl"],
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


def run_to_the_end(program, settings, *arguments):
    return subprocess.run([program, *arguments], env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
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
        emulator.produce("consumed", ["a", "b", "c", "d"])
        consumer.expect_end("read up to offset 3")
    for number in (signal.SIGINT, signal.SIGTERM):
        with Running(settings, program, "consumed", "1000") as consumer:
            consumer.expect("Using the cluster at https://.*")
            for offset, value in enumerate("abcd"):
                consumer.expect(f'{offset}: "{value}"')
            consumer.process.send_signal(number)
            consumer.expect_end("read up to offset 4")


def check_tail(emulator, program):
    """The last ten offsets of each partition, then what arrives, a line each, until it is told to end."""
    settings = environment(emulator)
    for partition in range(2):
        emulator.produce("tailed", [f"{partition} {i}" for i in range(13)], partition)
    last = {f'{partition}:{i} "{partition} {i}"' for partition in range(2) for i in range(3, 13)}
    for number in (signal.SIGINT, signal.SIGTERM):
        with Running(settings, program, "tailed") as tail:
            tail.expect("Using the cluster at https://.*")
            shown = {tail.expect(".*").group() for _ in range(20)}
            check(shown == last, f"the last records are {last}, it printed {shown}")
            emulator.produce("tailed", [{"more": [1, 2]}], 1)
            line = tail.expect(r"1:\d+ .*").group()
            offset, value = line.removeprefix("1:").split(" ", 1)
            check(json.loads(value) == {"more": [1, 2]}, line)
            tail.process.send_signal(number)
            check(tail.process.stdout.read() == "" and tail.process.wait(LIMIT) == 0, "it did not end cleanly")
        oldest = f'1:{int(offset) - 10} '
        last = {line for line in last if not line.startswith(oldest)} | {line}
    run = run_to_the_end(program, settings, "no_such_topic")
    check(run.returncode == 1 and re.fullmatch(".*'no_such_topic'.*\n", run.stderr), run)


def check_export(emulator, program):
    """A line for each record; a later run appends what came meanwhile, behind the last whole line."""
    settings = environment(emulator)
    pairs = [("a key", "é\n"), (None, 1), ({"k": [1]}, {"v": [{}, None]}), (None, None), ("", "")] * 9

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "out.jsonl")
        command = [program, "exported", "1", path, "4"]

        def export(count):
            run = run_to_the_end(*command[:1], settings, *command[1:])
            check(run.returncode == 0 and not run.stderr, run)
            check(run.stdout.splitlines()[1:] == [f"exported {count} records to {path}"], run.stdout)

        def check_lines():
            text = path.read_text(encoding="utf-8")
            lines = [json.loads(line) for line in text.removesuffix("\n").split("\n")]
            check(lines == [{"offset": i, "key": key, "value": value} for i, (key, value) in enumerate(pairs)],
                  f"the file has {lines}")

        emulator.produce("exported", pairs, 1)
        export(len(pairs))
        check_lines()
        export(0)  # there is nothing new
        check_lines()
        with path.open("a", encoding="utf-8") as file:
            file.write('{"offset":45,"key":nu')  # as a kill may leave it
        emulator.produce("exported", pairs, 1)
        export(len(pairs))
        pairs = pairs * 2
        check_lines()

        path.unlink()
        Path(f"{path}.checkpoint").unlink()
        main_end, its_end = pty.openpty()  # on a terminal it says how far it is
        with subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=its_end) as process:
            os.close(its_end)
            shown = b""
            try:
                while part := os.read(main_end, 65536):
                    shown += part
            except OSError:
                pass  # that is how Linux says that the other end is closed
            check(process.wait(LIMIT) == 0, f"it ended with {process.returncode}")
        os.close(main_end)
        check(re.search(rb"\r90 records, 0\.0 MB, \d+\.\d MB/s, 100 %, 0 s left\x1b\[K\r\n$", shown), shown)
        check_lines()


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

    cluster, topics = "Using the cluster at https://.*", r"the cluster has 4 topic\(s\)"
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
        with tempfile.TemporaryDirectory() as folder_of_its_own:
            run = run_to_the_end(program, dict(environment(), TMPDIR=folder_of_its_own))
        lines = run.stdout.splitlines()
        check(run.returncode == 0 and not run.stderr, f"it ended with {run.returncode}: {run.stderr}")
        check(len(lines) == len(PRINTED[name]), f"it printed {len(lines)} lines: {lines}")
        for line, pattern in zip(lines, PRINTED[name]):
            check(re.fullmatch(pattern, line), f"expected {pattern!r}, it printed {line!r}")
    further = {"quickstart": check_cluster, "consumer": check_consumer, "tail": check_tail, "export": check_export,
               "line_server": check_line_server, "default_credential": check_default_credential}
    check(name in PRINTED or name in further, f"nothing is known about {name}: please say what it should print")
    if name in further:
        emulator = Emulator(Path(folder, "hdikafka-emulator"), "--topic", "lines", "--topic", "consumed",
                            "--topic", "tailed:2", "--topic", "exported:2", "--managed-identity", identities=True)
        try:
            further[name](emulator, program)
            emulator.end(signal.SIGTERM)
        finally:
            emulator.process.kill()
    print(f"{name}: {length} lines, does what it should")


main(*sys.argv[1:])
