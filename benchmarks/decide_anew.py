"""The default ranking and its flags in result files of the comparison, made anew after their rule has changed.

    python -m benchmarks.decide_anew DATASETS FILES    about 2 minutes a file of 10,000 samples

The training of the cell is run again without the costly scores and the baselines, which do not depend on the rule and stay as
they are. A file is left alone if the metrics of two scores do not come out as they are in it, to the last digit: then its
training was another one, and the cell must be made again. `decided_by` in the file tells which commit made the decision.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import comparison
from benchmarks.common import provenance, write_result
from curv_issues.bench.methods import DEFAULT
from curv_issues.trackers.base import Need

UNCHANGED = ("margin", "final_margin")  # scores by which a repeated training is known


def decide_anew(result: dict[str, Any], root: Path) -> dict[str, Any] | None:
    """The result with the default ranking and the decision of today; None if its training cannot be repeated here."""
    passes = {Need[name]: cost for name, cost in result["passes"].items()}  # costs stay as measured beside the others
    again = comparison.measure(result["cell"], root, methods=",".join(UNCHANGED), curvature_epochs=1, passes=passes)
    before, now = result["methods"], again["methods"]
    if any(before[name]["detection"] != now[name]["detection"] for name in UNCHANGED):
        return None
    return {**result, "methods": {**before, DEFAULT: now[DEFAULT]}, "decision": again["decision"], "decided_by": provenance()}


def main() -> None:
    """Decide anew file by file; those that this commit has decided already are left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, help="folder of the datasets")
    parser.add_argument("files", type=Path, nargs="+", help="result files of the comparison")
    options = parser.parse_args()
    for path in options.files:
        result = json.loads(path.read_text())
        made_by = result.get("decided_by", result["made_by"])
        if made_by["commit"] == provenance()["commit"]:
            continue
        decided = decide_anew(result, options.datasets)
        if decided is None:
            print(path.name, "left: its training comes out differently here", flush=True)
            continue
        write_result(path, decided)
        print(path.name, result["methods"][DEFAULT]["flagged"], decided["methods"][DEFAULT]["flagged"], flush=True)


if __name__ == "__main__":
    main()
