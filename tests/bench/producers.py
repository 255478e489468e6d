#!/usr/bin/env python3
"""Times records that come one by one, by a producer and by a POST each, with a delay of every request as a
distant cluster has it.

    producers.py BIN [--records N] [--delay MS]    BIN: where bench_producers and hdikafka-emulator are

Both have as many connections as there are topics. Only prints: times differ from run to run.
"""
import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "checks"))
from emulator_process import Emulator  # noqa: E402 (found by the line above)

TOPICS = 3
POSTS = 1_000  # of one record each: so many are enough to know how long one takes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--delay", type=int, default=20)
    options = parser.parse_args()

    topics = [argument for i in range(TOPICS) for argument in ("--topic", f"sent-{i}")]
    emulator = Emulator(options.folder / "hdikafka-emulator", *topics, "--latency", str(options.delay))
    try:
        def rate(how, records):
            done = subprocess.run(
                [options.folder / "bench_producers", emulator.ready["endpoint"], emulator.ready["ca_file"],
                 emulator.token()["access_token"], how, str(records), str(TOPICS)],
                stdout=subprocess.PIPE, text=True, check=True)
            return records / float(done.stdout)

        print(f"150-byte records to {TOPICS} topics over {TOPICS} connections, {options.delay} ms a request, "
              "each by a coroutine of its own, on 4 threads")
        print(f"{'':30} {'records':>9} {'records/s':>12}")
        posts = rate("post", POSTS)
        print(f"{'a POST each':30} {POSTS:9,} {posts:12,.0f}")
        sends = rate("send", options.records)
        print(f"{'producer.send()':30} {options.records:9,} {sends:12,.0f}   {sends / posts:.0f} x")
    finally:
        emulator.process.terminate()
        emulator.process.wait()


if __name__ == "__main__":
    main()
