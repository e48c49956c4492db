"""Invalid, corrupt and foreign folders are refused on loading."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curv_issues.errors import UsageError
from curv_issues.results.result import AuditResult
from tests.made_up import make_result


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return make_result().save(tmp_path / "out")


def message_of_load(folder: Path) -> str:
    with pytest.raises(UsageError) as error:
        AuditResult.load(folder)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(folder), "DIR")


def test_loading_a_folder_without_result(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert message_of_load(missing) == "Folder DIR does not exist; expected the output folder of an audit."
    (tmp_path / "scores.parquet").touch()
    assert message_of_load(tmp_path / "scores.parquet") == "DIR is not a folder; expected the output folder of an audit."
    assert message_of_load(tmp_path) == "DIR is not a result folder: it has no summary.json."


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "{}", '{"schema_version": "new"}', "\xff"])
def test_loading_a_foreign_summary(saved: Path, text: str) -> None:
    (saved / "summary.json").write_text(text, encoding="latin-1")
    expected = "DIR is not a result folder: its summary.json was not written by curv-issues, or is corrupt."
    assert message_of_load(saved) == expected


def test_loading_a_newer_version(saved: Path) -> None:
    summary = json.loads((saved / "summary.json").read_text())
    (saved / "summary.json").write_text(json.dumps({**summary, "schema_version": 4}))
    assert message_of_load(saved) == (
        "The result in DIR has schema_version 4, but this version of curv-issues reads up to 3; update curv-issues."
    )


@pytest.mark.parametrize("name", ["scores", "findings", "trajectories", "images", "pred_probs", "embeddings"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "noise"])
def test_loading_a_corrupt_result(saved: Path, name: str, damage: str) -> None:
    path = next(saved.glob(f"{name}.*[!g]"))
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": content[:-20], "noise": b"noise" * 100}[damage])
    assert message_of_load(saved).startswith("The result in DIR is corrupt (")
    assert message_of_load(saved).endswith("); run the audit again.")


def test_loading_files_of_different_results(saved: Path, tmp_path: Path) -> None:
    make_result(n=9).save(tmp_path / "other")
    (tmp_path / "other" / "images.parquet").replace(saved / "images.parquet")
    assert message_of_load(saved) == (
        "The result in DIR is corrupt (The scores and images tables have different rows; expected the same "
        "rows in the same order.); run the audit again."
    )


def test_pickled_arrays_are_refused(saved: Path) -> None:
    np.save(saved / "embeddings.npy", np.array([{"a": 1}] * 8, dtype=object), allow_pickle=True)
    assert message_of_load(saved).startswith("The result in DIR is corrupt (embeddings.npy has shape (8,) and type object")


def test_other_tools_see_plain_columns(saved: Path) -> None:
    frame = pd.read_parquet(saved / "findings.parquet")
    pd.testing.assert_frame_equal(frame, make_result().findings)
    assert pq.read_schema(saved / "findings.parquet").field("split").type == pa.string()
