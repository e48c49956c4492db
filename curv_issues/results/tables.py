"""The tables of a result; these entries define how each one is checked, saved, loaded and listed."""

from __future__ import annotations

from curv_issues.results.kinds import KINDS, PLACE, ResultTable

SCORES = ResultTable(
    {**PLACE, "given": "text", "suggested": "text", "suspicion": "float64", "flagged": "bool", "verdict": "text?"},
    "a sample, in dataset order; the raw scores follow as further columns",
    is_unique=True,
)
FINDINGS = ResultTable(
    {
        **PLACE,
        "kind": "text",
        "given": "text",
        "suggested": "text",
        "suspicion": "float64",
        "p_wrong": "float64?",
        "verdict": "text?",
        "image_sha256": "text",
    },
    "a finding, most suspect first",
    is_listed=True,
)
IMAGES = ResultTable(
    {"row": "int64", "height": "int32", "width": "int32", "file_sha256": "text", "image_sha256": "text"},
    "a sample, in dataset order",
    is_unique=True,
)
TABLES: dict[str, ResultTable] = {
    **{name: table for kind in KINDS.values() for name, table in kind.tables.items()},
    "answers": ResultTable(
        {"row": "int64", "is_wrong": "bool", "p_wrong": "float64?"},
        "a label that a person has judged, with its probability of being wrong before",
        default=False,
        is_unique=True,
    ),
    "shown": ResultTable(
        {"row": "int64", "column": "text", "text": "text"},
        "a sample and a column that the report shows, with the start of its text",
        default=False,
    ),
    "thumbnails": ResultTable(
        {"row": "int64", "size": "text", "image": "binary"},
        "a small image of a sample for the report, of size card or small, as WebP",
        default=False,
    ),
    "pairs": ResultTable(
        {"first": "int64", "second": "int64", "similarity": "float64", "test": "text", "mirrored": "bool"},
        "a pair of images that were compared and are similar, duplicates or not, most similar first",
        rows=("first", "second"),
    ),
    "left_out": ResultTable({"path": "text", "reason": "text"}, "a file of a local folder that was not read", rows=()),
}
"""Further tables, which a result may lack, including those of the kinds of findings."""

REPORT_TABLES = ("shown", "thumbnails")
"""The tables that are made for the report, after the result is saved."""

ALL_TABLES = {"scores": SCORES, "findings": FINDINGS, **TABLES, "images": IMAGES}

ARRAYS = ("pred_probs", "embeddings")
"""The arrays of a result, saved as NAME.npy, which a result may lack."""

SUMMARY = "summary.json"
SHEET = "findings.png"
PROBE = "probe.npz"
REPORT = "report.html"
FILES = (
    *(f"{name}.parquet" for name in ALL_TABLES),
    "trajectories.parquet",
    *(f"{name}.npy" for name in ARRAYS),
    SHEET,
    PROBE,
    REPORT,
    SUMMARY,
)
"""The files of a result, in the order in which they appear: a folder with a summary is complete."""
