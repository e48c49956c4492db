"""The examples of experiment trackers in docs/guide/export.md log the findings, where the trackers are installed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.documents import GUIDE, blocks
from tests.export.audited import write_photos

REASON = "needs an experiment tracker: pip install '.[export-test]'"
EXAMPLES = {re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE)[0]: code for code in blocks(GUIDE / "export.md", "py")}


def run_example(name: str, folder: Path) -> None:
    write_photos(folder / "photos", num=18, names=["a", "b", "c", "d", "e", "f"])
    code = EXAMPLES[name].replace('audit("./photos"', 'audit("./photos", epochs=1, resolution=8, cut_off="20%"')
    exec(compile(code, "export.md", "exec"), {})


def test_examples() -> None:
    assert set(EXAMPLES) == {"fiftyone", "torch", "wandb", "mlflow"}


def test_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard", reason=REASON)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.chdir(tmp_path)
    run_example("torch", tmp_path)
    events = EventAccumulator(str(tmp_path / "runs" / "photos")).Reload()
    (tag,) = events.Tags()["tensors"]
    (event,) = events.Tensors(tag)
    assert tag.startswith("findings")
    assert b"| row |" in event.tensor_proto.string_val[0]


def test_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason=REASON)
    monkeypatch.chdir(tmp_path)
    for name, value in {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    run_example("wandb", tmp_path)
    (table,) = (tmp_path / "wandb").glob("offline-run-*/files/media/table/findings_*.table.json")
    content = json.loads(table.read_text(encoding="utf-8"))
    assert content["columns"][:5] == ["row", "split", "path", "kind", "given"]
    assert len(content["data"]) >= 3


def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason=REASON)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    run_example("mlflow", tmp_path)
    (metrics,) = (tmp_path / "mlruns").glob("*/*/metrics")
    assert float((metrics / "label_issue").read_text().split()[1]) >= 3
