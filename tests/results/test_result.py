from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curv_issues.errors import UsageError
from curv_issues.results.arrow import field_metadata, text_column
from curv_issues.results.result import SCHEMA_VERSION, AuditResult
from tests.made_up import METADATA, make_result, result_parts

HOSTILE = ["[red]a[/]|`x`", 'say "hi", 日本\r\nnext\ttab \x1b[31m\x00', "😀 'NaN' =1+1 <b>&amp;</b> None"]


def assert_equal(left: AuditResult, right: AuditResult) -> None:
    for table in ("scores", "findings", "images"):
        pd.testing.assert_frame_equal(getattr(left, table), getattr(right, table))
    assert list(left.trajectories) == list(right.trajectories)
    for name, values in left.trajectories.items():
        np.testing.assert_array_equal(values, right.trajectories[name])
        assert right.trajectories[name].dtype == np.float32
    for array in ("pred_probs", "embeddings"):
        np.testing.assert_array_equal(getattr(left, array), getattr(right, array))
        assert getattr(right, array).dtype == np.float16
    for plain in ("score_metadata", "summary", "contact_sheet"):
        assert getattr(left, plain) == getattr(right, plain)


@pytest.mark.parametrize(
    "result",
    [
        make_result(),
        make_result(split=None, paths=[f"ä/{i}.png" if i % 2 else None for i in range(8)]),
        make_result(names=HOSTILE, paths=[f"{HOSTILE[i % 3]}/{i}" for i in range(8)], split="te|st\n"),
        make_result(flagged=(), contact_sheet=None),
        make_result(flagged=range(8), split=None),
    ],
    ids=["plain", "none", "hostile", "no findings", "all"],
)
def test_saved_results_are_loaded_unchanged(result: AuditResult, tmp_path: Path) -> None:
    assert result.save(tmp_path / "new" / "out") == tmp_path / "new" / "out"
    loaded = AuditResult.load(tmp_path / "new" / "out")
    assert_equal(result, loaded)
    loaded.save(tmp_path / "again")
    assert_equal(loaded, AuditResult.load(str(tmp_path / "again")))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.text(st.characters(exclude_categories=()), max_size=20), min_size=2, max_size=4, unique=True),
    path=st.none() | st.text(st.characters(exclude_categories=())),
)
def test_any_text_is_loaded_unchanged(names: list[str], path: str | None, tmp_path: Path) -> None:
    cleaned = [name.encode("utf-8", "backslashreplace").decode() for name in names]
    if len(set(cleaned)) < len(cleaned):
        return
    result = make_result(names=names, paths=[path] * 8)
    result.save(tmp_path / "out", overwrite=True)
    loaded = AuditResult.load(tmp_path / "out")
    assert_equal(result, loaded)
    assert loaded.class_names == tuple(cleaned)
    assert list(loaded.scores["given"]) == [cleaned[i % len(names)] for i in range(8)]


def test_files_and_column_types(tmp_path: Path) -> None:
    make_result(split=None).save(tmp_path)
    schemas = {
        name: [(field.name, str(field.type), field.nullable) for field in pq.read_schema(tmp_path / f"{name}.parquet")]
        for name in ("scores", "findings", "conflicts", "duplicates", "pairs", "left_out", "trajectories", "images")
    }
    place = [("row", "int64", False), ("split", "string", True), ("path", "string", True)]
    classes = [("given", "string", False), ("suggested", "string", False), ("suspicion", "double", False)]
    raw = [(name, "double", True) for name in ("cumulative_loss", "margin", "training_gradient")]
    assert schemas["scores"] == [*place, *classes, ("flagged", "bool", False), ("verdict", "string", True), *raw]
    last = [("verdict", "string", True), ("image_sha256", "string", False)]
    assert schemas["findings"] == [*place, ("kind", "string", False), *classes, ("p_wrong", "double", True), *last]
    members = [("group", "int64", False), *place, ("given", "string", False)]
    alike = [("similarity", "double", False), ("test", "string", False)]
    evidence = [("majority", "double", False), ("probability", "double", True), ("neighbours", "double", True)]
    judged = [("suspect", "bool", False), ("suggested", "string", False)]
    assert schemas["conflicts"] == [*members, *judged, *alike, *evidence]
    assert schemas["duplicates"] == [*members, *alike]
    ends = [("first", "int64", False), ("second", "int64", False)]
    assert schemas["pairs"] == [*ends, *alike, ("mirrored", "bool", False)]
    assert schemas["left_out"] == [("path", "string", False), ("reason", "string", False)]
    assert schemas["trajectories"] == [
        ("row", "int64", False),
        ("loss", "fixed_size_list<element: float>[4]", True),
        ("input_curvature", "fixed_size_list<element: float>[4]", True),
    ]
    assert schemas["images"] == [
        ("row", "int64", False),
        ("height", "int32", False),
        ("width", "int32", False),
        ("file_sha256", "string", False),
        ("image_sha256", "string", False),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "conflicts.parquet",
        "confusions.parquet",
        "duplicates.parquet",
        "embeddings.npy",
        "findings.parquet",
        "findings.png",
        "images.parquet",
        "left_out.parquet",
        "pairs.parquet",
        "pred_probs.npy",
        "probe.npz",
        "scores.parquet",
        "summary.json",
        "trajectories.parquet",
    ]
    assert (tmp_path / "findings.png").read_bytes() == b"\x89PNG"
    assert np.load(tmp_path / "pred_probs.npy", allow_pickle=False).shape == (8, 3)
    weights = AuditResult.load(tmp_path).probe
    assert weights is not None
    np.testing.assert_array_equal(weights["head.weight"], np.ones((3, 4)))


