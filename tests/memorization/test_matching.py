"""How estimates are matched to samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curv_issues.errors import CurvIssuesError, DatasetError
from curv_issues.memorization.matching import match
from curv_issues.memorization.reference import Reference, read_reference
from curv_issues.results.result import AuditResult
from tests.made_up import make_result


def parquet(**columns: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        pd.DataFrame(columns).to_parquet(folder / "a.parquet")
        return folder / "a.parquet"

    return write


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
        reference = Reference("a", np.array([7.0, 8.0, np.nan, 9.0]), rows=rows[1:5])
        values, notes = match(reference, result)
        assert np.flatnonzero(np.isfinite(values)).tolist() == [1, 2, 4]
        assert notes == [f"a has no value for {len(rows) - 3} of {len(rows)} samples; they are left out."]

    @pytest.mark.parametrize(("num_values", "message"), [(0, "no finite value for any of"), (2, "finite values for only 2 of")])
    def test_too_few_values_are_refused(self, result: AuditResult, num_values: int, message: str) -> None:
        values = np.full(len(result), np.nan)
        values[:num_values] = range(num_values)
        with pytest.raises(DatasetError, match=f"a has {message} the 8 samples of the result; expected at least 3"):
            match(Reference("a", values), result)

    def test_by_the_rows_of_the_whole_dataset(self, result: AuditResult) -> None:
        rows = result.scores["row"].to_numpy()
        whole = int(rows.max()) + 5
        result.summary["dataset"]["num_rows"] = whole
        values, notes = match(Reference("a", np.arange(float(whole))), result)
        assert values.tolist() == rows.tolist()
        assert notes[0].startswith("a is matched by position, in the order of the rows of the dataset; if its order is another one")

    def test_by_position(self, result: AuditResult) -> None:
        n = len(result)
        result.summary["dataset"]["num_rows"] = 10 * n
        values, notes = match(Reference("a", np.arange(float(n))), result)
        assert values.tolist() == list(range(n))
        assert notes[0].startswith(
            "a is matched by position, in the order of the samples of the result; if its order is another one"
        )

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
        assert notes[1].startswith("The labels in a agree with those of the result for ")


class TestFiles:
    """Columns that name the image files, in another order than the samples."""

    @pytest.fixture
    def result(self) -> AuditResult:
        return make_result(paths=[f"cats/img_{number}.jpg" for number in range(8)])

    @pytest.mark.parametrize("name", ["path", "file", "file_name", "filename", "filenames", "image", "Image Path", "photo", "id"])
    def test_of_any_name(self, result: AuditResult, name: str, tmp_path: Path) -> None:
        frame = pd.DataFrame({name: result.scores["path"], "m": np.arange(8.0), "comment": ["good"] * 8})
        frame[::-1].to_csv(tmp_path / "a.csv", index=False)
        values, notes = match(read_reference(tmp_path / "a.csv"), result)
        assert values.tolist() == list(range(8))
        assert notes == []

    def test_without_extension_and_folder(self, result: AuditResult, tmp_path: Path) -> None:
        path = parquet(id=[f"img_{number}" for number in range(7, -1, -1)], m=np.arange(8.0))(tmp_path)
        assert values_of(result, read_reference(path)) == list(range(7, -1, -1))

    def test_more_parts_if_names_are_repeated(self, tmp_path: Path) -> None:
        paths = [f"{folder}/{number}.jpg" for folder in ("cats", "dogs") for number in range(4)]
        files = [f"all\\{path}".replace("/", "\\") for path in paths[::-1]]
        reference = read_reference(parquet(file=files, m=np.arange(8.0))(tmp_path))
        assert values_of(make_result(paths=paths), reference) == list(range(7, -1, -1))
        with pytest.raises(CurvIssuesError, match=r"8 files are called x/a\.jpg; add a column 'row'"):
            match(replace(reference, files=["x/a.jpg"] * 8), make_result(paths=paths))

    def test_samples_without_a_file_have_no_value(self, result: AuditResult) -> None:
        files = result.scores["path"].tolist()
        result = make_result(paths=[None, *files[1:]])
        values, notes = match(Reference("a", np.arange(8.0), files=files), result)
        assert np.isnan(values).tolist() == [True] + [False] * 7
        assert notes[0].startswith("a has no value for 1 of 8 samples")

    def test_other_files_are_refused(self, result: AuditResult, tmp_path: Path) -> None:
        reference = read_reference(parquet(path=[f"dog_{number}.jpg" for number in range(8)], m=np.arange(8.0))(tmp_path))
        with pytest.raises(DatasetError, match="has none of the 8 samples"):
            match(reference, result)

    def test_columns_without_text_name_no_files(self, result: AuditResult, tmp_path: Path) -> None:
        reference = read_reference(parquet(image=[{"bytes": b"", "path": None}] * 8, m=np.arange(8.0))(tmp_path))
        assert "by position" in match(reference, result)[1][0]


class TestLabels:
    """Labels of the samples in any column with a label name, as text or as numbers."""

    @pytest.mark.parametrize("name", ["labels", "label", "given", "Class", "tr_labels"])
    @pytest.mark.parametrize("as_text", [True, False])
    @pytest.mark.parametrize("with_rows", [True, False])
    @pytest.mark.parametrize("ending", ["csv", "npz"])
    def test_other_labels_are_refused(
        self, result: AuditResult, name: str, as_text: bool, with_rows: bool, ending: str, tmp_path: Path
    ) -> None:
        result.summary["dataset"]["num_rows"] = 10 * len(result)
        given = np.array(result.class_names)[result.labels] if as_text else result.labels
        rows = {"row": result.scores["row"].to_numpy()} if with_rows else {}
        path = tmp_path / f"a.{ending}"
        for labels, is_refused in ((given, False), (np.roll(given, 1), True)):
            columns = {**rows, name: labels, "m": np.arange(8.0)}
            if ending == "csv":
                pd.DataFrame(columns).to_csv(path, index=False)
            else:
                np.savez(path, **columns)
            reference = read_reference(path)
            if is_refused:
                advice = "its row numbers are those of another dataset" if with_rows else "its order is another one; add a column"
                with pytest.raises(DatasetError, match=f"for only 0% of the samples, so {advice}"):
                    match(reference, result)
            else:
                assert len(match(reference, result)[1]) == (0 if with_rows else 1)

    def test_class_names_that_are_numbers(self, tmp_path: Path) -> None:
        result = make_result(names=("3", "8"))
        labels = [3.0, 8.0, None, *([8.0, 3.0, 8.0, 3.0, 8.0])]  # with one missing: floats
        reference = read_reference(parquet(row=result.scores["row"], label=labels, m=np.arange(8.0))(tmp_path))
        assert match(reference, result)[1] == []

    def test_numbers_that_are_not_whole_are_no_labels(self, result: AuditResult, tmp_path: Path) -> None:
        reference = read_reference(parquet(row=result.scores["row"], target=np.arange(8) / 8)(tmp_path))
        assert (reference.name, reference.labels) == ("a.parquet:target", None)

    def test_scores_of_another_dataset(self, result: AuditResult, tmp_path: Path) -> None:
        other = make_result(names=("cat", "bird", "dog")).save(tmp_path / "other")
        with pytest.raises(DatasetError, match=r"labels in scores\.parquet:suspicion agree .* for only 0% of the samples"):
            match(read_reference(f"{other / 'scores.parquet'}:suspicion"), result)
