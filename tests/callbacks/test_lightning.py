from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from curv_issues.callbacks.watch import Watch
from curv_issues.errors import UsageError
from tests.callbacks.watching import K, N, blobs, loader_of, same_scores, small_network

pytest.importorskip("lightning", reason="the extra [lightning] is not installed")
callbacks = importlib.import_module("curv_issues.callbacks.lightning")
FEATURES, LABELS, _ = blobs()


def module_of(package: Any, step: str) -> Any:
    """Return a LightningModule whose training step shows its logits in one of several ways."""

    class Module(package.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = small_network()
            self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.network(inputs)

        def training_step(self, batch: Any, _: int) -> Any:
            inputs, labels, index = (batch[name] for name in ("x", "label", "index")) if isinstance(batch, dict) else batch
            logits = self(inputs) if step == "self" else self.network(inputs)
            self.seen.append((index, logits.detach().clone()))
            loss = functional.cross_entropy(logits, labels)
            return {"loss": loss, "logits": logits} if step == "dict" else loss

        def validation_step(self, batch: Any, _: int) -> None:
            self(batch[0])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Module()


def trainer_of(package: Any, callback: Any, *, epochs: int = 3, **options: Any) -> Any:
    plain = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    return package.Trainer(max_epochs=epochs, accelerator="cpu", callbacks=[callback], **{**plain, **options})


def fit(trainer: Any, module: Any, loader: Any, *more: Any, **options: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning recommends more workers
        trainer.fit(module, loader, *more, **options)


def watch_of(module: Any) -> Watch:
    """Return a Watch of what the training step has seen."""
    watch = Watch(N, K)
    steps = -(-N // 16)
    for number, (index, logits) in enumerate(module.seen, start=1):
        watch.observe(index, logits, LABELS[index])
        if number % steps == 0:
            watch.end_epoch()
    return watch


def same(left: Watch, right: Watch) -> bool:
    return same_scores(left.result(LABELS), right.result(LABELS))


@pytest.mark.parametrize("name", ["lightning", "pytorch_lightning"])
@pytest.mark.parametrize("step", ["self", "network", "dict"])
def test_the_steps_of_a_trainer_are_observed(name: str, step: str) -> None:
    package = pytest.importorskip(name)
    module = module_of(package, step)
    callback = callbacks.WatchCallback(N, K, network="network" if step == "network" else "")
    loader = loader_of(FEATURES, LABELS, shuffle=True)
    fit(trainer_of(package, callback), module, loader, loader_of(FEATURES, LABELS))
    assert callback.watch.epoch == 3
    assert same(callback.watch, watch_of(module))
    assert len(module._forward_hooks) == len(module.network._forward_hooks) == 0


def test_the_loss_of_a_distributed_step_is_not_taken_for_logits() -> None:
    package = importlib.import_module("lightning")
    module, callback = module_of(package, "self"), callbacks.WatchCallback(N, K)
    try:
        fit(trainer_of(package, callback, strategy="ddp", devices=1), module, loader_of(FEATURES, LABELS))
    finally:
        torch.distributed.destroy_process_group()
    assert same(callback.watch, watch_of(module))


def test_mappings_and_functions_of_a_batch() -> None:
    package = importlib.import_module("lightning")
    rows = [{"x": x, "label": y, "index": i} for i, (x, y) in enumerate(zip(FEATURES, LABELS.tolist(), strict=True))]
    for read in (None, lambda batch: (batch["index"], batch["label"])):
        module, callback = module_of(package, "self"), callbacks.WatchCallback(N, K, index_and_labels=read)
        fit(trainer_of(package, callback), module, DataLoader(rows, batch_size=16))  # type: ignore[arg-type]
        assert same(callback.watch, watch_of(module))


def test_a_step_without_logits_is_refused() -> None:
    package = importlib.import_module("lightning")
    with pytest.raises(UsageError, match=r"The training step shows no logits of shape \(b, 3\)"):
        fit(trainer_of(package, callbacks.WatchCallback(N, K)), module_of(package, "network"), loader_of(FEATURES, LABELS))


def test_a_resumed_training_gives_the_same_scores(tmp_path: Path) -> None:
    package = importlib.import_module("lightning")

    def train(epochs: int, **options: Any) -> Any:
        callback = callbacks.WatchCallback(N, K)
        trainer = trainer_of(package, callback, epochs=epochs, default_root_dir=tmp_path, enable_checkpointing=True)
        fit(trainer, module_of(package, "self"), loader_of(FEATURES, LABELS), **options)
        return callback.watch

    whole = train(4)
    for path in tmp_path.rglob("*.ckpt"):
        path.unlink()
    train(2)
    (checkpoint,) = tmp_path.rglob("*.ckpt")
    resumed = train(4, ckpt_path=str(checkpoint))
    assert resumed.epoch == 4
    assert same(resumed, whole)
