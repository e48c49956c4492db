"""The table of noise kinds and the text they are written in."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.data.base import PER_SAMPLE, LabeledData
from curv_issues.errors import DatasetError, UsageError
from curv_issues.noise import NOISES
from curv_issues.noise.base import Planted
from curv_issues.noise.spec import NoisePart, NoiseSpec, apply_noise, noise_forms, parse_noise
from curv_issues.plugins import load_attribute
from tests.small import make_data

FORMS = (
    "uniform:RATE, asymmetric:RATE, instance:RATE, file:PATH:COLUMN, duplicates:PAIRS, longtail:RATIO, "
    "longtail:RATIO+KIND:ARGUMENT, or none"
)


@pytest.fixture
def data() -> LabeledData:
    return make_data(120, 3)


@pytest.fixture
def texts(data: LabeledData, tmp_path: Path) -> dict[str, str]:
    """One text per kind."""
    given_labels = data.labels.copy()
    given_labels[:7] = (given_labels[:7] + 1) % 3
    (tmp_path / "labels.csv").write_text("label\n" + "\n".join(map(str, given_labels)) + "\n")
    return {
        "uniform": "uniform:0.1",
        "asymmetric": "asymmetric:0.2",
        "instance": "instance:0.2",
        "file": f"file:{tmp_path}/labels.csv:label",
        "longtail": "longtail:10",
        "duplicates": "duplicates:5",
    }


EXPECTED = {"uniform": 12, "asymmetric": 24, "instance": 24, "file": 7, "longtail": 0, "duplicates": 10}


@pytest.mark.parametrize("kind", NOISES)
class TestContract:
    def test_entry_is_complete(self, kind: str) -> None:
        info = NOISES[kind]
        assert callable(load_attribute(info.target))
        assert all(isinstance(text, str) and text for text in dataclasses.astuple(info))
        assert "\n" not in info.description
        with pytest.raises(dataclasses.FrozenInstanceError):
            info.target = "elsewhere"  # type: ignore[misc]

    def test_truth_marks_the_wrong_labels(self, kind: str, data: LabeledData, texts: dict[str, str]) -> None:
        numbers = np.arange(2.0 * len(data)).reshape(-1, 2)
        data = dataclasses.replace(data, features=numbers, pred_probs=-numbers)
        before = {name: getattr(data, name).copy() for name in PER_SAMPLE}
        planted = apply_noise(data, parse_noise(texts[kind]), seed=3)
        assert isinstance(planted, Planted)
        assert planted.is_error.dtype == bool
        assert planted.is_error.shape == (len(planted.data),)
        assert planted.is_error.sum() == EXPECTED[kind]
        for name in PER_SAMPLE:
            np.testing.assert_array_equal(getattr(data, name), before[name])
            assert len(getattr(planted.data, name)) == len(planted.data)
        own = before["labels"][planted.data.rows]
        wrong = planted.data.labels != own
        assert (wrong <= planted.is_error).all()  # every wrong label is in the truth
        assert (planted.pairs is not None) == (kind == "duplicates")
        if kind != "duplicates":
            np.testing.assert_array_equal(wrong, planted.is_error)

    def test_errors_depend_on_the_seed(self, kind: str, data: LabeledData, texts: dict[str, str]) -> None:
        spec = parse_noise(texts[kind])
        first, again, other = (apply_noise(data, spec, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(again.data.labels, first.data.labels)
        np.testing.assert_array_equal(again.is_error, first.is_error)
        if kind != "file":
            same_rows = np.array_equal(first.data.rows, other.data.rows)
            assert not same_rows or not np.array_equal(first.data.labels, other.data.labels)

    def test_kind_can_follow_a_long_tail(self, kind: str, data: LabeledData, texts: dict[str, str]) -> None:
        if kind == "longtail":
            return
        tail = apply_noise(data, parse_noise("longtail:4"), seed=5)
        alone = apply_noise(tail.data, parse_noise(texts[kind]), seed=5)
        both = apply_noise(data, parse_noise(f"longtail:4+{texts[kind]}"), seed=5)
        assert np.bincount(data.labels[both.data.rows]).tolist() == [40, 20, 10]
        np.testing.assert_array_equal(both.data.rows, tail.data.rows)
        np.testing.assert_array_equal(both.data.labels, alone.data.labels)
        np.testing.assert_array_equal(both.is_error, alone.is_error)
        assert both.is_error.any()

    def test_text_is_parsed_and_listed_in_the_forms(self, kind: str, texts: dict[str, str]) -> None:
        spec = parse_noise(texts[kind])
        assert [part.kind for part in spec.parts] == [kind]
        assert spec.text == str(spec) == texts[kind]
        assert f"{kind}:{NOISES[kind].argument}" in noise_forms()


def test_every_kind_is_tested() -> None:
    assert set(EXPECTED) == set(NOISES)
    assert noise_forms() == FORMS


def test_none_plants_nothing(data: LabeledData) -> None:
    spec = parse_noise("none")
    planted = apply_noise(data, spec, seed=0)
    assert spec == NoiseSpec(())
    assert spec.text == "none"
    assert planted.data is data
    assert planted.is_error.tolist() == [False] * 120


@pytest.mark.parametrize(
    ("text", "parts", "canonical"),
    [
        ("uniform:.10", [("uniform", 0.1)], "uniform:0.1"),
        ("uniform:1", [("uniform", 1.0)], "uniform:1"),
        ("uniform:0.0", [("uniform", 0.0)], "uniform:0"),
        ("uniform:1e-5", [("uniform", 1e-5)], "uniform:1e-05"),
        ("uniform:0.1234567890123", [("uniform", 0.1234567890123)], "uniform:0.1234567890123"),
        ("duplicates:0250", [("duplicates", 250)], "duplicates:250"),
        ("longtail:2.50", [("longtail", 2.5)], "longtail:2.5"),
        ("longtail:1e20+uniform:0.1", [("longtail", 1e20), ("uniform", 0.1)], "longtail:100000000000000000000+uniform:0.1"),
        ("longtail:100.0+asymmetric:.2", [("longtail", 100.0), ("asymmetric", 0.2)], "longtail:100+asymmetric:0.2"),
        ("file:labels.parquet:worst", [("file", ("labels.parquet", "worst"))], "file:labels.parquet:worst"),
        ("file:C+a:b:my column", [("file", ("C+a:b", "my column"))], "file:C+a:b:my column"),
        (
            "longtail:10+file:a+b.csv:x+y",
            [("longtail", 10.0), ("file", ("a+b.csv", "x+y"))],
            "longtail:10+file:a+b.csv:x+y",
        ),
    ],
)
def test_valid_texts(text: str, parts: list[tuple[str, Any]], canonical: str) -> None:
    spec = parse_noise(text)
    assert spec == NoiseSpec(tuple(NoisePart(kind, argument) for kind, argument in parts))
    assert spec.text == canonical
    assert parse_noise(canonical) == spec


@given(rate=st.floats(0, 1), ratio=st.floats(1, 1e300), other=st.floats(0, 1))
def test_equal_specs_have_equal_texts(rate: float, ratio: float, other: float) -> None:
    spec = NoiseSpec((NoisePart("longtail", ratio), NoisePart("uniform", rate)))
    assert parse_noise(spec.text) == spec
    assert (NoisePart("uniform", other).text == NoisePart("uniform", rate).text) == (other == rate)


NEARLY_VALID = r"(longtail:[0-9.e-]{0,4}\+)?(uniform|file|duplicates|longtail):.{0,8}"


@given(st.text(max_size=30) | st.from_regex(NEARLY_VALID, fullmatch=True))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        spec = parse_noise(text)
    except UsageError as error:
        assert repr(text) in str(error)  # noqa: PT017
    else:
        assert parse_noise(spec.text) == spec


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "unknown kind ''"),
        ("uniform", "RATE is missing after uniform"),
        ("Uniform:0.1", "unknown kind 'Uniform'"),
        ("none:0", "unknown kind 'none'"),
        (" uniform:0.1", "unknown kind ' uniform'"),
        ("symmetric:0.1", "unknown kind 'symmetric'"),
        *(
            (f"{kind}:{bad}", f"the {NOISES[kind].argument} of {kind} must be {what}, got {bad!r}")
            for kind, what, wrong in [
                ("uniform", "a number from 0 to 1", ["", "10%", "1.01", "-0.1", "1e5"]),
                ("asymmetric", "a number from 0 to 1", ["0,1", "a:0.1", "."]),
                ("instance", "a number from 0 to 1", ["nan", "1_0", "\u0660", "0.1 "]),
                ("longtail", "a number >= 1", ["0.5", "inf", "1e999"]),
                ("duplicates", "an integer >= 1", ["0", "2.5", "-3", "9" * 5000]),
                ("file", "a file and, after the last colon, its column", ["", "a.csv", "a.csv:", ":column"]),
            ]
            for bad in wrong
        ),
        ("longtail:100+", "unknown kind ''"),
        ("longtail:100+none", "unknown kind 'none'"),
        ("longtail:0+uniform:0.1", "the RATIO of longtail must be a number >= 1, got '0'"),
        ("longtail:100+longtail:10", "longtail must be followed by another kind, not by itself"),
        ("longtail:100+uniform:0.1+duplicates:5", "only longtail can be combined with another kind, and it must come first"),
        ("uniform:0.1+longtail:100", "only longtail can be combined with another kind, and it must come first"),
        ("none+uniform:0.1", "unknown kind 'none+uniform'"),
        (0.1, "expected a string"),
        (None, "expected a string"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_invalid_texts_are_refused(text: Any, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_noise(text)
    assert str(caught.value) == f"--noise (noise) {text!r}: {reason}. Expected one of: {FORMS}."


def test_noise_that_does_not_fit_the_data_is_refused(data: LabeledData) -> None:
    with pytest.raises(UsageError, match=r"^pairs must be an integer from 1 to 60 .* got 61\.$"):
        apply_noise(data, parse_noise("duplicates:61"), seed=0)
    with pytest.raises(DatasetError, match=r"^File absent:1\.csv does not exist\.$"):
        apply_noise(data, parse_noise("file:absent:1.csv:label"), seed=0)


def test_parsing_imports_nothing_slow() -> None:
    code = (
        "import sys; from curv_issues.noise.spec import parse_noise; parse_noise('longtail:10+instance:0.1');"
        "print([name for name in ('torch', 'cleanlab', 'sklearn', 'pyarrow', 'pandas', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
