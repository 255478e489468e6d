#!/usr/bin/env python3
"""Holds the rooms of include/hdikafka/detail/ to their floors, by their includes.

The floors stand in detail/README.md, from the ground up: "1. base" and so on, the rooms of one floor in order.
A file may reach its own room, earlier rooms of its floor and lower floors, however indirectly; public headers
count for what they reach. What is said there to be free of Asio, rooms and names of files, reaches no Asio. Only
run/asio*.hpp name it; the core reaches neither Boost nor what is optional.

    floors.py INCLUDE_DIRECTORY
"""
import re
import sys
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


def main(arguments):
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
