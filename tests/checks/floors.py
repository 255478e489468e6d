#!/usr/bin/env python3
"""Holds the rooms of include/hdikafka/detail/ to their floors, by their includes.

The floors stand in detail/README.md, from the ground up: "1. base" and so on, the rooms of one floor in order.
A file may reach its own room, earlier rooms of its floor and lower floors, however indirectly; public headers
count for what they reach. What is said there to be free of Asio, rooms and names of files, reaches no Asio. Only
run/asio*.hpp name it; the core reaches neither Boost nor what is optional. Files that the page names are there.

    floors.py INCLUDE_DIRECTORY

A small house is looked at first, in which one thing after the other is put where it does not belong.
"""
import re
import sys
import tempfile
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.MULTILINE)
FLOOR = re.compile(r"^(\d+)\. ((?:`\w+/`(?:, )?)+)", re.MULTILINE)
FREE_OF_ASIO = re.compile(r"^Free of Asio: (.+?)\.$", re.MULTILINE | re.DOTALL)


class House:
    def __init__(self, include):
        self.includes = {
            path.relative_to(include).as_posix(): INCLUDE.findall(path.read_text(encoding="utf-8"))
            for path in sorted(include.rglob("*.hpp"))
        }
        plan = (include / "hdikafka/detail/README.md").read_text(encoding="utf-8")
        self.places = {}
        for floor, rooms in FLOOR.findall(plan):
            for order, room in enumerate(re.findall(r"\w+", rooms)):
                self.places[room] = (int(floor), order)
        free = FREE_OF_ASIO.search(plan)
        words = re.findall(r"`([^`]+)`", free.group(1)) if free else []
        self.free_rooms = {word[:-1] for word in words if word.endswith("/")}
        self.free_names = [re.escape(word).replace(r"\*", ".*") for word in words if not word.endswith("/")]
        self.named = [f"hdikafka/detail/{file}.hpp" for file in re.findall(r"`(\w+/\w+)`", plan)]
        self.known = {}

    def room(self, name):
        match = re.match(r"hdikafka/detail/(\w+)/", name)
        return match.group(1) if match else None

    def reached(self, name):
        """Everything that a header includes, with the header that named it."""
        if name in self.known:
            return self.known[name]
        found, due = {}, [name]
        while due:
            at = due.pop()
            for target in self.includes.get(at, []):
                if target not in found:
                    found[target] = at
                    due.append(target)
        self.known[name] = found
        return found

    def is_free(self, name):
        stem = Path(name).stem
        return self.room(name) in self.free_rooms or (
            self.room(name) and any(re.fullmatch(pattern, stem) for pattern in self.free_names)
        )

    def findings(self):
        optional = self.optional()
        for name in self.named:
            if name not in self.includes:
                yield f"detail/README.md names {name}, which is not there"
        for name in self.includes:
            room = self.room(name)
            if room is None and name.startswith("hdikafka/detail/"):
                yield f"{name}: lies in no room"
            elif room is not None and room not in self.places:
                yield f"{name}: {room}/ has no floor in detail/README.md"
            named = [target for target in self.includes[name] if target.startswith("asio")]
            if named and not name.startswith("hdikafka/detail/run/asio"):
                yield f"{name} includes {named[0]}: that is for detail/run/asio*.hpp"
            for target, by in self.reached(name).items():
                other = self.room(target)
                if room in self.places and other in self.places and other != room:
                    if self.places[other] > self.places[room]:
                        yield f"{name} reaches {target}, which is above it (named by {by})"
                if self.is_free(name) and target.startswith("asio"):
                    yield f"{name} reaches {target} (named by {by}); it is to be free of Asio"
                if name not in optional and (target in optional or target.startswith("boost")):
                    yield f"{name} reaches {target} (named by {by}), which is no part of the core"

    def optional(self):
        """The headers that the umbrella does not hold: public ones, and the rooms that only these enter."""
        core = {"hdikafka.hpp", *self.reached("hdikafka.hpp")}
        core_rooms = {self.room(name) for name in core}
        return {name for name in self.includes if name not in core and self.room(name) not in core_rooms - {None}}


