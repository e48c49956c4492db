"""Made-up results of datasets on disk, whose images can be read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.auditing.summary import describe_dataset
from curv_issues.data.base import LabeledData
from curv_issues.data.loading import load_data
from curv_issues.results.arrow import text_column
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import FINDINGS, TABLES
from tests.data.images import colour_image, encode, write_parquet
from tests.made_up import METADATA, result_of, result_parts

NAMES = ("cat", "dog é", "=SUM(1) <b>&\"'")
NUM = 9
FLAGGED = (2, 5, 7)  # samples with a label issue, most suspect last
CONFLICT = (1, 5)  # samples of one group of duplicates; the second is suspect
P_WRONG = np.linspace(0.1, 0.9, NUM)


def write_photos(folder: Path, *, names: Sequence[str] = NAMES, num: int = NUM) -> Path:
    """Write an image folder; row i has class i // 3 in the order of the names."""
    for number in range(num):
        place = folder / sorted(names)[number // 3]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"image {number}.png").write_bytes(encode(colour_image(number, height=6 + number)))
    return folder


def write_table(path: Path, *, num: int = NUM) -> Path:
    """Write a parquet file with embedded images of two classes."""
    return write_parquet(path, ["ab"[i % 2] for i in range(num)], images=[encode(colour_image(i)) for i in range(num)])


def audited(
    data: LabeledData, *, flagged: Sequence[int] = FLAGGED, conflict: Sequence[int] = CONFLICT, **summary: Any
) -> AuditResult:
    """Return a made-up result of data: sample i has suspicion i / (n - 1) and the next class suggested."""
    n, k = len(data), data.num_classes
    names = text_column(data.class_names).to_numpy(dtype=object)
    parts = result_parts(names=list(names), n=n, split=None, flagged=flagged, paths=data.paths)
    given, suggested = names[data.labels], names[(data.labels + 1) % k]
    place = {"row": data.rows, "split": text_column(data.splits), "path": text_column(data.paths), "given": text_column(given)}
    p_wrong = np.resize(P_WRONG, n)
    scores = parts["scores"].assign(**place, suggested=text_column(suggested), p_wrong=p_wrong)
    images = {
        "row": data.rows,
        "height": data.sizes[:, 0],
        "width": data.sizes[:, 1],
        "file_sha256": text_column(data.file_sha256),
        "image_sha256": text_column(data.image_sha256),
    }
    verdict = np.array([None] * n, dtype=object)
    verdict[list(flagged)] = "mislabeled"
    scores["verdict"] = text_column(verdict)
    found = scores.assign(image_sha256=images["image_sha256"], kind="label_issue").iloc[list(flagged)]
    members = scores.assign(image_sha256=images["image_sha256"], kind="duplicate_conflict").iloc[list(conflict)]
    is_suspect = np.arange(len(members)) > 0
    right = members["given"].iloc[:1].to_numpy(dtype=object)
    members = members.assign(
        suggested=text_column(np.where(is_suspect, np.resize(right, len(members)), members["given"])).to_numpy()
    )
    conflicts = members.assign(
        group=0, suspect=is_suspect, similarity=1.0, test="near", majority=0.5, probability=np.nan, neighbours=np.nan
    )[TABLES["conflicts"].names]
    described = {
        **parts["summary"],
        "dataset": describe_dataset(data),
        "versions": {"curv-issues": "0.1.0", "torch": "2.9"},
        "notes": [],
        "estimate": {"num_errors": 3.2, "low": 1.5, "high": 4.9, "basis": "training"},
        "num_findings": {"label_issue": len(found), "duplicate_conflict": len(members)},
        **summary,
    }
    return result_of(
        {
            **parts,
            "scores": scores,
            "images": pd.DataFrame(images),
            "findings": pd.concat([found, members])[FINDINGS.names],
            "conflicts": conflicts.reset_index(drop=True),
            "score_metadata": {**METADATA, "p_wrong": METADATA["margin"]},
            "summary": described,
        }
    )


def audited_photos(folder: Path, **more: Any) -> AuditResult:
    """Return a made-up result of the image folder, which is written if it does not exist."""
    if not folder.exists():
        write_photos(folder)
    return audited(load_data(folder), **more)
