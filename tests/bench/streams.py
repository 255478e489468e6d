#!/usr/bin/env python3
"""Times streams over a partition that is far behind, with a delay of every request as a distant cluster has it.

    streams.py BIN [--records N] [--delay MS]    BIN: where bench_streams and hdikafka-emulator are

Prints records per second, how many times a serial reader's that is, and by how much the reading process grows
beside the bound that its options state. Only prints: times differ from run to run.
"""
import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "checks"))
from emulator_process import Emulator  # noqa: E402 (found by the line above)

MAX_RECORDS = 500
# What is measured: parallelism(), read_ahead().
READERS = {
    "serial": (1, 0),
    "read_ahead(1), the default": (1, 1),
    "read_ahead(3)": (1, 3),
    "parallelism(2)": (2, 1),
    "parallelism(8)": (8, 1),
    "parallelism(16)": (16, 1),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--delay", type=int, default=50)
    options = parser.parse_args()

    emulator = Emulator(options.folder / "hdikafka-emulator", "--topic", "streamed", "--latency", str(options.delay))
    try:
        def run(*arguments):
            done = subprocess.run(
                [options.folder / "bench_streams", emulator.ready["endpoint"], emulator.ready["ca_file"],
                 emulator.token()["access_token"], *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True)
            return done.stdout.split()

        run("fill", options.records)
        print(f"{options.records} records of 1 KB, {MAX_RECORDS} a read, {options.delay} ms a request")
        print(f"{'':28} {'records/s':>10} {'x serial':>9} {'grew by':>9} {'bound':>9}")
        serial = None
        for name, (parallelism, ahead) in READERS.items():
            seconds, grown = map(float, run("read", options.records, parallelism, ahead, MAX_RECORDS))
            serial = serial or seconds
            bound = (parallelism + ahead) * 6
            print(f"{name:28} {options.records / seconds:10.0f} {serial / seconds:9.2f} {grown / 1000:6.1f} MB "
                  f"{bound:6d} MB", flush=True)
    finally:
        emulator.process.terminate()
        emulator.process.wait()


if __name__ == "__main__":
    main()
