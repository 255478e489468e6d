#!/usr/bin/env python3
"""Kills examples/bulk_load again and again, at random moments, and looks at what it loaded: no line is missing,
they are in their order, and what is there twice was under way at a kill.

    load_killed.py FOLDER-OF-THE-PROGRAMS [SEED]
"""
import json
import os
import random
import signal
import sys
import tempfile
import urllib.parse
from pathlib import Path

from emulator_process import Emulator, check, environment
from kills import run_and_kill, run_to_its_end
from relay import Relay

LINES = 3000
WINDOW = 10  # lines that may be under way
KILLS = 50


def line(number):
    """Most are short; some are larger than what is read or sent at once."""
    return {"n": number, "filler": "x" * (20_000 if number % 100 == 0 else number % 100)}


class Load:
    """One file, from its first run to its end; each into a partition of its own."""

    def __init__(self, program, settings, folder, number, chance):
        self.partition, self.settings, self.chance = number, settings, chance
        self.path = Path(folder, f"{number}.jsonl")
        self.path.write_text("".join(json.dumps(line(n)) + "\n" for n in range(LINES)), encoding="utf-8")
        self.command = [program, "loaded", self.path, str(number), str(WINDOW)]
        self.starts = []  # the line that each run began with

    def loaded(self):
        """Bytes and lines that are loaded, it says. However it was ended, that can be read."""
        known = Path(f"{self.path}.loaded")
        if not known.exists():
            return 0, 0
        size, lines, target = known.read_text(encoding="utf-8").split()
        check(target == f"loaded:{self.partition}", f"{known} is of {target}")
        return int(size), int(lines)

    def begin(self):
        size, lines = self.loaded()
        text = self.path.read_bytes()[:size]
        check(text.count(b"\n") == lines and text.endswith(b"\n") == (lines > 0), f"{lines} lines are not {size} bytes")
        self.starts.append(lines)
        if self.chance.random() < 0.2:  # what a machine may leave that loses its power
            Path(f"{self.path}.loaded.new").write_bytes(b"12"[:self.chance.randint(0, 2)])

    def kill(self):
        self.begin()
        if self.chance.random() < 0.5:
            return run_and_kill(self.command, self.settings, self.chance, lambda: self.loaded()[0], 12_000)
        address = urllib.parse.urlsplit(self.settings["HDIKAFKA_ENDPOINT"])
        with Relay(address.port, self.chance.randint(1000, 60_000)) as relay:  # and what is under way is lost
            settings = dict(self.settings, HDIKAFKA_ENDPOINT=f"https://127.0.0.1:{relay.port}")
            return run_and_kill(self.command, settings, self.chance, lambda: int(relay.lost > 0), 1)

    def finish(self):
        self.begin()
        run_to_its_end(self.command, self.settings)

    def repeats(self, emulator):
        """How many lines are there twice; says what is wrong."""
        starts = iter(self.starts)
        following, repeats = 0, 0
        for found in there(emulator, self.partition):
            number = found["n"]
            check(found == line(number), f"line {number} is {found}"[:300])
            check(number <= following, f"{number} follows {following - 1}")
            if number < following:  # a run began here, or one that was killed before it had sent anything
                check(number in starts, f"{number} follows {following - 1}, and no run began there")
                check(following - number <= WINDOW, f"{following - number} lines came again, more than a window")
                repeats += following - number
            following = number + 1
        check(following == LINES, f"it ends at {following}")
        return repeats


def there(emulator, partition):
    """All the values, of a few reads."""
    token = "Bearer " + emulator.token()["access_token"]
    found = []
    while True:
        status, answer = emulator.request(
            "GET", f"/v1/consumer/topics/loaded/partitions/{partition}/offsets/{len(found)}?count=1000", Authorization=token)
        check(status == 200, f"the read was answered with {status}: {answer}")
        found += [record["value"] for record in answer["records"]]
        if not answer["records"]:
            return found


def main(folder, seed=None):
    seed = int(seed) if seed else int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    emulator = Emulator(Path(folder, "hdikafka-emulator"), "--topic", f"loaded:{KILLS + 1}")
    kills = repeats = files = 0
    try:
        with tempfile.TemporaryDirectory() as scratch:
            while kills < KILLS:  # more files than one where a load came to its end before
                load = Load(Path(folder, "bulk_load"), environment(emulator), scratch, files, chance)
                while kills < KILLS and load.kill():
                    kills += 1
                load.finish()
                repeats, files = repeats + load.repeats(emulator), files + 1
        emulator.end(signal.SIGTERM)
    finally:
        emulator.process.kill()
    print(f"{kills} kills of {files} load(s): nothing is missing, {repeats} lines are there twice")


main(*sys.argv[1:])
