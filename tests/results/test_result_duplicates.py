"""The tables of duplicate images, in memory and in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from curv_issues.auditing.rejudge import rejudge
from curv_issues.duplicates.base import BYTES, NEAR, PIXELS
from curv_issues.errors import UsageError
from curv_issues.findings.duplicate_conflict import SCORE, SCORE_METADATA
from curv_issues.results.arrow import schema_of, text_column
from curv_issues.results.kinds import DUPLICATE_CONFLICT
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import FINDINGS
from curv_issues.results.tables import TABLES as RESULT_TABLES
from tests.made_up import result_of, result_parts

TABLES = {"conflicts": schema_of(RESULT_TABLES["conflicts"]), "duplicates": schema_of(RESULT_TABLES["duplicates"])}
PANDAS = {"int64": np.int64, "double": np.float64, "bool": np.bool_, "string": text_column(["a"]).dtype}


def parts_with_duplicates(**options: Any) -> dict[str, Any]:
    """Return `result_parts` with two conflicts (samples 1, 5, 6 and 0, 2), and duplicates 3 and 7 with one label."""
    parts = result_parts(paths=[f"ä {i}.png" if i % 2 else None for i in range(8)], **options)
    scores = parts["scores"]
    scores.loc[7, "given"] = scores.loc[3, "given"]
    members = scores[["row", "split", "path", "given"]]
    conflicts = members.iloc[[1, 5, 6, 0, 2]].assign(
        group=[0, 0, 0, 1, 1],
        suspect=[True, True, False, True, True],
        suggested=text_column(["dog", "dog", "dog", "bird", "dog"]).to_numpy(),
        similarity=[1.0, 1.0, 0.93, 0.91, 0.91],
        test=text_column([BYTES, BYTES, NEAR, NEAR, NEAR]).to_numpy(),
        majority=[1 / 3, 1 / 3, 1 / 3, 0.5, 0.5],
        probability=[0.1, 0.2, 0.7, np.nan, np.nan],
        neighbours=[0.0, 0.05, 0.9, np.nan, 0.5],
    )
    duplicates = members.iloc[[3, 7]].assign(group=0, similarity=1.0, test=PIXELS)
    parts["conflicts"], parts["duplicates"] = (
        conflicts[RESULT_TABLES["conflicts"].names],
        duplicates[RESULT_TABLES["duplicates"].names],
    )
    found = scores.iloc[[1, 5, 6, 0, 2]].assign(
        kind=DUPLICATE_CONFLICT, p_wrong=np.nan, image_sha256=parts["images"]["image_sha256"]
    )
    findings = found.assign(suggested=conflicts["suggested"])[FINDINGS.names]
    parts["findings"] = pd.concat([parts["findings"], findings])
    return parts


def assert_same_tables(left: AuditResult, right: AuditResult) -> None:
    for table in ("scores", "findings", *TABLES):
        pd.testing.assert_frame_equal(getattr(left, table), getattr(right, table))


@pytest.mark.parametrize("split", ["train", None])
def test_saved_results_are_loaded_unchanged(split: str | None, tmp_path: Path) -> None:
    parts = parts_with_duplicates(split=split)
    result = result_of(parts)
    result.save(tmp_path / "out")
    loaded = AuditResult.load(tmp_path / "out")
    assert_same_tables(result, loaded)
    assert loaded.conflicts["row"].tolist() == [10, 50, 60, 0, 20]  # in the order given, unlike findings
    assert loaded.conflicts["suspect"].tolist() == [True, True, False, True, True]
    assert loaded.duplicates["row"].tolist() == [30, 70]
    for table, schema in TABLES.items():
        frame = getattr(loaded, table)
        assert frame.index.tolist() == list(range(len(parts[table])))
        pd.testing.assert_frame_equal(frame, parts[table].reset_index(drop=True))
        assert frame.dtypes.tolist() == [PANDAS[str(field.type)] for field in schema]
        assert pq.read_schema(tmp_path / "out" / f"{table}.parquet").equals(schema)
    stored = pq.read_table(tmp_path / "out" / "conflicts.parquet")
    assert [value is None for value in stored["probability"].to_pylist()] == [False] * 3 + [True] * 2


def test_conflicts_are_findings_of_their_own_kind() -> None:
    findings = result_of(parts_with_duplicates()).findings
    pairs = list(zip(findings["row"], findings["kind"], strict=True))
    assert pairs == [
        (60, DUPLICATE_CONFLICT),
        (50, "label_issue"),
        (50, DUPLICATE_CONFLICT),
        (40, "label_issue"),
        (20, DUPLICATE_CONFLICT),
        (10, "label_issue"),
        (10, DUPLICATE_CONFLICT),
        (0, DUPLICATE_CONFLICT),
    ]
    suggested = findings.set_index(["row", "kind"])["suggested"]
    assert suggested[50, "label_issue"] == "dog"
    assert suggested[10, "label_issue"] == "bird"
    assert suggested[10, DUPLICATE_CONFLICT] == "dog"
    text = str(result_of(parts_with_duplicates()))
    assert text == "org/made-up train: 8 samples, 3 classes, 5 duplicate_conflict, 3 label_issue findings"


def test_missing_tables_are_empty() -> None:
    result = result_of(result_parts())
    for table, schema in TABLES.items():
        frame = getattr(result, table)
        assert len(frame) == 0
        assert frame.columns.tolist() == schema.names
        assert frame.dtypes.tolist() == [PANDAS[str(field.type)] for field in schema]


def test_folder_of_the_first_version_has_no_duplicate_tables(tmp_path: Path) -> None:
    result = result_of(result_parts())
    folder = result.save(tmp_path / "out")
    for table in TABLES:
        (folder / f"{table}.parquet").unlink()
    loaded = AuditResult.load(folder)
    assert_same_tables(result, loaded)
    loaded.save(tmp_path / "again")
    assert_same_tables(result, AuditResult.load(tmp_path / "again"))
    assert len(pq.read_table(tmp_path / "again" / "conflicts.parquet")) == 0


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("content", [b"", b"noise" * 100])
def test_corrupt_table_is_reported(table: str, content: bytes, tmp_path: Path) -> None:
    folder = result_of(parts_with_duplicates()).save(tmp_path / "out")
    (folder / f"{table}.parquet").write_bytes(content)
    with pytest.raises(UsageError, match="is corrupt"):
        AuditResult.load(folder)


def test_missing_conflicts_are_reported(tmp_path: Path) -> None:
    folder = result_of(parts_with_duplicates()).save(tmp_path / "out")
    (folder / "conflicts.parquet").unlink()
    with pytest.raises(UsageError, match=r"is corrupt \(The conflicts table and the duplicate_conflict findings have different"):
        AuditResult.load(folder)


def test_overwriting_also_replaces_the_tables(tmp_path: Path) -> None:
    result_of(parts_with_duplicates()).save(tmp_path / "out")
    result_of(result_parts()).save(tmp_path / "out", overwrite=True)
    loaded = AuditResult.load(tmp_path / "out")
    assert (len(loaded.conflicts), len(loaded.duplicates)) == (0, 0)


DIFFERENT_ROWS = "The conflicts table and the duplicate_conflict findings have different rows."
INVALID: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "repeated conflict": (
        lambda p: p.update(conflicts=p["conflicts"].iloc[[0, 1, 2, 3, 4, 4]]),
        "The conflicts table has a row twice.",
    ),
    "conflict of an unknown row": (
        lambda p: p.update(conflicts=p["conflicts"].assign(row=[10, 50, 60, 0, 21])),
        "The conflicts table has rows that are not in the scores table.",
    ),
    "repeated duplicate": (
        lambda p: p.update(duplicates=p["duplicates"].iloc[[0, 1, 1]]),
        "The duplicates table has a row twice.",
    ),
    "duplicate of an unknown row": (
        lambda p: p.update(duplicates=p["duplicates"].assign(row=[30, 80])),
        "The duplicates table has rows that are not in the scores table.",
    ),
    "conflict without finding": (lambda p: p.update(findings=p["findings"].iloc[:-1]), DIFFERENT_ROWS),
    "finding without conflict": (lambda p: p.update(conflicts=p["conflicts"].iloc[:-1]), DIFFERENT_ROWS),
    "findings without the table": (lambda p: p.pop("conflicts"), DIFFERENT_ROWS),
    "findings of another row": (lambda p: p.update(conflicts=p["conflicts"].assign(row=[10, 50, 60, 0, 70])), DIFFERENT_ROWS),
    "missing conflicts column": (
        lambda p: p.update(conflicts=p["conflicts"].drop(columns="majority")),
        "The conflicts table has the columns group, row, split, path, given, suspect, suggested, similarity, test, probability, "
        "neighbours; expected exactly group, row, split, path, given, suspect, suggested, similarity, test, majority, probability, "
        "neighbours.",
    ),
    "extra duplicates column": (
        lambda p: p.update(duplicates=p["duplicates"].assign(suspect=False)),
        "The duplicates table has the columns group, row, split, path, given, similarity, test, suspect; "
        "expected exactly group, row, split, path, given, similarity, test.",
    ),
    "columns in another order": (
        lambda p: p.update(duplicates=p["duplicates"][RESULT_TABLES["duplicates"].names[::-1]]),
        "The duplicates table has the columns test, similarity, given, path, split, row, group; expected exactly group, row",
    ),
    "fractional group": (
        lambda p: p.update(conflicts=p["conflicts"].assign(group=0.5)),
        "Column group of the conflicts table is not of type int64: expected integers.",
    ),
    "suspect as numbers": (
        lambda p: p.update(conflicts=p["conflicts"].assign(suspect=1)),
        "Column suspect of the conflicts table is not of type bool: expected True or False.",
    ),
    "missing test": (
        lambda p: p.update(duplicates=p["duplicates"].assign(test=[NEAR, None])),
        "Column test of the duplicates table has missing values; expected one value per row.",
    ),
    "missing majority": (
        lambda p: p.update(conflicts=p["conflicts"].assign(majority=np.nan)),
        "Column majority of the conflicts table has missing values; expected one value per row.",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_tables_are_refused(case: str) -> None:
    spoil, message = INVALID[case]
    parts = parts_with_duplicates()
    result_of(parts)
    spoil(parts)
    with pytest.raises(UsageError) as error:
        result_of(parts)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def result_to_rejudge() -> AuditResult:
    """Return a result with everything that `rejudge` needs."""
    parts = parts_with_duplicates()
    parts["scores"][SCORE] = [0.91, 1.0, 0.91, 0.0, 0.0, 1.0, 0.93, 0.0]
    parts["score_metadata"] = {**parts["score_metadata"], SCORE: SCORE_METADATA}
    rng = np.random.default_rng(0)
    parts["scores"]["margin"] = rng.normal(size=8)
    parts["trajectories"] = {"margin": rng.normal(size=(8, 4)).astype(np.float32)}
    parts["summary"] |= {
        "reference_margin": {name: [-9.0, -8.0, -7.0, -6.0] for name in ("p90", "p99")} | {"predicted": [0.0] * 4},
        "options": {"score": "default", "cut_off": "auto"},
        "num_findings": {"label_issue": 3, "duplicate_conflict": 5},
        "duplicates": {"threshold": 0.9, "conflict_groups": 2},
    }
    return result_of(parts)


@pytest.mark.parametrize(("cut_off", "count"), [("0%", 0), ("25%", 2), ("100%", 8)])
def test_rejudging_keeps_the_conflicts(cut_off: str, count: int, tmp_path: Path) -> None:
    result = result_to_rejudge()
    again = rejudge(result, score="cumulative_loss", cut_off=cut_off)
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(again, table), getattr(result, table))
    assert again.scores["flagged"].sum() == count
    assert again.summary["num_findings"] == {"label_issue": count, "duplicate_conflict": 5}
    assert again.summary["duplicates"] == result.summary["duplicates"]
    assert again.findings["kind"].value_counts().get("label_issue", 0) == count
    found = again.findings[again.findings["kind"] == DUPLICATE_CONFLICT].sort_values("row", ignore_index=True)
    before = result.findings[result.findings["kind"] == DUPLICATE_CONFLICT].sort_values("row", ignore_index=True)
    changed = ["suspicion", "verdict"]
    pd.testing.assert_frame_equal(found.drop(columns=changed), before.drop(columns=changed))
    assert found["verdict"].eq("conflict").tolist() == again.conflicts.sort_values("row")["suspect"].tolist()
    assert found["suspicion"].tolist() == again.scores.set_index("row").loc[found["row"], "suspicion"].tolist()
    assert found["suspicion"].tolist() != before["suspicion"].tolist()
    again.save(tmp_path / "out")
    assert_same_tables(again, AuditResult.load(tmp_path / "out"))


def test_ranking_by_conflict_similarity() -> None:
    result = result_to_rejudge()
    again = rejudge(result, score=SCORE, cut_off="25%")
    assert (again.scores["suspicion"].rank() == result.scores[SCORE].rank()).all()
    assert again.scores.loc[again.scores["flagged"], "row"].tolist() == [10, 50]
    pd.testing.assert_frame_equal(again.conflicts, result.conflicts)
