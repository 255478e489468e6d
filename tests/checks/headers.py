#!/usr/bin/env python3
"""Compiles each header on its own; none may give a warning. That takes a second or more for each. --public leaves
out detail/: what takes long, as a FLAG -O2 does (some of gcc's warnings come from nothing less), is done for what
programs include.

    headers.py [--public] --include DIRECTORY --asio DIRECTORY -- COMPILER [FLAG...]
"""
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def complaint(command, name, include):
    """What the compiler has to say of a header."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "header.cpp")
        source.write_text(f"#include <{name}>\n")
        run = subprocess.run(
            command + ["-std=c++20", f"-I{include}", source],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
    return run.stdout if run.returncode else ""


def main(arguments):
    options, command = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    include = Path(options[options.index("--include") + 1]).resolve()
    asio = Path(os.path.realpath(options[options.index("--asio") + 1]))
    if asio not in (Path("/usr/include"), Path("/usr/local/include")):
        command = command + ["-isystem", str(asio)]
    optimised = any(flag.startswith("-O") for flag in command)
    command = command + (["-c", "-o", os.devnull] if optimised else ["-fsyntax-only"])
    names = sorted(str(path.relative_to(include)) for path in include.rglob("*.hpp"))
    if "--public" in options:
        names = [name for name in names if "/detail/" not in name]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = list(pool.map(lambda name: complaint(command, name, include), names))
    failed = [(name, said) for name, said in zip(names, complaints) if said]
    for name, said in failed:
        print(f"{name} cannot be included on its own:")
        print("\n".join(said.splitlines()[:20]))
    print(f"{len(names)} headers, {len(failed)} of them not clean")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
