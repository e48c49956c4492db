"""The option --backbone."""

from __future__ import annotations

from pathlib import Path

import torch

from curv_issues import AuditResult
from tests.backbones.stand_ins import Strips
from tests.cli.running import audit, check_error, run, tiny_parquet


def test_errors(tmp_path: Path) -> None:
    data = tiny_parquet(tmp_path / "tiny.parquet")
    check_error(audit(data, "--backbone", "resnet18"), 2, "KIND:NAME")
    check_error(audit(data, "--backbone", "tim:resnet18"), 2, "Unknown kind of backbone 'tim'", "timm, torchvision, hf, file")
    check_error(audit(data, "--backbone", f"file:{tmp_path / 'none.pt2'}"), 2, "does not exist; expected a program")
    check_error(audit(data, "--backbone", "torchvision:resnet_18"), 2, "similar names: torchvision:resnet18")


def test_audit_and_bench(tmp_path: Path) -> None:
    data = tiny_parquet(tmp_path / "tiny.parquet")
    program = torch.export.export(Strips().eval(), (torch.zeros(4, 3, 16, 16),))
    torch.export.save(program, tmp_path / "strips.pt2")
    option = ("--backbone", f"file:{tmp_path / 'strips.pt2'}")
    done = audit(data, *option, "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    summary = AuditResult.load(tmp_path / "out").summary
    assert summary["dataset"]["num_features"] == 6
    assert summary["options"]["backbone"] == "file:strips.pt2"
    assert "features" in summary["seconds"]
    methods = ("--methods", "margin", "--seeds", "1", "--epochs", "1", "--device", "cpu")
    done = run("bench", data, *option, *methods, "--output", tmp_path / "bench")
    assert done.exit_code == 0, done.output
