"""Features on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curv_issues import audit_features
from tests.cli.running import audit, check_error, run, scores_of, summary_of

N = 60
LABELS = ["cat", "dog", "owl"] * 20
VALUES = (np.eye(3)[np.arange(N) % 3] @ np.random.default_rng(1).normal(size=(3, 8))).astype(np.float32)
VALUES += np.random.default_rng(0).normal(size=VALUES.shape).astype(np.float32) / 2


@pytest.fixture(autouse=True)
def files(here: Path) -> Path:
    np.save(here / "x.npy", VALUES)
    pd.DataFrame({"name": "n", "label": LABELS}).to_csv(here / "labels.csv", index=False)
    pd.DataFrame({"emb": list(VALUES), "label": LABELS}).to_parquet(here / "x.parquet")
    columns = {f"f{i}": VALUES[:, i] for i in range(8)}
    pd.DataFrame({**columns, "label": LABELS}).to_csv(here / "table.csv", index=False, float_format="%.9g")
    return here


@pytest.mark.parametrize(
    "arguments",
    [
        ("labels.csv", "--features", "x.npy"),
        ("labels.csv", "--features", "x.parquet"),
        ("labels.csv", "--features", "x.parquet", "--features-column", "emb"),
        ("x.parquet", "--features-column", "emb"),
    ],
)
def test_the_same_scores_as_in_python(arguments: tuple[str, ...], here: Path) -> None:
    result = audit(*arguments, "--output", "out")
    assert result.exit_code == 0, result.stderr
    expected = audit_features(VALUES, LABELS, epochs=1, device="cpu", progress=False).scores
    assert scores_of(here / "out").drop(columns="split").equals(expected.drop(columns="split"))
    assert summary_of(here / "out")["dataset"]["num_features"] == 8
    assert not (here / "out" / "findings.png").exists()
    assert "features: " in result.stderr


def test_a_pattern_of_columns(here: Path) -> None:
    result = audit("table.csv", "--features-column", "f*", "--output", "out")
    assert result.exit_code == 0, result.stderr
    assert "Note: The features are 8 columns: f0, f1, f2, f3, f4, f5, f6, f7." in result.stderr
    dataset = summary_of(here / "out")["dataset"]
    assert (dataset["num_features"], dataset["n"], dataset["classes"]) == (8, N, ["cat", "dog", "owl"])


def test_repeated_columns(here: Path) -> None:
    assert audit("table.csv", "--features-column", "f1", "--features-column", "f5", "--output", "out").exit_code == 0
    assert summary_of(here / "out")["dataset"]["num_features"] == 2


def test_bench_takes_features(here: Path) -> None:
    options = ("--epochs", "1", "--device", "cpu", "--seeds", "1", "--methods", "margin", "--output", "bench", "--quiet")
    result = run("bench", "labels.csv", "--features", "x.npy", *options)
    assert result.exit_code == 0, result.stderr
    assert "margin" in result.stdout


def test_rows_left_out_are_counted_as_rows(here: Path) -> None:
    values = VALUES.copy()
    values[[3, 4], 0] = np.nan
    np.save(here / "x.npy", values)
    result = audit("labels.csv", "--features", "x.npy", "--skip-unreadable", "--output", "out")
    assert "Note: 2 rows with NaN or infinite features were left out." in result.stderr
    assert "image" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("labels.csv", "--features", "none.npy"), 3, ["File none.npy does not exist."]),
        (("labels.csv", "--features", "labels.csv"), 3, ["Expected features as a file .npy, .npz, .parquet, but got labels.csv."]),
        (("labels.csv", "--features", "x.npy", "--features-column", "f"), 2, ["names columns of a table", "(x.npy) have none"]),
        (("x.parquet", "--features-column", "label"), 2, ["Column 'label' holds the labels"]),
        (("x.parquet", "--features-column", "none"), 3, ["Column 'none'", "does not exist", "emb ("]),
        (("labels.csv", "--features-column", "name"), 3, ["Column 'name' of labels.csv has 'n' in line 2; expected a number"]),
        (("labels.csv", "--features", "x.npy", "--split", "train[:10]"), 3, ["60 rows, and labels.csv has 10 in the split"]),
        (("labels.csv",), 3, ["labels.csv is a table"]),
    ],
)
def test_errors_are_one_line(arguments: tuple[str, ...], code: int, words: list[str]) -> None:
    check_error(audit(*arguments), code, *words)
