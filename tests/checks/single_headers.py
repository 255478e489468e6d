#!/usr/bin/env python3
"""The single headers and include/ are one and the same to the compiler.

Preprocesses each single header and the header it is made from, and compares what is left. The same for a
program that has both folders on its path and mixes their spellings: nothing may be declared twice or missing.
All of it with the definitions, and again without them (HDIKAFKA_SEPARATE_COMPILATION).

    single_headers.py ROOT ASIO -- COMPILER [FLAG...]

ASIO is the folder that holds asio.hpp.
"""
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def text_left(command, folders, headers):
    """What is left of the #includes, line by line; and what the compiler had to say."""
    source = "".join(f"#include <{header}>\n" for header in headers)
    paths = [f"-I{folder}" for folder in folders]
    # OpenSSL's macros name the file and line of their use, which differ.
    run = subprocess.run(command + ["-std=c++20", "-DOPENSSL_NO_FILENAMES", "-E", "-P", "-x", "c++"] + paths + ["-"],
                         input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = ["".join(line.split()) for line in run.stdout.splitlines()] if run.returncode == 0 else []
    return [line for line in lines if line], run.stdout if run.returncode else ""


def compare(names, split, single, command, order):
    """What is wrong with the single headers; and how many lines each of them leaves. `order` makes two lists of
    lines comparable."""
    jobs, findings, lengths = [], [], {}
    for name in names:
        header = name.replace("hdikafka_", "hdikafka/")
        expected = ["hdikafka.hpp", header]
        jobs.append((name, [split], expected))
        jobs.append((f"{name} alone", [single], [name]))
        jobs.append((f"{name} before include/", [single, split], [name, header, "hdikafka/client.hpp"]))
        # Nothing of ours in between: the first header alone decides on the order.
        jobs.append((f"{name} after include/", [split, single], expected + [f"../single_include/{name}"]))
    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(lambda job: text_left(command, job[1], job[2]), jobs))

    expected = ""
    for (what, _, _), (text, complaint) in zip(jobs, texts):
        if complaint:
            findings.append(f"{what}: {complaint[:2000]}")
        elif what in names:
            expected = text
            lengths[what] = len(text)
            if not any("namespacehdikafka" in line for line in text):
                findings.append(f"{what}: nothing of ours is in it, this check sees nothing")
        elif order(text) != order(expected):
            findings.append(f"{what} is not the same as its headers in include/")
    return findings, lengths


def main(root, asio, command):
    # The compiler's own folders must stay where they are in its search.
    if asio not in ("/usr/include", "/usr/local/include"):
        command = command + ["-isystem", asio]
    split, single = Path(root, "include"), Path(root, "single_include")
    names = sorted(path.name for path in single.glob("*.hpp"))
    findings, whole = compare(names, split, single, command, list)
    # In the order of the whole, declarations come where their own headers would not have them.
    more, declared = compare(names, split, single, command + ["-DHDIKAFKA_SEPARATE_COMPILATION"], sorted)
    findings += [f"compiled separately: {finding}" for finding in more]
    if whole.get("hdikafka.hpp", 0) <= declared.get("hdikafka.hpp", 0):
        findings.append("hdikafka.hpp is whole, also where it is compiled separately")
    for finding in findings:
        print(finding)
    print(f"{len(names)} single headers, {len(findings)} findings")
    return 1 if findings or "hdikafka.hpp" not in names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[sys.argv.index("--") + 1 :]))