# A house in order, and what its files include.
MAP = "0. `run/`\n1. `low/`\n2. `first/`, `second/`\n3. `top/`\n\nFree of Asio: `low/`, `*_plan`,\n`rules`.\n\n`second/call`\n"
HOUSE = {
    "hdikafka.hpp": ["hdikafka/detail/second/call.hpp"],
    "hdikafka/extra.hpp": ["hdikafka/detail/top/service.hpp", "hdikafka.hpp", "boost/json.hpp"],
    "hdikafka/narrow.hpp": ["hdikafka/detail/low/text.hpp"],
    "hdikafka/detail/low/text.hpp": ["string"],
    "hdikafka/detail/first/asio.hpp": [],
    "hdikafka/detail/first/send_plan.hpp": ["hdikafka/narrow.hpp"],
    "hdikafka/detail/first/rules.hpp": [],
    "hdikafka/detail/second/other.hpp": [],
    "hdikafka/detail/second/call.hpp": ["hdikafka/detail/first/send_plan.hpp", "hdikafka/detail/run/asio.hpp"],
    "hdikafka/detail/run/asio.hpp": ["asio/awaitable.hpp"],
    "hdikafka/detail/top/service.hpp": ["hdikafka/detail/second/call.hpp"],
}
# What has to be found after an include more: where it is, and what it names.
FAILS = [
    ("which is above it", "hdikafka/detail/low/text.hpp", "hdikafka/detail/first/rules.hpp"),
    ("which is above it", "hdikafka/detail/first/rules.hpp", "hdikafka/detail/second/other.hpp"),
    ("which is above it", "hdikafka/narrow.hpp", "hdikafka/detail/second/other.hpp"),  # first/ reaches it
    ("which is above it", "hdikafka/detail/second/call.hpp", "hdikafka/detail/top/service.hpp"),
    ("is to be free of Asio", "hdikafka/detail/low/text.hpp", "asio/awaitable.hpp"),
    ("send_plan.hpp reaches asio", "hdikafka/narrow.hpp", "hdikafka/detail/run/asio.hpp"),
    ("rules.hpp reaches asio", "hdikafka/detail/first/rules.hpp", "hdikafka/detail/run/asio.hpp"),
    ("that is for detail/run/asio", "hdikafka/detail/second/call.hpp", "asio/post.hpp"),
    ("which is no part of the core", "hdikafka/detail/second/call.hpp", "boost/json.hpp"),
    ("which is no part of the core", "hdikafka/detail/second/call.hpp", "hdikafka/extra.hpp"),
    ("lies in no room", "hdikafka/detail/stray.hpp", "string"),
    ("has no floor", "hdikafka/detail/cellar/text.hpp", "string"),
    ("which is not there", "hdikafka/detail/second/call.hpp", None),
]


def small_house(folder, name=None, target=None):
    """What is found in it, with one include more, or without a file."""
    files = dict(HOUSE)
    if name and not target:
        del files[name]
    elif name:
        files[name] = [*files.get(name, []), target]
    include = Path(folder)
    for path, targets in files.items():
        (include / path).parent.mkdir(parents=True, exist_ok=True)
        (include / path).write_text("".join(f"#include <{each}>\n" for each in targets))
    (include / "hdikafka/detail/README.md").write_text(MAP)
    return list(House(include).findings())


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        failures = [f"false alarm: {finding}" for finding in small_house(folder)]
    for expected, name, target in FAILS:
        with tempfile.TemporaryDirectory() as folder:
            found = small_house(folder, name, target)
        if not any(expected in finding for finding in found):
            failures.append(f"'{expected}' was not found with {name} including {target}: {found}")
    return failures


def main(arguments):
    failures = self_test()
    for failure in failures:
        print("self-test:", failure)
    if failures:
        return 1
    house = House(Path(arguments[0]).resolve())
    findings = sorted(set(house.findings()))
    if len(house.places) < 5 or not house.free_rooms or not house.free_names:
        findings.append("detail/README.md names no floors or nothing that is free of Asio: this check sees nothing")
    if "asio/awaitable.hpp" not in house.reached("hdikafka.hpp"):
        findings.append("hdikafka.hpp does not reach Asio: this check sees nothing")
    for finding in findings:
        print(finding)
    free = sum(1 for name in house.includes if house.is_free(name))
    print(f"{len(house.includes)} headers, {len(house.places)} rooms, {free} free of Asio, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
