from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from curv_issues.errors import AuditError, UsageError
from curv_issues.results import search_tables
from curv_issues.results.search_tables import COPIES, GROUPS, check_search_output, write_search
from tests.made_up import make_result

FRAME = pd.DataFrame(
    [[0, 5, None, "a.png", True, None, None, False, 0, 4, 3, 99], [0, 7, None, "b.png", False, 0.95, "near", True, 90, 2, 2, 50]],
    columns=GROUPS.names,
)
NOTHING = pd.DataFrame(columns=COPIES.names).astype({"mirrored": bool})
SUMMARY = {"kind": "duplicates", "notes": [], "threshold": float("nan")}


def test_files_are_written_and_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "search"
    assert check_search_output(folder, overwrite=False) == folder
    assert not folder.exists()
    left_out = pd.DataFrame({"path": ["c.txt"], "reason": ["not an image"]})
    write_search(folder, {"groups": FRAME, "left_out": left_out}, SUMMARY)
    found = pd.read_parquet(folder / "groups.parquet")
    assert found["similarity"].isna().tolist() == [True, False]
    assert found["path"].tolist() == ["a.png", "b.png"]
    assert found.dtypes.astype(str)[["height", "bytes", "keep"]].tolist() == ["int32", "int64", "bool"]
    assert json.loads((folder / "summary.json").read_text()) == {**SUMMARY, "threshold": None}
    with pytest.raises(
        UsageError, match="already contains a search for duplicates; choose another folder, or replace it with --over"
    ):
        check_search_output(folder, overwrite=False)
    check_search_output(folder, overwrite=True)
    write_search(folder, {"copies": NOTHING}, SUMMARY)
    assert sorted(os.listdir(folder)) == ["copies.parquet", "summary.json"]


def test_other_files_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write_search(check_search_output(tmp_path, overwrite=False), {"groups": FRAME}, SUMMARY)
    assert sorted(os.listdir(tmp_path)) == ["groups.parquet", "notes.txt", "summary.json"]


def test_files_of_others_are_not_replaced(tmp_path: Path) -> None:
    make_result().save(tmp_path / "audit")
    with pytest.raises(UsageError, match="contains the result of an audit; choose another folder"):
        check_search_output(tmp_path / "audit", overwrite=True)
    (tmp_path / "groups.parquet").write_text("mine")
    with pytest.raises(UsageError, match=r"contains groups\.parquet but no search for duplicates; nothing was overwritten"):
        check_search_output(tmp_path, overwrite=True)
    with pytest.raises(UsageError, match="is a file; expected a folder, which need not exist"):
        check_search_output(tmp_path / "groups.parquet", overwrite=True)


def test_a_folder_inside_the_dataset(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is inside the dataset"):
        check_search_output(tmp_path / "photos" / "out", overwrite=False, sources=[tmp_path])
    with pytest.raises(UsageError, match="is empty"):
        check_search_output("", overwrite=False)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a folder that cannot be written")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="is not writable"):
        check_search_output(tmp_path / "out", overwrite=False)


def test_a_failure_leaves_the_older_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_search(tmp_path / "out", {"groups": FRAME}, SUMMARY)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("curv_issues.results.atomic_files.os.fsync", fail)
    with pytest.raises(AuditError, match="No space left on device"):
        write_search(tmp_path / "out", {"copies": NOTHING}, SUMMARY)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    monkeypatch.setattr(search_tables, "replace_files", fail)
    with pytest.raises(AuditError, match=r"The search could not be written to .*out \(No space left on device\)"):
        write_search(tmp_path / "out", {"groups": FRAME}, SUMMARY)


def test_wrong_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="The groups table has the columns"):
        write_search(tmp_path / "out", {"groups": FRAME.drop(columns="keep")}, SUMMARY)
    assert not (tmp_path / "out").exists()
