"""Recompute the default ranking and its flags in the comparison after their rule has changed.

    python -m benchmarks.decide_anew DATASETS    about 2 minutes per row of 10,000 samples

The training of the cell is run again without the costly scores and the baselines, which do not depend on the rule and are
kept. A row is not changed unless the metrics of two scores are reproduced to the last digit: otherwise its training was
different, and the cell must be measured again. `decided_by` in the row names the commit that made the decision.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks import comparison, rows
from benchmarks.common import part_of, provenance
from curv_issues.bench.methods import DEFAULT
from curv_issues.trackers.base import Need

UNCHANGED = ("margin", "final_margin")  # scores that must be reproduced exactly


def decide_anew(result: dict[str, Any], root: Path) -> dict[str, Any] | None:
    """Return the result with the current default ranking and decision; None if its training cannot be repeated here."""
    passes = {Need[name]: cost for name, cost in result["passes"].items()}  # keep the costs as measured
    again = comparison.measure(result["cell"], root, methods=",".join(UNCHANGED), curvature_epochs=1, passes=passes)
    before, now = result["methods"], again["methods"]
    if any(before[name]["detection"] != now[name]["detection"] for name in UNCHANGED):
        return None
    return {**result, "methods": {**before, DEFAULT: now[DEFAULT]}, "decision": again["decision"], "decided_by": provenance()}


def main() -> None:
    """Decide again row by row; skip rows that this commit has already decided."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, help="folder of the datasets")
    parser.add_argument("--part", default="0/1", help="i/m: every m-th row, starting at the i-th, for m parallel processes")
    options = parser.parse_args()
    for row in part_of(rows.read("comparison"), options.part):
        if row.get("decided_by", row["made_by"])["commit"] == provenance()["commit"]:
            continue
        decided = decide_anew(row, options.datasets)
        if decided is None:
            print(row["cell"], "not changed: its training gives different scores here", flush=True)
            continue
        rows.put("comparison", decided)
        print(row["cell"], row["methods"][DEFAULT]["flagged"], decided["methods"][DEFAULT]["flagged"], flush=True)


if __name__ == "__main__":
    main()
