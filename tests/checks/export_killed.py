#!/usr/bin/env python3
"""Kills examples/export again and again, at random moments, and looks at what it wrote: nothing is missing, and
what is there twice was written right before a kill.

    export_killed.py FOLDER-OF-THE-PROGRAMS [SEED]
"""
import json
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

from emulator_process import Emulator, check, environment
from kills import run_and_kill, run_to_its_end

RECORDS = 3000
BATCH = 5  # records a read, and so a commit
KILLS = 100


def size_of(path):
    return path.stat().st_size if path.exists() else 0


def record(number):
    """Most lines are short; some take several writes, so that a kill may leave a part of one."""
    return f"key{number % 7}", {"n": number, "filler": "x" * (9000 if number % 50 == 0 else number % 100)}


class Export:
    """One file, from its first run to its end."""

    def __init__(self, command, settings, path, chance):
        self.command, self.settings, self.path, self.chance = [*command, path, str(BATCH)], settings, path, chance
        self.starts = []  # where the file ended, in whole lines, when a run began
        self.torn = 0     # how many of them found a part of a line behind that

    def run(self, kill):
        """Whether it was killed, and did not come to its end before."""
        text = self.path.read_bytes() if self.path.exists() else b""
        if kill and self.chance.random() < 0.2 and text.endswith(b"\n"):
            # What a kill seldom leaves behind, a machine that loses its power may: a line's beginning.
            with self.path.open("ab") as file:
                file.write(b'{"offset":'[:self.chance.randint(1, 10)])
            text = self.path.read_bytes()
        whole = text.rfind(b"\n") + 1
        self.torn += whole < len(text)
        self.starts.append(whole)
        if kill:
            return run_and_kill(self.command, self.settings, self.chance, lambda: size_of(self.path), 6000)
        run_to_its_end(self.command, self.settings)
        return False

    def repeats(self):
        """How many records are there twice; says what is wrong."""
        text = self.path.read_bytes()
        check(text.endswith(b"\n"), "the last line is not whole")
        starts, at, following, repeats, oldest = set(self.starts), 0, 0, 0, 0
        for line in text.splitlines(keepends=True):
            try:
                found = json.loads(line)
            except ValueError:
                sys.exit(f"this is no JSON, at byte {at}: {line[:200]!r}")
            offset = found["offset"]
            if at in starts:  # a run began here: at what was committed, which is never ahead of the file
                check(oldest <= offset <= following, f"a run went on at {offset}, behind {following - 1}")
                check(following - offset <= BATCH, f"{following - offset} records came again, more than a batch")
                repeats += following - offset
                oldest = offset
            else:
                check(offset == following, f"{offset} stands behind {following - 1}, and no run began there")
            key, value = record(offset)
            check(found == {"offset": offset, "key": key, "value": value}, f"offset {offset} is {line[:200]!r}")
            following = offset + 1
            at += len(line)
        check(following == RECORDS, f"it ends at {following}")
        return repeats


def main(folder, seed=None):
    seed = int(seed) if seed else int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    emulator = Emulator(Path(folder, "hdikafka-emulator"), "--topic", "long")
    kills = torn = repeats = files = 0
    try:
        for first in range(0, RECORDS, 500):
            emulator.produce("long", [record(number) for number in range(first, first + 500)])
        command = [Path(folder, "export"), "long", "0"]
        with tempfile.TemporaryDirectory() as scratch:
            while kills < KILLS:  # more files than one where an export came to its end before
                export = Export(command, environment(emulator), Path(scratch, f"{files}.jsonl"), chance)
                while kills < KILLS and export.run(kill=True):
                    kills += 1
                export.run(kill=False)
                torn, repeats, files = torn + export.torn, repeats + export.repeats(), files + 1
        emulator.end(signal.SIGTERM)
    finally:
        emulator.process.kill()
    print(f"{kills} kills of {files} export(s): nothing is missing, {repeats} records are there twice, "
          f"{torn} runs found a part of a line")


main(*sys.argv[1:])
