#!/usr/bin/env python3
"""Makes the single headers of this folder out of include/.

hdikafka.hpp holds everything that include/hdikafka.hpp reaches. Each optional header, say
hdikafka/emulator.hpp, becomes hdikafka_emulator.hpp: it includes hdikafka.hpp and holds the rest.

Every header keeps its include guard. So a program may have this folder before or behind include/ on its path
and mix the spellings: whatever was read once is skipped, wherever it came from.

    amalgamate.py                      writes the single headers
    amalgamate.py --check              fails when they are not what include/ says
    amalgamate.py --forward DIRECTORY  for tests: fills a folder with every name that include/ has, each of
                                       which includes the single header that holds it
"""
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parent / "include"
UMBRELLA = "hdikafka.hpp"
COMMAND = "python3 single_include/amalgamate.py"

DIRECTIVE = re.compile(r"\s*#\s*(\w+)\s*(.*)")
# What a header has around the #includes of what implements it -> what a single header has around these sections.
# The file that says HDIKAFKA_SOURCE needs them as well: unlike in include/, they stand nowhere else.
CONDITIONS = {
    ("ifndef", "HDIKAFKA_SEPARATE_COMPILATION"): "!defined(HDIKAFKA_SEPARATE_COMPILATION) || defined(HDIKAFKA_SOURCE)",
    ("ifdef", "HDIKAFKA_SOURCE"): "defined(HDIKAFKA_SOURCE)",
}
TARGET = re.compile(r'([<"])([^>"]+)[>"]')


class Unfit(Exception):
    """A header that cannot become part of a single header; the text says why."""


def single_name(name):
    return name if name == UMBRELLA else name.replace("hdikafka/", "hdikafka_")


def own_header(name, line):
    """The header of ours that an #include names, relative to include/, or None."""
    match = TARGET.match(line)
    if not match:
        return None
    quote, target = match.groups()
    places = [(INCLUDE / name).parent / target] if quote == '"' else []
    for place in places + [INCLUDE / target]:
        if place.is_file():
            return place.resolve().relative_to(INCLUDE).as_posix()
    return None


def first_guard(lines):
    """The name of the include guard: the first two directives must be #ifndef NAME, #define NAME."""
    found = [match.groups() for match in map(DIRECTIVE.match, lines) if match][:2]
    if [word for word, _ in found] != ["ifndef", "define"] or found[0][1].split() != found[1][1].split():
        return None
    return found[0][1].strip()


