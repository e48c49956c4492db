"""The option --backbone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torchvision import models

from curv_issues import AuditResult
from tests.backbones.stand_ins import Strips
from tests.cli.running import audit, check_error, run, tiny_parquet


def test_errors(tmp_path: Path) -> None:
    data = tiny_parquet(tmp_path / "tiny.parquet")
    check_error(audit(data, "--backbone", "resnet18"), 2, "KIND:NAME")
    check_error(audit(data, "--backbone", "tim:resnet18"), 2, "Unknown kind of backbone 'tim'", "timm, torchvision, hf, file")
    check_error(audit(data, "--backbone", f"file:{tmp_path / 'none.pt2'}"), 2, "does not exist; expected a program")
    check_error(audit(data, "--backbone", f"file:{tmp_path}"), 2, "is not a regular file; expected a program")
    for beside in (("--features", "none.npy"), ("--features-column", "none")):  # reported before the data are looked at
        check_error(audit(data, "--backbone", "timm:resnet18", *beside), 2, "backbone and features do not go together")
    check_error(audit(data, "--backbone", "torchvision:resnet_18"), 2, "similar names: torchvision:resnet18")


def test_audit_and_bench(tmp_path: Path) -> None:
    data = tiny_parquet(tmp_path / "tiny.parquet")
    program = torch.export.export(Strips().eval(), (torch.zeros(4, 3, 16, 16),))
    torch.export.save(program, tmp_path / "strips.pt2")
    option = ("--backbone", f"file:{tmp_path / 'strips.pt2'}")
    missing = audit(tmp_path / "none.parquet", *option, "--fine-tune")  # reported before the data are looked at
    check_error(missing, 2, "The backbone file:strips.pt2 cannot be trained")
    done = audit(data, *option, "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    summary = AuditResult.load(tmp_path / "out").summary
    assert summary["dataset"]["num_features"] == 6
    assert summary["options"]["backbone"] == "file:strips.pt2"
    assert "features" in summary["seconds"]
    methods = ("--methods", "margin", "--seeds", "1", "--epochs", "1", "--device", "cpu")
    done = run("bench", data, *option, *methods, "--output", tmp_path / "bench")
    assert done.exit_code == 0, done.output


@pytest.fixture
def shufflenet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a backbone of torchvision whose weights are cached; they are random."""
    name, weights = "shufflenet_v2_x0_5", models.ShuffleNet_V2_X0_5_Weights.DEFAULT
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(models.get_model(name).state_dict(), folder / weights.url.rpartition("/")[2])
    return f"torchvision:{name}"


def test_fine_tuning(tmp_path: Path, shufflenet: str) -> None:
    data = tiny_parquet(tmp_path / "tiny.parquet")
    check_error(audit(data, "--fine-tune"), 2, "--fine-tune (fine_tune=True) trains a backbone; add --backbone")
    option = ("--backbone", shufflenet, "--fine-tune", "--epochs", "1", "--no-duplicates", "--device", "cpu")
    done = run("audit", data, *option, "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    summary = AuditResult.load(tmp_path / "out").summary
    assert summary["dataset"]["resolution"] == 224
    assert summary["dataset"]["num_features"] is None
    assert summary["options"]["backbone"] == f"{shufflenet}/IMAGENET1K_V1"


@pytest.mark.slow
@pytest.mark.parametrize("extra", [(), ("--input", "both")])
def test_bench_of_fine_tuning(tmp_path: Path, shufflenet: str, extra: tuple[str, ...]) -> None:
    data = tiny_parquet(tmp_path / "tiny.parquet")
    option = ("--backbone", shufflenet, "--fine-tune", "--epochs", "1", "--resolution", "32", *extra)
    methods = ("--methods", "margin,confident_learning", "--seeds", "1")
    done = run("bench", data, *option, *methods, "--output", tmp_path / "bench")
    assert done.exit_code == 0, done.output
    cell = json.loads(next((tmp_path / "bench").rglob("*seed*.json")).read_text())
    assert cell["cell"]["options"]["fine_tune"] is True
    assert f"{shufflenet}/IMAGENET1K_V1 (" in cell["cell"]["options"]["backbone"]
