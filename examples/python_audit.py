"""Audit from Python: scores, findings, another cut-off without training, and the result in a Datalab.

python examples/python_audit.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import curv_issues
from curv_issues.noise.demo import digits_with_errors


def main() -> None:
    """Audit the digits of the demo, save the result, and rejudge it."""
    data, is_flipped, _ = digits_with_errors()
    result = curv_issues.audit(data, epochs=6, cut_off="5%", seed=0)  # quick; by default it trains longer and decides what to flag
    print(result)
    print(result.findings[["row", "given", "suggested", "suspicion"]].head())

    with tempfile.TemporaryDirectory() as folder:
        result.save(Path(folder) / "digits")
        again = curv_issues.AuditResult.load(Path(folder) / "digits")

    stricter = curv_issues.rejudge(again, cut_off="2%")
    by_curvature = curv_issues.rejudge(again, score="curvature", cut_off="5%")
    for name, found in {"default": result, "2%": stricter, "by curvature": by_curvature}.items():
        flagged = found.scores["flagged"].to_numpy()
        print(f"{name}: {flagged.sum()} flagged, {(flagged & is_flipped).sum()} of them wrong")


if __name__ == "__main__":
    main()
