"""The tables of a result: one entry each, from which they are checked, saved, loaded and listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PLACE = {"row": "int64", "split": "text?", "path": "text?"}
"""The columns that name a sample; `?` stands for values that may be missing."""

_SIMILAR = {"given": "text", "similarity": "float64", "test": "text"}


@dataclass(frozen=True)
class ResultTable:
    """One table, NAME.parquet.

    Attributes:
        columns: name -> int64, int32, float64, bool or text, with `?` where values may be missing.
        about: what one row is.
        needed: results lack it only if they are of an older version; then it is empty.
        default: False: absent unless it was asked for.
        rows: columns of row numbers, which must be those of samples.
        is_unique: whether a row number appears once at most.
    """

    columns: Mapping[str, str]
    about: str
    needed: bool = False
    default: bool = True
    rows: tuple[str, ...] = ("row",)
    is_unique: bool = False

    @property
    def names(self) -> list[str]:
        """Names of the columns, in their order."""
        return list(self.columns)


SCORES = ResultTable(
    {**PLACE, "given": "text", "suggested": "text", "suspicion": "float64", "flagged": "bool"},
    "a sample, in dataset order; the raw scores follow as further columns",
    needed=True,
    is_unique=True,
)
TABLES: dict[str, ResultTable] = {
    "findings": ResultTable(
        {**PLACE, "kind": "text", "given": "text", "suggested": "text", "suspicion": "float64", "image_sha256": "text"},
        "a finding, most suspect first",
        needed=True,
    ),
    "conflicts": ResultTable(
        {
            "group": "int64",
            **PLACE,
            "given": "text",
            "suspect": "bool",
            "suggested": "text",
            "similarity": "float64",
            "test": "text",
            "majority": "float64",
            "probability": "float64?",
            "neighbours": "float64?",
        },
        "a member of a group of duplicate images with different labels, the most similar groups first",
        is_unique=True,
    ),
    "duplicates": ResultTable(
        {"group": "int64", **PLACE, **_SIMILAR}, "a member of a group of duplicate images with one label", is_unique=True
    ),
    "pairs": ResultTable(
        {"first": "int64", "second": "int64", "similarity": "float64", "test": "text", "mirrored": "bool"},
        "a pair of images that were compared and are similar, duplicates or not, most similar first",
        rows=("first", "second"),
    ),
    "overlap": ResultTable(
        {
            **PLACE,
            "given": "text",
            "other_row": "int64",
            "other_split": "text?",
            "other_path": "text?",
            "other_given": "text",
            "similarity": "float64",
            "test": "text",
            "mirrored": "bool",
            "agree": "bool",
        },
        "an image and its duplicate in another split, those with different labels first",
        default=False,
    ),
    "left_out": ResultTable({"path": "text", "reason": "text"}, "a file of a local folder that was not read", rows=()),
    "images": ResultTable(
        {"row": "int64", "height": "int32", "width": "int32", "file_sha256": "text", "image_sha256": "text"},
        "a sample, in dataset order",
        needed=True,
        is_unique=True,
    ),
}
"""Tables with fixed columns beside `SCORES`; trajectories.parquet has a column for each quantity."""

SUMMARY = "summary.json"
SHEET = "findings.png"
FILES = (
    "scores.parquet",
    *(f"{name}.parquet" for name in TABLES),
    "trajectories.parquet",
    "pred_probs.npy",
    "embeddings.npy",
    SHEET,
    SUMMARY,
)
"""The files of a result, in the order they appear: a folder with a summary has all the rest."""