class Single:
    """One single header in the making: a section for each header, which holds no other. What implements the
    library, rather than declares it, is read unless a program compiles that once, in another file."""

    def __init__(self, root, others):
        self.root = root
        self.others = others  # header -> the single header that it is to be taken from
        self.held = []  # the headers inside
        self.system = {"": set()}  # condition -> what was included from outside under it
        self.needs = set()  # the single headers that this one includes
        self.declared = set()  # the headers that are read by every file
        self.find_declared(root)

    def find_declared(self, name):
        if name in self.declared or name in self.others:
            return
        self.declared.add(name)
        for condition, own, _, _ in self.lines(name):
            if own and not condition:
                self.find_declared(own)

    def lines(self, name):
        """The lines of a header, but for those around the #includes of what implements it. With each: the
        condition that it is under for their sake; what it includes of ours; what it includes from outside,
        whatever the configuration."""
        lines = (INCLUDE / name).read_text(encoding="utf-8").rstrip("\n").split("\n")
        if first_guard(lines) is None:
            raise Unfit(f"{name} does not begin with an include guard (#ifndef, #define)")
        depth, condition = 0, ""
        for number, line in enumerate(lines, 1):
            match = DIRECTIVE.match(line)
            word, rest = match.groups() if match else ("", "")
            if (word, rest) in CONDITIONS:
                condition = CONDITIONS[word, rest]
                continue
            if condition and word == "endif":
                condition = ""
                continue
            depth += {"if": 1, "ifdef": 1, "ifndef": 1, "endif": -1}.get(word, 0)
            own = own_header(name, rest) if word == "include" else None
            if own and depth != 1:
                raise Unfit(f"{name}:{number}: {own} is included under a condition: it would be held or not")
            yield condition, own, rest if word == "include" and depth == 1 else None, line

    def sections(self, name, condition=""):
        """What a header includes first, itself, and what it includes at its end: (condition, lines) each."""
        if name in self.held:
            return []
        self.held.append(name)
        if name in self.declared:
            condition = ""
        before, mine, behind = [], ["", f"// -------- {name}", ""], []
        for under, own, outside, line in self.lines(name):
            if own in self.others:
                if self.others[own] not in self.needs:
                    self.needs.add(self.others[own])
                    before.append(("", ["", f'#include "{self.others[own]}"']))
            elif own and under:
                behind += self.sections(own, under)
            elif own:
                before += self.sections(own, condition)
            elif not (outside and self.has_read(outside, condition)) and (line or mine[-1]):
                mine.append(line)  # one empty line is enough where #includes were
        return before + [(condition, mine)] + behind

    def has_read(self, header, condition):
        """Whether an earlier section included that header from outside. From now on, one has."""
        known = header in self.system[""] or header in self.system.setdefault(condition, set())
        self.system[condition].add(header)
        return known

    def body(self):
        out, before = [], ""
        for condition, lines in self.sections(self.root) + [("", [])]:
            if condition != before:
                out += ["", f"#endif // {before}"] if before else []
                out += ["", f"#if {condition}"] if condition else []
            out += lines
            before = condition
        return out

    def text(self):
        version_header = (INCLUDE / "hdikafka/version.hpp").read_text(encoding="utf-8")
        version = re.search(r'define HDIKAFKA_VERSION_STRING "([^"]+)"', version_header).group(1)
        licence = (HERE.parent / "LICENSE").read_text(encoding="utf-8").strip().split("\n")
        head = [f"hdikafka {version}: {self.root} and what it reaches, in one file."]
        head += [f"Generated by {COMMAND}: please change include/ instead.", ""] + licence
        return "\n".join([f"// {line}".rstrip() for line in head] + self.body()) + "\n"


def make():
    """The single headers: name -> text, and for each header of ours the single header that holds it."""
    public = sorted(path.relative_to(INCLUDE).as_posix() for path in INCLUDE.glob("hdikafka/*.hpp"))
    core = Single(UMBRELLA, {})
    texts = {UMBRELLA: core.text()}
    holder = dict.fromkeys(core.held, UMBRELLA)
    optional = [name for name in public if name not in holder]
    for root in optional:
        others = dict.fromkeys(core.held, UMBRELLA)
        others.update((name, single_name(name)) for name in optional if name != root)
        single = Single(root, others)
        texts[single_name(root)] = single.text()
        for name in single.held:
            holder.setdefault(name, single_name(root))
    return texts, holder


def stale(texts):
    """The files of this folder that differ from what they should be."""
    there = {path.name: path.read_text(encoding="utf-8") for path in HERE.glob("*.hpp")}
    return sorted(name for name in texts.keys() | there.keys() if texts.get(name) != there.get(name))


def write(path, text):
    """An unchanged file keeps its time, so that nothing is compiled again for it."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main(arguments):
    texts, holder = make()
    if not arguments:
        for path in HERE.glob("*.hpp"):
            if path.name not in texts:
                path.unlink()
        for name, text in texts.items():
            write(HERE / name, text)
            print(f"{name}: {text.count(chr(10))} lines")
        return 0

    different = stale(texts)
    if different:
        print(f"single_include: {', '.join(different)} not as include/ says: run {COMMAND}")
        return 1
    if arguments == ["--check"]:
        print(f"{len(texts)} single headers hold {len(holder)} headers and are fresh")
        return 0
    if len(arguments) == 2 and arguments[0] == "--forward":
        folder = Path(arguments[1])
        for path in folder.rglob("*.hpp"):
            if path.relative_to(folder).as_posix() not in holder:
                path.unlink()
        for name, single in holder.items():
            write(folder / name, f'#include "{(HERE / single).as_posix()}"\n')
        return 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Unfit as problem:
        sys.exit(f"single_include: {problem}")
