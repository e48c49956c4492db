"""Files with estimates of memorization."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curv_issues.errors import CurvIssuesError, DatasetError
from curv_issues.memorization.reference import read_reference
from tests.made_up import make_result

VALUES = np.array([0.5, -0.25, 1.0, 0.0])


def npz(**arrays: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.savez(folder / "a.npz", **arrays)  # type: ignore[arg-type]
        return folder / "a.npz"

    return write


def parquet(**columns: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        pd.DataFrame(columns).to_parquet(folder / "a.parquet")
        return folder / "a.parquet"

    return write


class TestRead:
    @pytest.mark.parametrize(
        "write",
        [
            npz(memorization=VALUES.astype(np.float16)),
            npz(tr_mem=VALUES, tr_labels=np.zeros(4, dtype=int), tt_labels=np.zeros(9), infl=np.zeros((4, 9))),  # Feldman and Zhang
            npz(anything=VALUES),
            parquet(memorization=VALUES, other=VALUES + 1),
            parquet(row=[3, 1, 2, 0], mine=VALUES),
        ],
    )
    def test_published_and_plain_files(self, tmp_path: Path, write: Callable[[Path], Path]) -> None:
        found = read_reference(write(tmp_path))
        assert found.values.tolist() == VALUES.tolist()
        assert found.values.dtype == np.float64
        assert found.notes == ()

    def test_npy_and_csv(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", VALUES)
        pd.DataFrame({"row": [4, 5, 6, 9], "mine": VALUES}).to_csv(tmp_path / "a.csv", index=False)
        assert read_reference(tmp_path / "a.npy").values.tolist() == VALUES.tolist()
        found = read_reference(f"{tmp_path / 'a.csv'}:mine")
        assert (found.name, found.values.tolist()) == ("a.csv:mine", VALUES.tolist())
        assert found.rows is not None
        assert found.rows.tolist() == [4, 5, 6, 9]

    def test_c_scores_are_turned_round_with_a_note(self, tmp_path: Path) -> None:
        path = npz(scores=VALUES, labels=np.arange(4), filenames=np.array([b"x.png", b"y.png", b"z.png", b"w.png"]))(tmp_path)
        found = read_reference(path)
        assert found.values.tolist() == (1 - VALUES).tolist()
        assert "high for regular samples; 1 - score is compared" in found.notes[0]
        assert list(found.files or []) == ["x.png", "y.png", "z.png", "w.png"]
        assert read_reference(f"{path}:scores").values.tolist() == VALUES.tolist()  # chosen: as it is

    def test_pickled_arrays_are_not_loaded(self, tmp_path: Path) -> None:
        found = read_reference(npz(tr_mem=VALUES, tr_filenames=np.array([b"a", b"b", b"c", None], dtype=object))(tmp_path))
        assert found.files is None

    @pytest.mark.parametrize(
        ("write", "column", "message"),
        [
            (npz(a=VALUES, b=VALUES), "", "has the columns a, b; choose one"),
            (npz(a=VALUES), ":b", "has no column 'b'; it has a"),
            (npz(infl=np.zeros((4, 9))), "", "one number per sample in 'infl'"),
            (npz(names=np.array(["a"])), "", r"has no numeric column, but names \(text\); expected"),
            (
                parquet(row=[0, 1], file=["a", "b"]),
                "",
                r"no numeric column besides rows, labels and file names, but row \(int64\)",
            ),
            (parquet(values=["a", "b"]), ":values", "one number per sample in 'values', got text of shape"),
            (parquet(row=[1, 1, 2, 3], mine=VALUES), "", "different row numbers"),
            (parquet(row=[0.5, 1, 2, 3], mine=VALUES), "", "different row numbers"),
            (lambda folder: folder / "missing.npz", "", "does not exist; expected"),
            (lambda folder: folder, "", "is a folder; expected an .npz, .npy, parquet or CSV file with one number per sample.$"),
            (lambda folder: folder, ":margin", "is a folder; expected an .npz"),
            (
                lambda folder: make_result().save(folder / "out"),
                "",
                "To compare with a score of that result, use .*scores.parquet:",
            ),
        ],
    )
    def test_bad_files_are_refused(self, tmp_path: Path, write: Callable[[Path], Path], column: str, message: str) -> None:
        with pytest.raises(DatasetError, match=message):
            read_reference(f"{write(tmp_path)}{column}")

    @pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.parquet", "a.csv"])
    def test_damaged_files_are_refused(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"\x93NUMPY\x00 PAR1 \xff\xfe")
        with pytest.raises(CurvIssuesError, match=name):
            read_reference(tmp_path / name)
