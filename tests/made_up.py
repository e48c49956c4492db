"""Small made-up results for tests of everything after an audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.results.arrow import text_column
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import FILES, FINDINGS, TABLES

METADATA = {
    "cumulative_loss": {"direction": "high", "source": "Somebody 2025", "description": "sum of losses", "cost": "none"},
    "margin": {"direction": "low", "source": "Somebody else 2020", "description": "Größe, ≥ 0", "cost": "none"},
    "training_gradient": {"direction": "high", "source": "A third 2023", "description": "norm", "cost": "a part"},
}


NOT_WRITTEN = ("leakage.parquet", "answers.parquet", "shown.parquet", "thumbnails.parquet", "report.html")
WRITTEN = tuple(name for name in FILES if name not in NOT_WRITTEN)
"""The files of a result without another split, answers and images for a report, such as that of `make_result`."""


def result_parts(
    *,
    names: Sequence[str] = ("dog", "cat", "bird"),
    flagged: Sequence[int] = (1, 4, 5),
    n: int = 8,
    split: str | None = "train",
    paths: Sequence[str | None] | None = None,
    contact_sheet: bytes | None = b"\x89PNG",
) -> dict[str, Any]:
    """Return arguments of an AuditResult: sample i has row 10 i, class i mod k, the next class suggested, suspicion i / (n - 1)."""
    k, index = len(names), np.arange(n)
    rng = np.random.default_rng(0)
    is_flagged = np.isin(index, flagged)
    scores = pd.DataFrame(
        {
            "row": index * 10,
            "split": text_column([split] * n),
            "path": text_column(paths if paths is not None else [None] * n),
            "given": text_column([names[i % k] for i in range(n)]),
            "suggested": text_column([names[(i + 1) % k] for i in range(n)]),
            "suspicion": index / (n - 1),
            "flagged": is_flagged,
            "verdict": text_column([None] * n),
            "cumulative_loss": index * 1.5,
            "margin": np.where(index == 2, np.nan, -index / 7),
            "training_gradient": 10.0 ** -(index + 1.0),
        }
    )
    images = pd.DataFrame(
        {
            "row": index * 10,
            "height": index + 1,
            "width": index + 2,
            "file_sha256": text_column([""] * n),
            "image_sha256": text_column([f"{i:064x}" for i in index]),
        }
    )
    findings = scores.assign(kind="label_issue", p_wrong=np.nan, image_sha256=images["image_sha256"])[is_flagged]
    loss = rng.random((n, 4)).astype(np.float32)
    curvature = np.where(np.arange(4) % 2, np.nan, loss).astype(np.float32)
    return {
        "scores": scores,
        "findings": findings[FINDINGS.names],
        "trajectories": {"loss": loss, "input_curvature": curvature},
        "pred_probs": rng.dirichlet(np.ones(k), n).astype(np.float16),
        "embeddings": rng.normal(size=(n, 5)).astype(np.float16),
        "images": images,
        "score_metadata": METADATA,
        "summary": {
            "complete": True,
            "dataset": {"source": "org/made-up", "split": split, "n": n, "classes": list(names)},
            "seed": np.int64(7),
            "seconds": {"load": 1.25},
        },
        "contact_sheet": contact_sheet,
        "probe": {"head.weight": np.ones((k, 4), dtype=np.float32)},
    }


def result_of(parts: dict[str, Any]) -> AuditResult:
    """Return an AuditResult of parts, which may contain further tables such as conflicts under their names."""
    tables = {name: parts[name] for name in TABLES if name in parts}
    return AuditResult(**{name: part for name, part in parts.items() if name not in TABLES}, tables=tables)


def make_result(
    *,
    names: Sequence[str] = ("dog", "cat", "bird"),
    flagged: Sequence[int] = (1, 4, 5),
    n: int = 8,
    split: str | None = "train",
    paths: Sequence[str | None] | None = None,
    contact_sheet: bytes | None = b"\x89PNG",
) -> AuditResult:
    """Return an AuditResult of `result_parts`."""
    parts = result_parts(names=names, flagged=flagged, n=n, split=split, paths=paths, contact_sheet=contact_sheet)
    return AuditResult(**parts)
