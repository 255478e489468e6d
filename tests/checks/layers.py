#!/usr/bin/env python3
"""Holds the headers to their layers, by what the compiler says they include.

Each header names its layer in its first comment. Values, formats and decisions reach no Asio header, however
indirectly. In the rest of the core only detail/asio.hpp and asio_io.hpp include Asio itself, and nothing in the
core reaches the emulator or Boost. With --compile, each header must also compile on its own without a warning;
that takes a second or more for each, hence not by default. --public leaves out detail/: what takes long, as a FLAG -O2
does (some of gcc's warnings come from nothing less), is done for what programs include.

    layers.py [--compile] [--public] --include DIRECTORY --asio DIRECTORY -- COMPILER [FLAG...]
"""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PURE = ("values", "formats", "decisions")
LAYERS = PURE + ("I/O shell", "what users see", "emulator", "optional")
# These are pure by design; no comment can move them elsewhere.
ALWAYS_PURE = re.compile(
    r"version|error|result|json|record|record_batch|receipt|topic|offsets|options|http_limits"
    r"|detail/(utf8|base64|url|byte_buffer|arguments|(http|json)_\w+|rest_(request|response)|batch_parser)"
    r"|detail/(retry|\w+_policy|\w+_plan|murmur2|partitioner|batcher)"
)
OPTIONAL = re.compile(r"hdikafka/(emulator|boost_json)\.hpp|hdikafka/(detail|impl)/emulator\w*\.hpp")


def first_comment(text):
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line[2:].strip())
    return " ".join(lines)


def included_by(command, name, include):
    """The files that a header reaches, and what the compiler had to say."""
    with tempfile.TemporaryDirectory() as scratch:
        source, listing = Path(scratch, "header.cpp"), Path(scratch, "header.d")
        source.write_text(f"#include <{name}>\n")
        run = subprocess.run(
            command + ["-std=c++20", "-MF", listing, f"-I{include}", source],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
        files = listing.read_text().replace("\\\n", " ").split()[2:] if listing.exists() else []
    return [os.path.realpath(file) for file in files], run.stdout if run.returncode else ""


def main(arguments):
    options, command = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    include = Path(options[options.index("--include") + 1]).resolve()
    asio = Path(os.path.realpath(options[options.index("--asio") + 1]))
    if "--compile" not in options:
        command = command + ["-M"]
    elif any(flag.startswith("-O") for flag in command):
        command = command + ["-c", "-o", os.devnull, "-MD"]
    else:
        command = command + ["-fsyntax-only", "-MD"]
    findings, pure_count = [], 0

    def is_asio(file):
        return file == str(asio / "asio.hpp") or file.startswith(str(asio / "asio") + os.sep)

    if asio not in (Path("/usr/include"), Path("/usr/local/include")):
        command = command + ["-isystem", str(asio)]
    names = sorted(str(path.relative_to(include)) for path in include.rglob("*.hpp"))
    if "--public" in options:
        names = [name for name in names if "/detail/" not in name]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reached = list(pool.map(lambda name: included_by(command, name, include), names))

    for name, (files, complaint) in zip(names, reached):
        if complaint:
            shown = "\n".join(complaint.splitlines()[:20])
            findings.append(f"{name} cannot be included on its own:\n{shown}")
        text = (include / name).read_text(encoding="utf-8")
        comment = first_comment(text)
        layer = next((known for known in LAYERS if f"Layer: {known}" in comment), None)
        short = name.removeprefix("hdikafka/").removesuffix(".hpp")
        if layer is None and name != "hdikafka.hpp":
            findings.append(f"{name}: the first comment names no layer ({', '.join(LAYERS)})")
        if ALWAYS_PURE.fullmatch(short) and layer not in PURE:
            findings.append(f"{name}: this header belongs to {', '.join(PURE)}, not to {layer}")
        if layer in PURE or "no Asio" in comment:
            pure_count += 1
            through = [file for file in files if is_asio(file)]
            if through:
                findings.append(f"{name} ({layer}) reaches Asio: {through[0]}")
        is_optional = OPTIONAL.fullmatch(name) is not None
        if not is_optional:
            if short not in ("detail/asio", "detail/asio_io") and re.search(r'^\s*#\s*include\s*[<"]asio[./]', text, re.MULTILINE):
                findings.append(f"{name} includes Asio itself: that is for detail/asio.hpp and asio_io.hpp")
            for file in files:
                inside = file.removeprefix(str(include) + os.sep)
                if OPTIONAL.fullmatch(inside) or f"{os.sep}boost{os.sep}" in file:
                    findings.append(f"{name} reaches {inside}, which is no part of the core")
                    break

    # The check would be worthless if it could not see Asio at all.
    umbrella = dict(zip(names, reached)).get("hdikafka.hpp", ([], ""))[0]
    if not any(is_asio(file) for file in umbrella):
        findings.append(f"hdikafka.hpp does not reach Asio in {asio}: this check sees nothing")
    for finding in findings:
        print(finding)
    print(f"{len(names)} headers, {pure_count} of them without Asio, {len(findings)} findings")
    return 1 if findings or not pure_count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
