"""Made-up results with chosen images, labels and findings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.results.arrow import text_column
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import FINDINGS, TABLES
from tests.made_up import result_of, result_parts

NAMES = ("dog", "cat", "bird")


def hash_of(image: str) -> str:
    return image * 64


def result_with(
    images: str,
    *,
    flagged: Collection[int] = (),
    given: Sequence[str] | None = None,
    suggested: Mapping[int, str] | None = None,
    conflicts: Collection[int] = (),
    leaked: Sequence[tuple[int, int]] | None = None,
    paths: Sequence[str | None] | None = None,
    rows: Sequence[int] | None = None,
    names: Sequence[str] = NAMES,
    **summary: Any,
) -> AuditResult:
    """Return a finished result with one sample per letter in `images`; equal letters are identical images.

    Args:
        images: a letter per sample.
        flagged: indices of the samples with a label issue; later ones are more suspect.
        given: class of each sample; None: the first class.
        suggested: suggested class by index; the second class for others.
        conflicts: indices of the samples with a duplicate conflict.
        leaked: pairs of a sample and a row of the other split; None: no other split was compared.
        paths: of each sample.
        rows: of each sample; None: 0, 1, ...
        names: of the classes.
        summary: further entries of the summary, or others in place of those of a finished audit.
    """
    n = len(images)
    parts = result_parts(n=n, names=names, flagged=flagged, paths=paths)
    row = np.array(range(n) if rows is None else rows)
    better = [(suggested or {}).get(index, names[1]) for index in range(n)]
    changed = {"row": row, "given": text_column(given or [names[0]] * n), "suggested": text_column(better)}
    scores = parts["scores"] = parts["scores"].assign(**changed)
    hashes = text_column(map(hash_of, images))
    parts["images"] = parts["images"].assign(row=row, image_sha256=hashes)
    both = [("label_issue", sorted(flagged)), ("duplicate_conflict", sorted(conflicts))]
    found = [scores.assign(kind=kind, p_wrong=0.9, image_sha256=hashes).iloc[list(chosen)] for kind, chosen in both]
    parts["findings"] = pd.concat(found)[FINDINGS.names]
    members = scores.iloc[sorted(conflicts)]
    more = {"group": 0, "suspect": True, "similarity": 1.0, "test": "near", "majority": 0.5, "probability": 0.5, "neighbours": 0.5}
    parts["conflicts"] = members.assign(**more)[TABLES["conflicts"].names]
    if leaked is not None:
        here = scores.iloc[[index for index, _ in leaked]].reset_index(drop=True)
        there = {"other_row": [other for _, other in leaked], "other_split": "test", "other_path": None, "other_given": names[1]}
        parts["leakage"] = here.assign(**there, similarity=1.0, test="near", mirrored=False, agree=False)[TABLES["leakage"].names]
        parts["summary"]["other_split"] = {"split": "test", "rows": 1, "differing_rows": 1}
    finished = {"duplicates": {"threshold": 0.9}, "options": {"duplicates": True}, "notes": [], "cut_off": None}
    parts["summary"].update({**finished, **summary})
    return result_of(parts)
