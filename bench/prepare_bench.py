#!/usr/bin/env python3
"""Speed and memory of preparing reviews, beside pandas' read_json(lines=True), in one run.

  bench/prepare_bench.py PROGRAM [--gigabytes 1] [--repeat 3]

PROGRAM is the built prepare_bench. The file of reviews is made in $TMPDIR (the same bytes every time)
and removed at the end. Each measurement is a process of its own: its wall time, its processor time (user
and system, which "a core" divides by), its peak resident memory. The best of the repeats by processor
time counts: the first writes into memory that the machine has not handed out yet. Kindred reads, splits
and writes the prepared folder, texts included; pandas only reads. Without pandas that row says so.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PANDAS = """
import json, resource, sys, time
begin = time.perf_counter()
try:
    import pandas
except ImportError:
    print(json.dumps({"missing": True})); sys.exit()
begin = time.perf_counter()
frame = pandas.read_json(sys.argv[1], lines=True)
wall = time.perf_counter() - begin
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"wall_seconds": wall, "user_seconds": usage.ru_utime,
                  "system_seconds": usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024,
                  "rows": len(frame)}))
"""


def measure(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def processor_seconds(result):
    return result["user_seconds"] + result["system_seconds"]


def show(name, size, result):
    if result.get("missing"):
        print(f"{name:28} not installed")
        return
    processor = processor_seconds(result)
    print(f"{name:28} {size / 1e6 / result['wall_seconds']:8.0f} MB/s {size / 1e6 / processor:10.0f} MB/s a core "
          f"{result['peak_bytes'] / 1e6:8.0f} MB peak {result['wall_seconds']:7.1f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="a Python with pandas")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="prepare_bench", dir=os.environ.get("TMPDIR")))
    try:
        reviews = folder / "reviews.json"
        subprocess.run([arguments.program, "generate", reviews, str(int(arguments.gigabytes * 1e9))],
                       check=True)
        size = reviews.stat().st_size
        for k_core in (0, 5):
            runs = [measure([arguments.program, "run", reviews, folder / "out", str(k_core)])
                    for _ in range(arguments.repeat)]
            best = min(runs, key=processor_seconds)
            show(f"kindred prepare, k-core {k_core}", size, best)
            rates = sorted(size / 1e6 / processor_seconds(run) for run in runs)
            print(f"    MB/s a core of all {len(runs)} runs: " + ", ".join(f"{rate:.0f}" for rate in rates))
            allowed = 64 * best["rows"] + 200e6
            print(f"    {best['rows']:,} rows, {best['interactions']:,} kept; memory allowed (64 bytes an "
                  f"interaction + 200 MB): {allowed / 1e6:.0f} MB")
        show("pandas read_json(lines=True)", size, measure([arguments.python, "-c", PANDAS, reviews]))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
