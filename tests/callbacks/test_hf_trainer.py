from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from curv_issues.callbacks.indexed import with_index
from curv_issues.callbacks.watch import Watch
from curv_issues.errors import UsageError
from tests.callbacks.watching import K, N, blobs, same_scores, small_network

transformers = pytest.importorskip("transformers", reason="the extra [hf] is not installed")
pytest.importorskip("accelerate", reason="the extra [hf] is not installed")
callbacks = importlib.import_module("curv_issues.callbacks.hf_trainer")
FEATURES, LABELS, _ = blobs()
DATA = datasets.Dataset.from_dict({"values": FEATURES.tolist(), "labels": LABELS.tolist()}).with_format("torch")
STEPS = -(-N // 16)


class Model(nn.Module):
    """A model in the style of transformers: the loss and the logits, as a dict or a tuple."""

    def __init__(self, *, as_tuple: bool = False) -> None:
        super().__init__()
        self.network, self.as_tuple = small_network(), as_tuple
        self.seen: list[Tensor] = []

    def forward(self, values: Tensor, labels: Tensor | None = None) -> Any:
        logits = self.network(values)
        if self.training:
            self.seen.append(logits.detach().clone())
        loss = {} if labels is None else {"loss": functional.cross_entropy(logits, labels)}
        output = {**loss, "logits": logits}
        return tuple(output.values()) if self.as_tuple else output


class Recorder:
    """A collator that keeps the indices of the batches."""

    def __init__(self) -> None:
        self.indices: list[Tensor] = []

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        batch = torch.utils.data.default_collate(rows)
        if "index" in batch:
            self.indices.append(batch["index"])
        return batch


def arguments(folder: Path, **options: Any) -> Any:
    plain = {"num_train_epochs": 3, "per_device_train_batch_size": 16, "learning_rate": 0.01, "use_cpu": True, "disable_tqdm": True}
    quiet = {"report_to": "none", "save_strategy": "no", "remove_unused_columns": False, "logging_strategy": "no"}
    return transformers.TrainingArguments(str(folder), **{**plain, **quiet, **options})


def train(folder: Path, callback: Any, *, model: Model | None = None, data: Any = None, resume: Any = None, **options: Any) -> Any:
    """Return the trained model and the indices of its batches."""
    model, recorder = Model() if model is None else model, Recorder()
    how = {name: options.pop(name) for name in ("compute_loss_func",) if name in options}
    trainer = transformers.Trainer(
        model,
        arguments(folder, **options),
        train_dataset=with_index(DATA) if data is None else data,
        eval_dataset=DATA,
        data_collator=recorder,
        callbacks=[callback],
        **how,
    )
    trainer.train(resume_from_checkpoint=resume)
    assert not model._forward_hooks
    assert not model._forward_pre_hooks
    return model, recorder.indices


def watch_of(model: Model, indices: list[Tensor]) -> Watch:
    """Return a Watch of what the model has computed."""
    watch = Watch(N, K)
    for number, (index, logits) in enumerate(zip(indices, model.seen, strict=True), start=1):
        watch.observe(index, logits, LABELS[index])
        if number % STEPS == 0:
            watch.end_epoch()
    return watch


def same(left: Watch, right: Watch) -> bool:
    return same_scores(left.result(LABELS), right.result(LABELS))


@pytest.mark.parametrize("as_tuple", [False, True])
def test_the_steps_of_a_trainer_are_observed(as_tuple: bool, tmp_path: Path) -> None:
    callback = callbacks.WatchCallback(N, K)
    model, indices = train(tmp_path, callback, model=Model(as_tuple=as_tuple), eval_strategy="epoch")
    assert callback.watch.epoch == 3
    assert same(callback.watch, watch_of(model, indices))


def test_labels_that_the_model_does_not_receive(tmp_path: Path) -> None:
    def loss(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        return functional.cross_entropy(outputs["logits"], labels)

    with pytest.raises(UsageError, match=r"The model received no labels, .* pass WatchCallback\(..., labels=labels\)"):
        train(tmp_path, callbacks.WatchCallback(N, K), compute_loss_func=loss)
    callback = callbacks.WatchCallback(N, K, labels=LABELS.numpy())
    model, indices = train(tmp_path, callback, compute_loss_func=loss)
    assert same(callback.watch, watch_of(model, indices))


def test_a_lost_index_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="The Trainer would remove the index; set TrainingArg"):
        train(tmp_path, callbacks.WatchCallback(N, K), remove_unused_columns=True)
    with pytest.raises(UsageError, match=r"The model received no index; pass train_dataset=with_index\(dataset\)"):
        train(tmp_path, callbacks.WatchCallback(N, K), data=DATA)


@pytest.mark.parametrize("step", [STEPS, STEPS + 2])  # between epochs, and within one
def test_a_resumed_training_gives_the_same_scores(step: int, tmp_path: Path) -> None:
    saving = {"save_strategy": "steps", "save_steps": step}
    whole = callbacks.WatchCallback(N, K)
    train(tmp_path, whole, **saving)
    assert (tmp_path / f"checkpoint-{step}" / "watch-0.pt").is_file()
    resumed = callbacks.WatchCallback(N, K)
    train(tmp_path, resumed, resume=str(tmp_path / f"checkpoint-{step}"), **saving)
    assert resumed.watch.epoch == 3
    assert same(resumed.watch, whole.watch)
