"""Watch a training of Lightning, from the package `lightning` or `pytorch_lightning`."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from curv_issues.callbacks.batches import read_batch
from curv_issues.callbacks.watch import Watch
from curv_issues.errors import UsageError

_PACKAGES = ("lightning", "pytorch_lightning")


def _callback_classes() -> tuple[type, ...]:
    """Return the Callback class of each installed package; both may be, and each trainer accepts only its own."""
    found = [name for name in _PACKAGES if importlib.util.find_spec(name) is not None]
    if not found:
        raise ImportError("WatchCallback needs Lightning; install it with: pip install 'curv-issues[lightning]'")
    modules = (importlib.import_module(f"{name}.pytorch" if name == "lightning" else name) for name in found)
    return tuple(module.Callback for module in modules)


class WatchCallback(*_callback_classes()):  # type: ignore[misc]
    """Lets a Watch observe the training steps of a Trainer: `Trainer(callbacks=[WatchCallback(num_samples, num_classes)])`.

    Logits are taken from the dict that `training_step` returns, if it has "logits"; else from the forward pass of the
    LightningModule, so `training_step` should call `self(inputs)`, or of the submodule `network`. In a distributed training, the
    ranks are merged after every epoch. The state is saved in checkpoints.

    Attributes:
        watch: the Watch; `watch.result(labels)` after `trainer.fit`.
    """

    def __init__(
        self,
        num_samples: int,
        num_classes: int,
        *,
        network: str = "",
        index_and_labels: Callable[[Any], tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        """Prepare to watch.

        Args:
            num_samples: number of training samples n.
            num_classes: number of classes k.
            network: name of the submodule whose output is the logits, such as "model"; "": the LightningModule itself.
            index_and_labels: function from a batch to its indices and given labels, (b,) each; None: batches are (inputs, labels,
                index), or mappings with `labels` and `index`, as of a loader over `with_index(dataset)`.

        Raises:
            UsageError: a number is not an integer, or is too small.
        """
        super().__init__()
        self.watch = Watch(num_samples, num_classes)
        self._network, self._read = network, index_and_labels or _index_and_labels
        self._logits: Tensor | None = None
        self._hook: Any = None

    def on_train_start(self, trainer: Any, pl_module: nn.Module) -> None:
        """Listen to the outputs of the network."""
        self._remove_hook()
        self._hook = pl_module.get_submodule(self._network).register_forward_hook(self._remember)

    def on_train_batch_start(self, trainer: Any, pl_module: nn.Module, batch: Any, batch_idx: int) -> None:
        """Forget the outputs of the previous step, such as of a validation within the epoch."""
        self._logits = None

    def on_train_batch_end(self, trainer: Any, pl_module: nn.Module, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Observe a step."""
        logits = outputs.get("logits") if isinstance(outputs, Mapping) else None
        logits = self._logits if logits is None else logits
        if logits is None:
            raise UsageError(
                f"The training step shows no logits of shape (b, {self.watch.num_classes}); return "
                "{'loss': loss, 'logits': logits} from training_step, call self(inputs) in it, or name "
                "the submodule with WatchCallback(network=...)."
            )
        index, labels = self._read(batch)
        self.watch.observe(index, logits, labels)
        self._logits = None

    def on_train_epoch_end(self, trainer: Any, pl_module: nn.Module) -> None:
        """Finish an epoch, on all ranks."""
        self.watch.end_epoch()
        self.watch.gather()

    def teardown(self, trainer: Any, pl_module: nn.Module, stage: str) -> None:
        """Stop listening."""
        self._remove_hook()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the Watch, for a checkpoint."""
        return self.watch.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.watch.load_state_dict(state_dict)

    def _remove_hook(self) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def _remember(self, _module: nn.Module, _inputs: Any, output: Any) -> None:
        logits = getattr(output, "logits", output)
        # in a distributed training, the LightningModule is also called for its training step, whose output is the loss
        if isinstance(logits, Tensor) and logits.ndim == 2 and logits.shape[1] == self.watch.num_classes:
            self._logits = logits.detach()


def _index_and_labels(batch: Any) -> tuple[Tensor, Tensor]:
    loaded = read_batch(batch)
    return loaded.index, loaded.labels
