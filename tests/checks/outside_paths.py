#!/usr/bin/env python3
"""The tree stands on its own: no file points to a place on somebody's machine outside it.

    outside_paths.py ROOT
"""
import re
import sys
from pathlib import Path

# Written so that this file does not contain them.
NEIGHBOUR = re.compile(r"\.\./" + "shared")  # CI alone may read what lies beside the checkout
MACHINE = re.compile(r"(?<![\w.])/" + "work/")
ONLY_CI = {".ci/run"}


def main(root):
    count, found = 0, 0
    for path in sorted(Path(root).rglob("*")):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or re.match(r"\.git(/|$)|build[^/]*/|(.*/)?__pycache__/", name):
            continue
        count += 1
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if MACHINE.search(line) or (name not in ONLY_CI and NEIGHBOUR.search(line)):
                found += 1
                print(f"{name}:{number}: {line.strip()}")
    print(f"{count} files, {found} findings")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
