#!/usr/bin/env python3
"""Measures hdikafka's client beside others, all against one server in one run, and prints a table.

    measure.py BIN [--short] [--check]    BIN: where bench_floor and the others are

One TLS 1.3 keep-alive connection on the loopback, a token of 1,200 bytes. A figure per request is the
difference of two runs divided by the difference of their lengths, so that the start and the handshake are not
in it. Instructions are those of the client's process in user space, counted by callgrind. Allocations are
counted by bench_allocations.so, OpenSSL's among them, also under valgrind: so slow a client finds the whole
answer there, and does not allocate for waits now and then. CPU time is user and system, without valgrind.
Memory per idle connection is that of a client which made one fetch on each of many connections and keeps them
open.

valgrind counts each byte of a large copy as an instruction (rep movsb), which a processor does not: a copy of a
read's body is 110,000 of its instructions. The CPU times have no such weight in them.

--short takes shorter runs. --check fails when a limit below is broken; no limit is about time.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from server import Server

TOKEN = ("bench" * 240)[:1200]
# Name of the program -> what it is, and what it needs beyond the library's own.
CLIENTS = {
    "floor": ("OpenSSL loop, no parsing (the floor)", None),
    "ours": ("hdikafka", None),
    "beast": ("Boost.Beast + Boost.JSON tree", "libboost1.81-dev"),
    "curl": ("libcurl multi + Boost.JSON tree", "libcurl4-openssl-dev or libboost1.81-dev"),
}
TASKS = {"produce": "produce one 150-byte record", "fetch": "fetch 100 records, 110 KB",
         "stream": "stream: a read of 100 records, 110 KB"}
LIMITS = {"produce": 2.0, "fetch": 2.5, "stream": 2.0}  # times the floor's instructions
STREAMED = 100  # records of one read
# Records of one batch -> lengths of runs.
SENDS = {1: (100, 600), 10: (100, 600), 100: (20, 120), 1000: (10, 40)}
TOKEN_LOOKS = (100, 10100)  # gets of a token from the cache
FEW, MANY = "fetch:10", "fetch:1000"  # of the same size
# Allocations per fetch that MANY may take more than FEW; some waits there are all the same.
SLACK = 10.0


class Plan:
    """How long the runs are: the shorter and the longer one of each pair."""

    def __init__(self, short):
        self.instructions = {"produce": (100, 600), "fetch": (20, 70), "stream": (20, 70)} if short else \
                            {"produce": (100, 2100), "fetch": (20, 220), "stream": (20, 220)}
        self.allocations = {"produce": (50, 550), "fetch": (20, 220), "stream": (20, 220)}
        self.processor = {"produce": (500, 5500), "fetch": (100, 1100), "stream": (100, 600)} if short else \
                         {"produce": (1000, 21000), "fetch": (200, 4200), "stream": (100, 1200)}
        self.rounds = 3 if short else 5
        self.idle = 100 if short else 200


class Client:
    """One program, and what was found about it: a figure for each task. Of CPU times the least one counts:
    whatever else the machine does only adds to it."""

    def __init__(self, name, program, server, scratch):
        self.name, self.program, self.server, self.scratch = name, program, server, scratch
        self.instructions, self.allocations, self.bytes, self.processor = {}, {}, {}, {}
        self.idle_heap = self.idle_resident = None

    def run(self, mode, count, before=(), **environment):
        ended = subprocess.run(
            [*before, self.program, self.server.endpoint, self.server.ca_file, TOKEN, mode, str(count)],
            env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=600)
        if ended.returncode:
            raise SystemExit(f"{self.program.name} {mode} {count} failed:\n{ended.stdout}{ended.stderr}")
        return ended

    @staticmethod
    def report(text):
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", text)}

    def count_instructions(self, mode, lengths):
        valgrind = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")

        def counted(count):
            return int(re.search(r"Collected : (\d+)", self.run(mode, count, valgrind).stderr)[1])
        self.instructions[mode] = per_request(counted, lengths)

    def count_allocations(self, mode, lengths):
        shim = str(self.program.with_name("bench_allocations.so"))

        def counted(count):
            out = self.scratch / "allocations"
            self.run(mode, count, ("valgrind", "--tool=none"), LD_PRELOAD=shim, BENCH_ALLOCATIONS=str(out))
            return self.report(out.read_text())
        low, high = (counted(count) for count in lengths)
        extra = lengths[1] - lengths[0]
        self.allocations[mode] = (high["allocations"] - low["allocations"]) / extra
        self.bytes[mode] = (high["bytes"] - low["bytes"]) / extra

    def time_processor(self, mode, lengths):
        found = per_request(lambda count: self.report(self.run(mode, count).stdout)["cpu_us"], lengths)
        self.processor[mode] = min(found, self.processor.get(mode, found))

    def weigh_idle(self, count):
        few, many = (self.report(self.run("idle", n).stdout) for n in (1, count + 1))
        # A client with a pool may have used a connection several times.
        extra = many["sockets"] - few["sockets"]
        if not 0.5 * count <= extra <= count:
            raise SystemExit(f"{self.program.name}: {many['sockets']} sockets instead of {count + 1}")
        self.idle_heap = (many["heap_bytes"] - few["heap_bytes"]) / extra
        self.idle_resident = (many["resident_bytes"] - few["resident_bytes"]) / extra


def per_request(measured, lengths):
    low, high = lengths
    return (measured(high) - measured(low)) / (high - low)


def measure(clients, plan):
    for client in clients.values():
        for mode in TASKS:
            client.count_instructions(mode, plan.instructions[mode])
            client.count_allocations(mode, plan.allocations[mode])
        client.weigh_idle(plan.idle)
    for name in ("floor", "ours"):
        for count, lengths in SENDS.items():
            clients[name].count_instructions(f"send:{count}", lengths)
    for count in (100, 1000):
        clients["ours"].count_allocations(f"send:{count}", SENDS[count])
    clients["ours"].count_instructions("token", TOKEN_LOOKS)
    clients["ours"].count_allocations("token", TOKEN_LOOKS)
    for mode in (FEW, MANY):
        clients["ours"].count_allocations(mode, plan.allocations["fetch"])
    # In turns, so that whatever else the machine does meets all of them.
    for _ in range(plan.rounds):
        for mode in TASKS:
            for client in clients.values():
                client.time_processor(mode, plan.processor[mode])


def table(clients):
    floor = clients["floor"]
    for mode, title in TASKS.items():
        print(f"\n{title:38} {'instructions':>12} {'x floor':>8} {'CPU x floor':>12} {'allocations':>12}"
              f" {'their bytes':>12}")
        for name, (what, package) in CLIENTS.items():
            if name not in clients:
                print(f"  {what:36} not measured: {package} is missing")
                continue
            one = clients[name]
            instructions, cpu = one.instructions[mode], one.processor[mode]
            print(f"  {what:36} {instructions:12,.0f} {instructions / floor.instructions[mode]:8.2f}"
                  f" {cpu / floor.processor[mode]:12.2f} {one.allocations[mode]:12.1f} {one.bytes[mode]:12,.0f}")
    print(f"\n{'stream, by the record':38} {'instructions':>12} {'records per CPU-second':>33}")
    for name, one in clients.items():
        print(f"  {CLIENTS[name][0]:36} {one.instructions['stream'] / STREAMED:12,.0f}"
              f" {STREAMED * 1_000_000 / one.processor['stream']:33,.0f}")
    ours = clients["ours"]
    print(f"\n{'150-byte records sent one by one':38} {'instructions per record, in batches of':>46}")
    print(f"{'':38}" + "".join(f" {count:11,}" for count in SENDS))
    for one in (floor, ours):
        print(f"  {CLIENTS[one.name][0]:36}"
              + "".join(f" {one.instructions[f'send:{count}'] / count:11,.0f}" for count in SENDS))
    each = [f"{ours.allocations[f'send:{count}'] / count:.2f} in batches of {count:,}" for count in (100, 1000)]
    print("  hdikafka's allocations per record, its sender's among them: " + ", ".join(each))
    print(f"\n{'allocations per fetch of 200 KB':38} {'10 records':>12} {'1,000 records':>21}")
    print(f"  {CLIENTS['ours'][0]:36} {ours.allocations[FEW]:12.1f} {ours.allocations[MANY]:21.1f}")
    print(f"\n{'authentication with a cached token':38} {'instructions':>12} {'allocations':>21}")
    print(f"  {CLIENTS['ours'][0]:36} {ours.instructions['token']:12.1f} {ours.allocations['token']:21.1f}")
    print(f"\n{'memory per idle connection, bytes':38} {'heap':>12} {'resident':>21}")
    for name, one in clients.items():
        print(f"  {CLIENTS[name][0]:36} {one.idle_heap:12,.0f} {one.idle_resident:21,.0f}")
    print()


def broken_limits(clients):
    floor, ours = clients["floor"], clients["ours"]
    for mode, limit in LIMITS.items():
        ratio = ours.instructions[mode] / floor.instructions[mode]
        if ratio > limit:
            yield f"{mode}: {ratio:.2f} times the floor's instructions, at most {limit} are allowed"
        for name in ("beast", "curl"):
            if name not in clients:
                yield f"{mode}: {CLIENTS[name][0]} was not measured"
            elif clients[name].instructions[mode] <= ours.instructions[mode]:
                yield f"{mode}: {CLIENTS[name][0]} takes fewer instructions"
    few, many = ours.allocations[FEW], ours.allocations[MANY]
    if many - few > SLACK:
        yield f"fetch: {few:.1f} allocations for 10 records, {many:.1f} for 1,000 of the same size"
    if ours.allocations["token"] > 0.01:  # what the handshake varies by, spread over the gets
        yield f"a token from the cache takes {ours.allocations['token']:.1f} allocations"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()

    # Ended by a signal, the server ends too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # Nothing may leave the machine by way of a proxy.
    for name in [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as folder, Server(folder) as server:
        programs = {name: (options.bin / f"bench_{name}").resolve() for name in CLIENTS}
        clients = {name: Client(name, program, server, Path(folder)) for name, program in programs.items()
                   if program.exists() or CLIENTS[name][1] is None}
        measure(clients, Plan(options.short))
    table(clients)
    broken = list(broken_limits(clients))
    for line in broken:
        print(f"limit broken: {line}")
    ours, floor = clients["ours"], clients["floor"]
    print("bench: times the floor's instructions: "
          + ", ".join(f"{mode} {ours.instructions[mode] / floor.instructions[mode]:.2f}" for mode in TASKS)
          + f"; limits broken: {len(broken)}")
    return 1 if options.check and broken else 0


if __name__ == "__main__":
    sys.exit(main())
