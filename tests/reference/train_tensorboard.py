"""Reads a run's TensorBoard events with TensorBoard itself and compares them with the run's log.

usage: train_tensorboard.py RUN   (needs the tensorboard package)
"""

import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def main(run: pathlib.Path) -> int:
    expected = {}
    for line in (run / "log.jsonl").read_text().splitlines():
        record = json.loads(line)
        tags = {}
        if "objective" in record:
            tags["loss/" + record["objective"]] = record["loss"]
        for name, value in record.get("valid", {}).items():
            tags["valid/" + name] = value
        for tag, value in tags.items():
            if value is not None:
                expected.setdefault((record["stage"], tag), []).append((record["step"], value))
    wrong = 0
    boards = {}
    for (stage, tag), rows in expected.items():
        if stage not in boards:
            boards[stage] = EventAccumulator(str(run / "tensorboard" / stage), {"scalars": 0})
            boards[stage].Reload()
        got = [(e.step, e.value) for e in boards[stage].Scalars(tag)]
        same = len(got) == len(rows) and all(
            a[0] == b[0] and math.isclose(a[1], b[1], rel_tol=1e-6) for a, b in zip(got, rows))
        wrong += not same
        print(f"{stage} {tag}: {len(rows)} in the log, {len(got)} events, "
              f"{'equal' if same else 'DIFFERENT'}")
    return 1 if wrong or not expected else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