def test_field_metadata_holds_direction_and_source(tmp_path: Path) -> None:
    make_result().save(tmp_path)
    schema = pq.read_schema(tmp_path / "scores.parquet")
    for name, entries in METADATA.items():
        stored = {key.decode(): value.decode() for key, value in schema.field(name).metadata.items()}
        assert entries.items() <= stored.items()
    assert AuditResult.load(tmp_path).score_metadata == METADATA


def test_missing_scores_are_null_in_files_and_nan_in_memory(tmp_path: Path) -> None:
    result = make_result()
    result.save(tmp_path)
    margin = pq.read_table(tmp_path / "scores.parquet")["margin"].to_pylist()
    assert [index for index, value in enumerate(margin) if value is None] == [2]
    assert margin[3] == -3 / 7
    curvature = pq.read_table(tmp_path / "trajectories.parquet")["input_curvature"].to_pylist()
    assert [value is None for value in curvature[0]] == [False, True, False, True]
    assert curvature[5][2] == result.trajectories["input_curvature"][5, 2]
    assert np.isnan(AuditResult.load(tmp_path).scores["margin"][2])


def test_missing_paths_are_null(tmp_path: Path) -> None:
    make_result(split=None).save(tmp_path)
    table = pq.read_table(tmp_path / "scores.parquet")
    assert table["path"].to_pylist() == [None] * 8
    assert table["split"].null_count == 8


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    folder = make_result().save(tmp_path / "fold=3")
    assert list(AuditResult.load(folder).scores.columns) == list(make_result().scores.columns)


def test_findings_are_sorted_by_suspicion_then_row() -> None:
    parts = result_parts(flagged=(1, 4, 5, 6))
    parts["scores"].loc[[4, 5, 6], "suspicion"] = 0.5
    parts["findings"].loc[[4, 5, 6], "suspicion"] = 0.5
    parts["findings"] = parts["findings"].iloc[[0, 3, 1, 2]]
    findings = AuditResult(**parts).findings
    assert list(findings["row"]) == [40, 50, 60, 10]
    assert list(findings.index) == [0, 1, 2, 3]


def test_length_labels_and_text() -> None:
    result = make_result()
    assert len(result) == 8
    assert result.complete is True
    assert result.class_names == ("dog", "cat", "bird")
    assert result.labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert result.score_names == ("cumulative_loss", "margin", "training_gradient")
    assert str(result) == "org/made-up train: 8 samples, 3 classes, 3 label_issue findings"
    assert repr(result) == f"<AuditResult {result}>"


def test_interrupted_result_is_marked_incomplete(tmp_path: Path) -> None:
    parts = result_parts(flagged=())
    parts["summary"]["complete"] = False
    AuditResult(**parts).save(tmp_path)
    loaded = AuditResult.load(tmp_path)
    assert loaded.complete is False
    assert str(loaded) == "org/made-up train: 8 samples, 3 classes, no findings, incomplete"


def test_summary_is_strict_utf8_json_with_the_version_first(tmp_path: Path) -> None:
    parts = result_parts(names=("größe", "猫"))
    parts["summary"] |= {"loss": float("nan"), "best": np.float32(0.5), "shape": (3, Path("a/b")), 5: np.array([1, 2])}
    result = AuditResult(**parts)
    result.save(tmp_path)
    text = (tmp_path / "summary.json").read_text(encoding="utf-8")
    stored = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
    assert next(iter(stored)) == "schema_version"
    assert stored["schema_version"] == SCHEMA_VERSION == 3
    assert "größe" in text
    assert stored["seed"] == 7
    assert (stored["loss"], stored["best"], stored["shape"], stored["5"]) == (None, 0.5, [3, str(Path("a/b"))], [1, 2])
    assert stored == result.summary


