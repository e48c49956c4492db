"""Files with estimates of memorization, and how they are matched to samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curv_issues.errors import CurvIssuesError, DatasetError
from curv_issues.memorization.reference import Reference, match, read_reference
from curv_issues.results.result import AuditResult
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
            (npz(names=np.array(["a"])), "", "choose one"),
            (parquet(row=[1, 1, 2, 3], mine=VALUES), "", "different row numbers"),
            (parquet(row=[0.5, 1, 2, 3], mine=VALUES), "", "different row numbers"),
            (lambda folder: folder / "missing.npz", "", "does not exist; expected"),
            (lambda folder: folder, "", "does not exist; expected"),
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


@pytest.fixture
def result() -> AuditResult:
    return make_result()


def values_of(result: AuditResult, reference: Reference) -> list[float]:
    return match(reference, result)[0].tolist()


class TestMatch:
    def test_by_row(self, result: AuditResult) -> None:
        rows = result.scores["row"].to_numpy()
        reference = Reference("a", np.arange(float(len(rows))), rows=rows[::-1].copy())
        assert values_of(result, reference) == list(range(len(rows)))[::-1]

    def test_a_part_of_the_samples(self, result: AuditResult) -> None:
        rows = result.scores["row"].to_numpy()
        values, notes = match(Reference("a", np.array([7.0]), rows=rows[1:2]), result)
        assert np.flatnonzero(np.isfinite(values)).tolist() == [1]
        assert notes == [f"a has no value for {len(rows) - 1} of {len(rows)} samples; they are left out."]

    def test_by_the_rows_of_the_whole_dataset(self, result: AuditResult) -> None:
        rows = result.scores["row"].to_numpy()
        whole = int(rows.max()) + 5
        result.summary["dataset"]["num_rows"] = whole
        assert values_of(result, Reference("a", np.arange(float(whole)))) == rows.tolist()

    def test_by_position(self, result: AuditResult) -> None:
        n = len(result)
        result.summary["dataset"]["num_rows"] = 10 * n
        assert values_of(result, Reference("a", np.arange(float(n)))) == list(range(n))

    def test_by_file_name(self, result: AuditResult) -> None:
        scores = result.scores.assign(path=[f"folder/{number}.jpg" for number in range(len(result))])
        files = [f"n01/{number}.jpg" for number in range(len(result))][::-1]
        reference = Reference("a", np.arange(float(len(result))), files=files)
        assert values_of(replace(result, scores=scores), reference) == list(range(len(result)))[::-1]

    def test_another_length_is_refused(self, result: AuditResult) -> None:
        result.summary["dataset"]["num_rows"] = 10 * len(result)
        with pytest.raises(DatasetError, match="add a column 'row'"):
            match(Reference("a", np.arange(3.0)), result)

    def test_no_common_row_is_refused(self, result: AuditResult) -> None:
        with pytest.raises(DatasetError, match="has none of the"):
            match(Reference("a", np.array([1.0]), rows=np.array([10**6])), result)

    def test_another_order_is_seen_by_the_labels(self, result: AuditResult) -> None:
        n = len(result)
        result.summary["dataset"]["num_rows"] = 10 * n
        wrong = (result.labels + 1) % len(result.class_names)
        with pytest.raises(DatasetError, match="for only 0% of the samples"):
            match(Reference("a", np.arange(float(n)), labels=wrong), result)
        nearly = result.labels.copy()
        nearly[0] = wrong[0]
        values, notes = match(Reference("a", np.arange(float(n)), labels=nearly), result)
        assert len(values) == n
        assert notes[0].startswith("The labels in a agree with those of the result for ")
