#!/usr/bin/env python3
"""Runs one of the examples, as a stranger would and against the emulator as if it were a cluster: what it
prints, its exit status, and what it leaves in the topic. An example has at most 80 lines.

    examples.py NAME FOLDER-OF-THE-PROGRAMS
"""
import concurrent.futures
import fcntl
import http.client
import json
import os
import pty
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from emulator_process import LIMIT, Emulator, check, environment

LONGEST = 80  # lines of an example
TOPICS = ["lines", "consumed", "tailed:2", "exported:2", "ingested", "loaded:2", "long"]
DISTANT = ["--latency", "20", "--produce-answer", "offsets"]  # with something to gather meanwhile
OPTIONS = {"default_credential": ["--managed-identity"], "ingest_server": DISTANT, "bulk_load": DISTANT}
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
    "bulk_load": [OWN_EMULATOR, r"loaded 500 lines of \S+/load_\d+\.jsonl into load_\d+"],
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


def records(emulator, topic, partition=0):
    token = emulator.token()["access_token"]
    status, answer = emulator.request(
        "GET", f"/v1/consumer/topics/{topic}/partitions/{partition}/offsets/0?count=100000", Authorization="Bearer " + token)
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


def on_a_terminal(settings, command):
    """What it shows there of how far it is."""
    main_end, its_end = pty.openpty()
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
    return shown


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
        shown = on_a_terminal(settings, command)
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


def check_bulk_load(emulator, program):
    """The lines are there in their order, once; a later run goes on behind them, whatever ended the first."""
    settings = environment(emulator)
    values = ["é", {"a": [1, {}]}, None, 3.5, -1, [], ""]

    def text(of):
        return "".join(json.dumps(value) + "\n" for value in of)

    def load(*arguments):
        return run_to_the_end(program, settings, *map(str, arguments))

    with tempfile.TemporaryDirectory() as folder:
        path, known = Path(folder, "in.jsonl"), Path(folder, "in.jsonl.loaded")
        command = ["loaded", path, 1]

        def check_load(count, problem=None):
            run = load(*command)
            check(run.stdout.splitlines()[1:] == [f"loaded {count} lines of {path} into loaded"], run)
            check(re.fullmatch(f"{path}, {problem}\n", run.stderr) if problem else not run.stderr, run)
            check(run.returncode == (1 if problem else 0), run)
            there = records(emulator, "loaded", 1)
            check(there == values, f"the topic has {there}")
            lines = len(values)
            size = len(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))
            check(known.read_text() == f"{size} {lines} loaded:1\n", known.read_text())

        def append(more):
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write(more)

        append(text(values))
        check_load(len(values))
        check_load(0)  # there is nothing new
        append('  {"crlf": 1} \r\n"no end"')
        values += [{"crlf": 1}, "no end"]
        check_load(2)
        check_load(0)
        for bad, problem in (("{", "not valid JSON"), ("", "not valid JSON"), ('"' + "x" * 950_000 + '"', "longer than 900000 bytes")):
            before = path.read_text(encoding="utf-8")
            before += "" if before.endswith("\n") else "\n"
            more = list(range(2500))  # more than a window
            values += more
            path.write_text(before + text(more) + bad + "\n7\n", encoding="utf-8")
            check_load(len(more), rf"line {len(values) + 1}: .*{problem}.*")
            check_load(0, rf"line {len(values) + 1}: .*{problem}.*")
            path.write_text(before + text(more) + text(["mended", 7]), encoding="utf-8")
            values += ["mended", 7]
            check_load(2)

        run = load("other", path)
        check(run.returncode == 1 and run.stderr == f"{known} is of a load into loaded:1\n", run)
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            run = load(*command)
            check(run.returncode == 1 and re.match(f"{path} is being loaded", run.stderr), run)
        path.write_text("1\n", encoding="utf-8")
        run = load(*command)
        check(run.returncode == 1 and run.stderr == f"{known} does not fit {path}\n", run)
        known.unlink()
        run = load("no_such_topic", path)
        check(run.returncode == 1 and re.fullmatch(f"{path}, line 1: persisted: none; .*'no_such_topic'.*\n", run.stderr), run)
        check(not known.exists(), "nothing was loaded, and it says up to where")

        long = list(range(2000))
        path.write_text(text(long), encoding="utf-8")
        for number in (signal.SIGINT, signal.SIGTERM):
            before = known.read_bytes() if known.exists() else b""
            with subprocess.Popen([program, "long", path, "0", "4"], env=settings, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True) as process:
                latest = time.monotonic() + LIMIT
                while (known.read_bytes() if known.exists() else b"") == before:
                    check(time.monotonic() < latest and process.poll() is None, "nothing is loaded")
                    time.sleep(0.001)
                process.send_signal(number)
                error = process.communicate(timeout=LIMIT)[1]
            count = int(known.read_text().split()[1])
            check(re.fullmatch(f"{path}, line {count + 1}: stopped by a signal.*\n", error), error)
            check(process.returncode == 1, f"it ended with {process.returncode}")
            check(records(emulator, "long") == long[:count], f"it says that it loaded {count} lines")
        shown = on_a_terminal(settings, [program, "long", path])
        check(re.search(rb"\r%d records, 0\.0 MB, \d+\.\d MB/s, 100 %%, 0 s left\x1b\[K\r\n$" % (2000 - count), shown), shown)
        check(records(emulator, "long") == long, "it did not go on where it was stopped")