def test_later_summary_values_are_converted_to_json(tmp_path: Path) -> None:
    result = make_result()
    result.summary["best_loss"] = np.float64("nan")
    result.summary["peak_memory"] = np.int64(5)
    result.save(tmp_path)
    assert AuditResult.load(tmp_path).summary.items() >= {"best_loss": None, "peak_memory": 5}.items()


def test_metadata_of_the_file_format_is_left_out() -> None:
    field = pa.field("margin", pa.float64(), metadata={"direction": "low", "PARQUET:field_id": "7"})
    assert field_metadata(pa.schema([field, pa.field("row", pa.int64())])) == {"margin": {"direction": "low"}}


def test_saving_records_its_seconds(tmp_path: Path) -> None:
    result = make_result()
    result.save(tmp_path)
    seconds = json.loads((tmp_path / "summary.json").read_text())["seconds"]
    assert seconds == result.summary["seconds"]
    assert list(seconds) == ["load", "write"]
    assert seconds["load"] == 1.25
    assert seconds["write"] >= 0


def test_values_beyond_float16_are_clipped() -> None:
    parts = result_parts()
    parts["embeddings"] = np.array([[1e9, -1e9, 0.5, np.nan]] * 8)
    embeddings = AuditResult(**parts).embeddings
    assert embeddings.dtype == np.float16
    np.testing.assert_array_equal(embeddings[3], np.array([65504, -65504, 0.5, np.nan], np.float16))


def test_arrays_can_stay_on_disk(tmp_path: Path) -> None:
    result = make_result()
    result.save(tmp_path)
    loaded = AuditResult.load(tmp_path, memory_map=True)
    assert isinstance(loaded.embeddings, np.memmap)
    assert isinstance(loaded.pred_probs, np.memmap)
    assert_equal(result, loaded)
    loaded.save(tmp_path, overwrite=True)
    result.summary["seconds"] = loaded.summary["seconds"]
    assert_equal(result, AuditResult.load(tmp_path))


@pytest.mark.parametrize("absent", [["pred_probs"], ["embeddings"], ["pred_probs", "embeddings"]])
def test_arrays_may_be_absent(absent: list[str], tmp_path: Path) -> None:
    result = AuditResult(**result_parts() | dict.fromkeys(absent))
    result.save(tmp_path)
    assert {path.stem for path in tmp_path.glob("*.npy")} == {"pred_probs", "embeddings"} - set(absent)
    loaded = AuditResult.load(tmp_path)
    assert loaded.summary["absent"] == absent
    for name in ("pred_probs", "embeddings"):
        assert (getattr(loaded, name) is None) == (name in absent)
    complete = dataclasses.replace(loaded, **{name: result_parts()[name] for name in absent})
    assert "absent" not in complete.summary
    complete.save(tmp_path, overwrite=True)
    (tmp_path / f"{absent[0]}.npy").unlink()
    with pytest.raises(UsageError, match=f"{absent[0]}.npy is missing"):
        AuditResult.load(tmp_path)


def test_text_column_accepts_any_file_name() -> None:
    column = text_column(["a", None, float("nan"), pd.NA, "\udcff.png"])
    assert column.dtype == pd.Series(["a"]).dtype
    assert column.isna().tolist() == [False, True, True, True, False]
    assert column[4] == "\\udcff.png"


def test_construction_copies_its_arguments() -> None:
    parts = result_parts()
    result = AuditResult(**parts)
    result.scores.loc[0, "suspicion"] = 0.5
    result.summary["seconds"]["load"] = 99
    result.score_metadata["margin"]["direction"] = "high"
    assert parts["scores"]["suspicion"][0] == 0
    assert parts["summary"]["seconds"]["load"] == 1.25
    assert METADATA["margin"]["direction"] == "low"


def test_a_result_cannot_be_changed_after_its_checks() -> None:
    result = make_result()
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.scores = result.scores.assign(suspicion=2.0)  # type: ignore[misc]
    extended = result.with_extras(contact_sheet=b"\x89PNG other", peak_memory=np.int64(5))
    assert (extended.contact_sheet, extended.summary["peak_memory"]) == (b"\x89PNG other", 5)
    assert result.contact_sheet == b"\x89PNG"
    assert "peak_memory" not in result.summary


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(UsageError, match="'fog'"):
        AuditResult(**result_parts(), tables={"fog": pd.DataFrame()})
    with pytest.raises(AttributeError, match="fog"):
        _ = make_result().fog
