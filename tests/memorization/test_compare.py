"""The scores of a result against estimates of memorization, in Python and as a command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from curv_issues.memorization.compare import compare_with
from curv_issues.memorization.reference import Reference
from curv_issues.results.result import AuditResult
from tests.cli.running import check_error, messages_of, run
from tests.report.pages import many_findings


@pytest.fixture
def result() -> AuditResult:
    return many_findings(60)


def reference_of(result: AuditResult, values: np.ndarray) -> Reference:
    return Reference("mine", values, rows=result.scores["row"].to_numpy())


def test_scores_point_to_the_suspect_end(result: AuditResult) -> None:
    """A score whose low end is suspect is compared with its sign changed."""
    for name in result.score_names:
        is_low = result.score_metadata[name]["direction"] == "low"
        values = result.scores[name].to_numpy()
        table = compare_with(result, reference_of(result, -values if is_low else values), repeats=0).scores
        row = table[(table["score"] == name) & (table["samples"] == "all")]
        assert row["spearman"].item() == pytest.approx(1)
    assert {"margin"} <= {name for name in result.score_names if result.score_metadata[name]["direction"] == "low"}


def test_the_best_score_comes_first(result: AuditResult) -> None:
    found = compare_with(result, reference_of(result, result.scores["suspicion"].to_numpy()))
    assert found.scores["score"].tolist()[:2] == ["suspicion", "suspicion"]
    assert found.scores["samples"].tolist()[:2] == ["all", "top"]
    assert found.scores["n"].tolist()[:2] == [60, 6]
    assert (found.num_samples, found.num_top, found.notes) == (60, 6, ())


def test_the_default_top_has_at_least_three_samples() -> None:
    result = many_findings(9)
    found = compare_with(result, reference_of(result, result.scores["suspicion"].to_numpy()))
    assert found.num_top == 3


def test_epochs_alone_and_up_to_there(result: AuditResult) -> None:
    values = np.random.default_rng(0).normal(size=len(result))
    margins = np.random.default_rng(1).normal(size=result.trajectories["loss"].shape).astype(np.float32)
    result = replace(result, trajectories={**result.trajectories, "margin": margins})
    table = compare_with(result, reference_of(result, values), top=20, repeats=0).by_epoch
    history = result.trajectories["loss"]
    measured = [epoch for epoch in range(history.shape[1]) if np.isfinite(history[:, epoch]).any()]
    loss = table[(table["quantity"] == "loss") & (table["samples"] == "all")]
    assert loss["epoch"].tolist() == [epoch + 1 for epoch in measured for _ in range(2)]
    last = measured[-1]
    expected = {"epoch": history[:, last], "cumulative": history[:, measured].mean(axis=1)}
    for kind, values_of in expected.items():
        found = loss[(loss["kind"] == kind) & (loss["epoch"] == last + 1)]["spearman"].item()
        assert found == pytest.approx(spearmanr(values_of, values).statistic)
    margin = table[(table["quantity"] == "margin") & (table["kind"] == "epoch") & (table["samples"] == "all")]
    assert margin["spearman"].iloc[-1] == pytest.approx(-spearmanr(margins[:, -1], values).statistic)


class TestCommand:
    @pytest.fixture
    def folder(self, result: AuditResult, tmp_path: Path) -> Path:
        frame = pd.DataFrame({"row": result.scores["row"], "memorization": result.scores["suspicion"]})
        frame[::-1].to_parquet(tmp_path / "estimates.parquet")
        return result.save(tmp_path / "out")

    def test_table_json_and_csv(self, folder: Path) -> None:
        reference = folder.parent / "estimates.parquet"
        shown = run("compare", folder, "--with", reference)
        assert shown.exit_code == 0
        assert shown.stdout.splitlines()[2].split()[:2] == ["suspicion", "1.000"]
        assert messages_of(shown) == [
            "Similarity to estimates.parquet:memorization over 60 samples, and over the 6 with its highest values (top)."
        ]
        found = json.loads(run("compare", folder, "--with", reference, "--format", "json", "--top", 9).stdout)
        assert (found["num_top"], found["scores"][0]["score"]) == (9, "suspicion")
        assert found["scores"][0]["spearman_low"] == pytest.approx(1)
        assert {row["kind"] for row in found["by_epoch"]} == {"epoch", "cumulative"}
        csv = run("compare", folder, "--with", reference, "--format", "csv").stdout
        assert csv.splitlines()[0].replace('"', "").startswith("score,samples,n,cosine,cosine_low,cosine_high,pearson")
        assert "| suspicion |" in run("compare", folder, "--with", reference, "--format", "md").stdout

    def test_plot(self, folder: Path, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib", reason="needs matplotlib")
        reference = folder.parent / "estimates.parquet"
        assert run("compare", folder, "--with", reference, "--plot", tmp_path / "a.png").exit_code == 0
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
        check_error(run("compare", folder, "--with", reference, "--plot", tmp_path / "no" / "a.png"), 2, "existing folder")

    def test_bad_input(self, folder: Path, tmp_path: Path) -> None:
        reference = folder.parent / "estimates.parquet"
        check_error(run("compare", folder, "--with", tmp_path / "none.npz"), 3, "does not exist; expected")
        check_error(run("compare", folder, "--with", f"{reference}:nope"), 3, "has no column 'nope'; it has row, memorization")
        check_error(run("compare", tmp_path / "none", "--with", reference), 2, "none")
        check_error(run("compare", folder, "--with", reference, "--top", 2), 2, "top must be an integer >= 3")
        check_error(run("compare", reference, "--with", reference), 2, "is not a folder; expected the output folder of an audit")
        pd.DataFrame({"memorization": np.full(60, np.nan)}).to_csv(tmp_path / "empty.csv")
        check_error(run("compare", folder, "--with", tmp_path / "empty.csv"), 3, "has no finite value for any of the 60 samples")
        check_error(run("compare", folder, "--with", reference, "--format", "xml"), 2, "xml")
        np.save(tmp_path / "short.npy", np.ones(7))
        check_error(run("compare", folder, "--with", tmp_path / "short.npy"), 3, "has 7 values, but the result has 60 samples")