def post(body, more=b""):
    return b"POST /events HTTP/1.1\r\nHost: h\r\n%sContent-Length: %d\r\n\r\n%s" % (more, len(body), body)


class Exactly:
    """Of a connection, no byte more than is asked for: two answers may come together."""

    def __init__(self, peer):
        self.peer = peer

    def makefile(self, *_):
        return self

    def readline(self, limit=-1):
        line = b""
        while not line.endswith(b"\n") and len(line) != limit and (byte := self.peer.recv(1)):
            line += byte
        return line

    def read(self, size):
        data = b""
        while len(data) < size and (part := self.peer.recv(size - len(data))):
            data += part
        return data

    def close(self):
        pass


def http_answer(peer):
    """Status and content of one answer; nothing if the peer hung up instead."""
    answer = http.client.HTTPResponse(Exactly(peer))
    try:
        answer.begin()
    except (http.client.BadStatusLine, ConnectionResetError):
        return None
    return answer.status, json.loads(answer.read())


def check_ingest_server(emulator, program):
    """Each request has its own answer, and its record is there once; together they travel in few batches."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files[1], 10_000), files[1]))
    peers = min(2000, min(files[1], 10_000) // 2)
    kept, stored, batches = {}, 0, 0
    for number in (signal.SIGINT, signal.SIGTERM):
        with Running(environment(emulator), program, "ingested") as server:
            server.expect("Using the cluster at https://.*")
            port = int(server.expect(r"port (\d+), topic ingested").group(1))

            def connect():
                return socket.create_connection(("127.0.0.1", port), LIMIT)

            def keep(value, answer):
                check(answer and answer[0] == 200 and answer[1]["persisted"] == "done", f"{value}: {answer}")
                check(answer[1]["offset"] not in kept, f"{value} has the offset of another")
                kept[answer[1]["offset"]] = value

            def ask(thread):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
                for i in range(4):
                    value = [number, thread, i]
                    connection.request("POST", "/any/thing", json.dumps(value), {"Content-Type": "application/json"})
                    answer = connection.getresponse()
                    keep(value, (answer.status, json.loads(answer.read())))
                connection.close()

            silent, slow = connect(), connect()
            request = post(json.dumps([number, "slow"]).encode())
            slow.sendall(request[:20])
            with concurrent.futures.ThreadPoolExecutor(300) as threads:
                list(threads.map(ask, range(300)))  # throws what they throw

            many = [connect() for _ in range(peers)]  # all of them wait for their answers at the same time
            for i, peer in enumerate(many):
                peer.sendall(post(json.dumps([number, "many", i]).encode()))
            for i, peer in enumerate(many):
                keep([number, "many", i], http_answer(peer))
                peer.close()

            for body in (b"{", b"", b"\xff", b'"\xff"', b"1 2"):  # no JSON: the next request is not hurt
                with connect() as peer:
                    value = [number, "after", body.hex()]
                    peer.sendall(post(body) + post(json.dumps(value).encode(), b"Connection: close\r\n") + b"more\r\n\r\n")
                    check(http_answer(peer)[0] == 400, f"{body} was taken")
                    keep(value, http_answer(peer))
                    check(peer.recv(1) == b"", "it did not hang up, as it was asked to")
            for status, bad in (
                    (400, b"nonsense\r\n\r\n"), (400, b"POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 1\r\n\r\n1"),
                    (400, b"POST  / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1"),
                    (400, b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n1"),
                    (400, post(b"1", b"Host: g\r\n")), (400, post(b"1", b"Content-Length: 1\r\n")),
                    (400, post(b"1", b"A : b\r\n")), (400, post(b"1", b" folded\r\n")), (400, post(b"1", b"A: \0\r\n")),
                    (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n1"),
                    (405, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), (411, b"POST / HTTP/1.1\r\nHost: h\r\n\r\n"),
                    (411, post(b"1", b"Transfer-Encoding: chunked\r\n")),
                    (413, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
                    (413, post(b"1" * 3_000_000)), (415, post(b"1", b"Content-Encoding: gzip\r\n")),
                    (417, post(b"1", b"Expect: 100-continue\r\n")), (431, post(b"1", b"A: " + b"x" * 9000 + b"\r\n")),
                    (431, b"x" * 9000)):
                with connect() as peer:
                    peer.sendall(bad)
                    answer = http_answer(peer)
                    check(answer and answer[0] == status, f"{bad[:70]!r}... was answered with {answer}, not {status}")
                    check(peer.recv(1) == b"", "it did not hang up")
            dropped = connect()  # in the middle of a body, without a good-bye
            dropped.sendall(post(b"[1,2,3]")[:-1])
            dropped.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            dropped.close()
            greedy = connect()  # sends, and takes no answers
            greedy.settimeout(0.5)
            try:
                greedy.sendall(post(b"}") * 1_000_000)
            except (TimeoutError, ConnectionError):
                pass

            slow.sendall(request[20:])
            keep([number, "slow"], http_answer(slow))
            large = "x" * 890_000
            slow.sendall(post(json.dumps(large).encode()))
            keep(large, http_answer(slow))

            hasty = [connect() for _ in range(200)]  # are under way when the signal comes
            for i, peer in enumerate(hasty):
                peer.sendall(post(json.dumps([number, "hasty", i]).encode()))
            keep([number, "hasty", 0], http_answer(hasty[0]))
            server.process.send_signal(number)
            for i, peer in enumerate(hasty[1:], 1):
                if answer := http_answer(peer):
                    keep([number, "hasty", i], answer)
            check(http_answer(silent) is None, "who says nothing was answered")
            end = server.expect_end(r"(\d+) records stored in (\d+) batches, 0 failed, 0 in doubt; "
                                    r"p99: \d+ us waiting, \d+ us under way")
            stored, batches = stored + int(end.group(1)), batches + int(end.group(2))
        there = records(emulator, "ingested")
        check(len(there) == len(kept) == stored, f"{stored} are stored, {len(kept)} answered, {len(there)} there")
        check(all(there[offset] == value for offset, value in kept.items()), "a record is not where its answer says")
    check(batches * 5 < stored, f"{stored} records took {batches} batches")
    print(f"{stored} requests, {batches} batches")

    with Running(environment(emulator), program, "no_such_topic") as server:
        server.expect("Using the cluster at https://.*")
        port = int(server.expect(r"port (\d+), topic no_such_topic").group(1))
        with connect() as peer:
            peer.sendall(post(b"1"))
            check(http_answer(peer) == (503, {"persisted": "none"}), "a record for no topic was taken")
        server.process.send_signal(signal.SIGTERM)
        server.expect_end("0 records stored in 1 batches, 1 failed, 0 in doubt; .*")


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

    cluster, topics = "Using the cluster at https://.*", rf"the cluster has {len(TOPICS)} topic\(s\)"
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
               "line_server": check_line_server, "default_credential": check_default_credential,
               "ingest_server": check_ingest_server, "bulk_load": check_bulk_load}
    check(name in PRINTED or name in further, f"nothing is known about {name}: please say what it should print")
    if name in further:
        topics = [argument for topic in TOPICS for argument in ("--topic", topic)]
        emulator = Emulator(Path(folder, "hdikafka-emulator"), *topics, *OPTIONS.get(name, []),
                            identities=name == "default_credential")
        try:
            further[name](emulator, program)
            emulator.end(signal.SIGTERM)
        finally:
            emulator.process.kill()
    print(f"{name}: {length} lines, does what it should")


main(*sys.argv[1:])
