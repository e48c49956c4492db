"""The command `bench`, on small data."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import curv_issues.bench.run as bench_run
from tests.cli.running import check_error, run, tiny_parquet
from tests.data.images import pngs, write_image_folder, write_parquet

FEW = ("--methods", "margin,input_curvature,knn_label_score", "--epochs", "2", "--seeds", "1", "--device", "cpu")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tiny_parquet(tmp_path / "pets.parquet", n=60, names=("cat", "dog", "lynx"))


def test_tables_plots_and_cells(data: Path) -> None:
    result = run("bench", data, *FEW, "--noise", "uniform:0.1", "--noise", "uniform:0.2", "--noise", "none", "--output", "out")
    assert result.exit_code == 0, result.stderr
    assert "uniform:0.2: 12 errors in 60 samples, 1 seed" in result.stdout
    assert result.stdout.splitlines()[-1] == "Results: out"
    assert len(list(Path("out/cells").glob("*.json"))) == 3
    assert "## uniform:0.1: 6 errors in 60 samples, 1 seed" in Path("out/bench.md").read_text()
    plots = {path.name for path in Path("out/plots").iterdir()}
    assert plots == {f"{kind}-uniform-{rate}.png" for kind in ("curves", "histograms", "curvature") for rate in ("0.1", "0.2")} | {
        "rates-uniform.png"
    }
    shown = re.findall(r"!\[.*\]\((.*)\)", Path("out/bench.md").read_text())
    assert sorted(shown) == sorted(f"plots/{name}" for name in plots)


def test_without_matplotlib_only_the_plots_are_missing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = ("bench", data, *FEW, "--noise", "uniform:0.1", "--output", "out")
    with monkeypatch.context() as blocked:
        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            blocked.delitem(sys.modules, name)
        blocked.setitem(sys.modules, "matplotlib", None)
        result = run(*line)
        assert run(*line, "--resume", "-q").stderr == ""
        assert not Path("out/plots").exists()
        assert "![" not in Path("out/bench.md").read_text()
    assert result.exit_code == 0
    assert "uniform:0.1: 6 errors in 60 samples, 1 seed" in result.stdout
    (note,) = (text for text in result.stderr.splitlines() if text.startswith("Note: No plots were drawn"))
    assert "pip install 'curv-issues[plots]'" in note
    assert run(*line, "--resume").exit_code == 0
    assert len(list(Path("out/plots").iterdir())) == 3


def test_resume_runs_the_missing_cells_only(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = ("bench", data, *FEW, "--noise", "uniform:0.1")
    assert run(*line, "--output", "out").exit_code == 0
    check_error(run(*line, "--output", "out"), 2, "The folder out already contains results of a benchmark; add --resume")
    (before,) = Path("out/cells").glob("*.json")
    stamp = before.stat().st_mtime_ns
    again = run(*line, "--noise", "none", "--output", "out", "--resume", "--format", "json")
    assert again.exit_code == 0
    assert [cell["cell"]["noise"] for cell in json.loads(again.stdout)] == ["uniform:0.1", "none"]
    assert before.stat().st_mtime_ns == stamp
    assert run(*line, "--output", "out", "--overwrite", "--format", "md", "-q").exit_code == 0
    assert len(list(Path("out/cells").glob("*.json"))) == 1
    assert before.stat().st_mtime_ns > stamp


def test_default_uses_the_chosen_cut_off(data: Path) -> None:
    line = ("bench", data, *FEW, "--noise", "uniform:0.1", "--cut-off", "20%", "--output", "out", "--format", "json")
    (cell,) = json.loads(run(*line).stdout)
    assert cell["cell"]["cut_off"] == "20%"
    assert cell["methods"]["default"]["flagged"]["flagged"] == 12
    assert "Flags of the default: cut-off 20%." in Path("out/bench.md").read_text().splitlines()


def test_noise_that_does_not_fit_is_refused_before_training(data: Path) -> None:
    assert run("bench", data, *FEW, "--noise", "none", "--output", "out").exit_code == 0
    before = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    line = ("bench", data, *FEW, "--noise", "uniform:0.1", "--noise", "duplicates:31", "--output", "out", "--overwrite")
    check_error(run(*line), 2, "pairs")
    assert {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()} == before


def test_ctrl_c_keeps_finished_cells(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = bench_run.measure_cell, []

    def measure(*arguments: Any, **options: Any) -> dict[str, Any]:
        if made:
            raise KeyboardInterrupt
        made.append(1)
        return real(*arguments, **options)

    monkeypatch.setattr(bench_run, "measure_cell", measure)
    result = run("bench", data, *FEW, "--noise", "uniform:0.1", "--noise", "none", "--output", "out")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "Interrupted; 1 of 2 cells are finished; go on with --resume."
    assert "uniform:0.1: 6 errors in 60 samples" in result.stdout
    assert len(list(Path("out/cells").iterdir())) == 1


def test_a_full_disk_keeps_finished_cells(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if "none-" in target.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr("curv_issues.results.atomic_files.os.replace", replace)
    line = ("bench", data, *FEW, "--noise", "uniform:0.1", "--noise", "none", "--output", "out", "-q")  # a slow run prints progress
    check_error(run(*line), 4, "cannot be written (No space left on device). Finished cells are kept: free some space")
    assert [path.name.partition("-seed")[0] for path in Path("out/cells").iterdir()] == ["uniform-0.1"]


@pytest.mark.slow
def test_a_damaged_cell_is_measured_again(data: Path) -> None:
    line = ("bench", data, *FEW, "--noise", "none", "--output", "out")
    assert run(*line).exit_code == 0
    (cell,) = Path("out/cells").glob("*.json")
    before = json.loads(cell.read_text())
    cell.unlink()
    cell.mkdir()
    result = run(*line, "--resume")
    assert result.exit_code == 0
    assert f"{cell} is corrupt or has another version: renamed to {cell.name}.damaged, run again." in result.stderr
    assert json.loads(cell.read_text())["methods"]["margin"]["direction"] == before["methods"]["margin"]["direction"]


def test_one_epoch_and_a_repeated_method(data: Path) -> None:
    few = ("--methods", "training_gradient_change,margin,margin", "--epochs", "1", "--seeds", "1", "--device", "cpu")
    result = run("bench", data, *few, "--output", "out")
    assert result.exit_code == 0
    assert "training_gradient_change failed: it has no value for 60 of 60 samples; train longer (--epochs)" in result.stdout
    assert result.stdout.count("\nmargin ") == 1


def test_unusable_samples_can_be_left_out_as_advised(tmp_path: Path) -> None:
    labels = ["cat", "dog", None] * 8
    path = write_parquet(tmp_path / "broken.parquet", labels, images=[b"no image", *pngs(23)])
    line = ("bench", path, *FEW, "--output", "out")
    check_error(run(*line), 3, "8 of 24 samples have no label", "--skip-unlabelled")
    check_error(run(*line, "--skip-unlabelled"), 3, "The image in row 0 (no path) of", "cannot be read", "--skip-unreadable")
    result = run(*line, "--skip-unlabelled", "--skip-unreadable")
    assert result.exit_code == 0, result.stderr
    assert "errors in 15 samples" in result.stdout
    assert "Note: 1 image could not be read and was left out." in result.stderr.splitlines()
    assert "Note: 8 samples without a label were left out." in result.stderr.splitlines()
    assert "Note" not in run(*line, "--skip-unlabelled", "--skip-unreadable", "--resume", "-q").stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--noise", "uniform"], 2, "--noise (noise) 'uniform': RATE is missing after uniform."),
        (["--noise", "fog:0.1"], 2, "--noise (noise) 'fog:0.1': unknown kind 'fog'."),
        (["--methods", "depth"], 2, "Unknown method 'depth'; choose from: all, default, "),
        (["--seeds", "0"], 2, "seeds must be an integer from 1 to 1000, got 0."),
        (["--seeds", "9" * 23], 2, "seeds must be an integer from 1 to 1000, got 9999"),
        (["--num-matvecs", "1000000"], 2, "num_matvecs must be an integer from 1 to 1000, got 1000000."),
        (["--format", "csv"], 2, "Unknown format 'csv'; choose one of: table, md, json."),
        (["--cut-off", "soon"], 2, "cut_off must be 'auto', a suspicion from 0 to 1 such as 0.95, or a fraction"),
        (["--max-samples", "1"], 2, "max_samples must be an integer from 2 to 1000000000, got 1."),
        (["--resume", "--overwrite"], 2, "--resume keeps finished cells and --overwrite replaces them"),
        (["--noise", "duplicates:31"], 2, "pairs"),
        (["--noise", "file:none.parquet:label"], 3, "none.parquet"),
        (["--device", "abacus"], 2, "Device 'abacus' cannot be used here"),
        (["--label-column", "name"], 3, "name"),
    ],
)
def test_invalid_input_is_refused(data: Path, arguments: list[str], code: int, text: str) -> None:
    check_error(run("bench", data, *FEW, *arguments, "--output", "out"), code, text)
    assert not Path("out").exists()


@pytest.mark.parametrize("output", [("--output", "data/bench"), ("--output", "data"), ()])
def test_output_inside_the_dataset_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch, output: tuple[str, ...]) -> None:
    write_image_folder(here / "data", {"cat": 4, "dog": 4})
    monkeypatch.setattr("curv_issues.data.loading.load", lambda *_args, **_options: pytest.fail("read the data"))
    if not output:
        monkeypatch.chdir(here / "data")
    dataset = "data" if output else "."
    check_error(run("bench", dataset, *output), 2, f"is inside the dataset {dataset}", "--output")
    assert sorted(path.name for path in (here / "data").iterdir()) == ["cat", "dog"]
