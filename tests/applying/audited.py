"""Made-up results for real small datasets, and decisions on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.auditing.summary import describe_dataset
from curv_issues.data.base import LabeledData
from curv_issues.data.loading import load_data
from curv_issues.results.arrow import text_column
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import FINDINGS
from curv_issues.review.decisions import Decision, decisions_json

METADATA = {"direction": "high", "source": "made up", "description": "made up", "cost": "none"}
PROBABILITIES = ("p_wrong", "given_probability", "suggested_probability")


def result_of(data: LabeledData, **tables: pd.DataFrame) -> AuditResult:
    """A result without a training: the next class is suggested, sample i of n has suspicion i / n, the upper half is flagged."""
    n, names = len(data), list(data.class_names)
    index = np.arange(n)
    flagged = index >= n // 2
    scores = pd.DataFrame(
        {
            "row": data.rows,
            "split": text_column(data.splits),
            "path": text_column(data.paths),
            "given": text_column([names[code] for code in data.labels]),
            "suggested": text_column([names[(code + 1) % len(names)] for code in data.labels]),
            "suspicion": index / n,
            "flagged": flagged,
            "verdict": text_column([None] * n),
            "p_wrong": index / n,
            "given_probability": np.full(n, 0.2),
            "suggested_probability": np.full(n, 0.6),
        }
    )
    images = pd.DataFrame(
        {
            "row": data.rows,
            "height": data.sizes[:, 0],
            "width": data.sizes[:, 1],
            "file_sha256": data.file_sha256,
            "image_sha256": data.image_sha256,
        }
    )
    listed = scores.assign(image_sha256=images["image_sha256"])
    in_conflict = listed["row"].isin(tables["conflicts"]["row"] if "conflicts" in tables else [])
    kinds = [listed[flagged].assign(kind="label_issue"), listed[in_conflict].assign(kind="duplicate_conflict")]
    findings = pd.concat(kinds)[FINDINGS.names]
    summary = {"complete": True, "dataset": describe_dataset(data), "seed": 0, "options": {}, "notes": [], "seconds": {}}
    summary["duplicates"] = {"threshold": 0.9}
    metadata = dict.fromkeys(PROBABILITIES, METADATA)
    return AuditResult(scores, findings, {}, None, None, images, metadata, summary, tables=tables)


def audited(dataset: Any, **options: Any) -> AuditResult:
    """The made-up result of a dataset."""
    return result_of(load_data(dataset, **options))


def decide(result: AuditResult, row: int, action: str, label: str | None = None, **changes: Any) -> Decision:
    """A decision on the sample in a row of the dataset."""
    (place,) = np.flatnonzero(result.scores["row"] == row)
    found = result.scores.astype(object).where(result.scores.notna(), None).iloc[place]
    values = {"image_sha256": result.images["image_sha256"][place], "given": found["given"], "action": action, "label": label}
    return Decision(**{**values, "row": row, "split": found["split"], "path": found["path"], **changes})


def save_decisions(path: Path, decisions: Sequence[Decision], result: AuditResult) -> Path:
    path.write_bytes(decisions_json(decisions, result.summary["dataset"]))
    return path


def named(data: LabeledData) -> list[str]:
    """The class name of each sample."""
    return [data.class_names[code] for code in data.labels]


def labelled_paths(data: LabeledData) -> dict[str, str]:
    return dict(zip(data.paths.tolist(), named(data), strict=True))


def tree_of(folder: Path) -> Mapping[str, bytes]:
    """The content of each file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
