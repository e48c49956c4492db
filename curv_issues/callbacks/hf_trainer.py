"""Watch a training of the Trainer of Hugging Face transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from curv_issues.callbacks.batches import INDEX
from curv_issues.callbacks.watch import Watch
from curv_issues.errors import UsageError

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError("WatchCallback needs transformers; install it with: pip install 'curv-issues[hf]'") from error


class WatchCallback(TrainerCallback):
    """Lets a Watch observe the training steps of a Trainer: `Trainer(..., callbacks=[WatchCallback(num_samples, num_classes)])`.

    The callbacks of a Trainer see no logits, so this one listens to the model: it takes `index` out of the model's arguments before
    the forward pass, and reads the `labels` and the logits after it. The index must reach the model:

    - `train_dataset=with_index(dataset)`;
    - `TrainingArguments(remove_unused_columns=False)`, as the Trainer otherwise removes every column that is not an argument of
      the model, including the index. Remove such columns, for example the raw text, from the dataset with `dataset.remove_columns`;
    - a data collator of your own must keep `index`.

    In a distributed training, the ranks are merged after every epoch. The state is saved in checkpoints, by each process.

    Attributes:
        watch: the Watch; `watch.result(labels)` after `trainer.train()`.
    """

    def __init__(self, num_samples: int, num_classes: int, *, labels: Any = None) -> None:
        """Prepare to watch.

        Args:
            num_samples: number of training samples n.
            num_classes: number of classes k.
            labels: (n,), the given classes. Needed only if the model does not receive them, as with label smoothing or
                `compute_loss_func`.

        Raises:
            UsageError: a number is not an integer, or is too small.
        """
        self.watch = Watch(num_samples, num_classes)
        self._labels = None if labels is None else torch.as_tensor(labels)
        self._index: Tensor | None = None
        self._hooks: list[Any] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Listen to the model, and continue from a checkpoint."""
        if args.remove_unused_columns:
            raise UsageError(
                "The Trainer would remove the index; set TrainingArguments(remove_unused_columns=False), and remove columns that "
                "are not arguments of the model from the dataset."
            )
        if state.global_step > 0 and (path := _state_file(args, state)).is_file():
            self.watch.load_state_dict(torch.load(path, weights_only=True))
            if self.watch.epoch < int(state.epoch + 1e-6):  # saved after the last step of an epoch, before its end
                self.on_epoch_end(args, state, control)
        self._remove_hooks()
        model = more["model"]
        self._hooks = [
            model.register_forward_pre_hook(self._before, with_kwargs=True, prepend=True),
            model.register_forward_hook(self._after, with_kwargs=True),
        ]

    def on_epoch_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Finish an epoch, on all ranks."""
        self.watch.end_epoch()
        self.watch.gather()

    def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Save the state of this process in the checkpoint."""
        path = _state_file(args, state)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(self.watch.state_dict(), path)

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Stop listening."""
        self._remove_hooks()

    def _remove_hooks(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _before(self, model: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
        """Take the index out of the arguments."""
        self._index = named.get(INDEX)
        return positional, {name: value for name, value in named.items() if name != INDEX}

    def _after(self, model: nn.Module, positional: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        """Observe a training step."""
        if not model.training:
            return
        if self._index is None:
            raise UsageError("The model received no index; pass train_dataset=with_index(dataset) and a collator that keeps it.")
        labels = named.get("labels")
        logits = output["logits"] if isinstance(output, dict) else output[0 if labels is None else 1]  # after the loss
        if self._labels is not None:
            labels = self._labels[self._index.to(self._labels.device)]
        if labels is None:
            raise UsageError("The model received no labels, as with label smoothing; pass WatchCallback(..., labels=labels).")
        self.watch.observe(self._index, logits, labels)


def _state_file(args: Any, state: Any) -> Path:
    """Return the file of this process in the checkpoint of a step."""
    return Path(args.output_dir, f"checkpoint-{state.global_step}", f"watch-{args.process_index}.pt")
