"""Train fresh networks on parts of the data, in the same way as an audit of all data trains its probe."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from curv_issues.counting import counted
from curv_issues.data.base import LabeledData, check_auditable
from curv_issues.device import choose_device, limit_threads_for_small_batches
from curv_issues.errors import AuditError, DatasetError
from curv_issues.options import TrainingOptions
from curv_issues.progress import Progress, ProgressCallback
from curv_issues.trackers.base import Quantity
from curv_issues.training.loop import train_probe
from curv_issues.training.recipe import make_recipe
from curv_issues.training.run import check_probe, isolated_rng, make_probe
from curv_issues.training.scoring import predict, predict_logits
from curv_issues.training.state import TrainingState


class FreshProbes:
    """Trains one network after another, with the recipe and the normalisation derived from all data.

    Attributes:
        recipe: hyper-parameters of every training, whatever the size of its part of the data.
        device: device of the networks.
        inputs: all n samples.
        labels: int64 (n,), the given labels.
    """

    def __init__(
        self,
        data: LabeledData,
        options: TrainingOptions,
        *,
        to_train: int | None = None,
        progress: ProgressCallback | None = None,
        extra_classes: int = 0,
    ) -> None:
        """Prepare the trainings.

        Args:
            data: n samples.
            options: options of an audit of these data.
            to_train: total number of samples of all trainings, for `progress`; default: n, one training.
            progress: called after every step, with the work of all trainings as the total.
            extra_classes: number of logits in addition to the k classes.

        Raises:
            DatasetError: the data cannot be audited.
            UsageError: the device is not available.
        """
        check_auditable(data)
        self.device = choose_device(options.device)
        self.options = options
        chosen = data.choose_input(options.input)
        if chosen == "both" and not options.fine_tune:
            chosen = "features"  # the stronger one
        self.inputs, self.labels = data.inputs(chosen), torch.from_numpy(data.labels)
        self.recipe = make_recipe(options, num_samples=len(data), shape=self.inputs.shape)
        self.spec = self.inputs.spec(data.num_classes + extra_classes)
        self._progress = progress
        self._to_train = len(data) if to_train is None else to_train
        self._trained = 0
        self._seconds = 0.0

    @property
    def plain_seconds(self) -> float | None:
        """Return the seconds of one training on all data, scaled from the finished trainings; None before the first."""
        return self._seconds / self._trained * len(self.labels) if self._trained else None

    def train(
        self,
        samples: np.ndarray,
        *,
        seed: int,
        labels: Tensor | None = None,
        probe: nn.Module | None = None,
        quantities: Sequence[Quantity] = (),
        on_epoch: Callable[[int, nn.Module], None] | None = None,
    ) -> nn.Module:
        """Train on a part of the data.

        With all samples and the seed of the options, this is bit for bit the training of an audit.

        Args:
            samples: positions to train on, int (m,), at least two.
            seed: seed of initial weights, order, augmentation and dropout.
            labels: int64 (n,), labels to train on; default: the given labels.
            probe: a network to train further, in place; default: one with fresh weights (a user-supplied module starts from
                its own weights).
            quantities: quantities to measure in the training pass, indexed by position in all data.
            on_epoch: called after every epoch with its number (from 0) and the network, whose weights it must not change.

        Returns:
            The network.

        Raises:
            DatasetError: there are fewer than two samples.
            UsageError: the probe does not fit the data.
            AuditError: the loss became NaN.
        """
        if len(samples) < 2:
            raise DatasetError(f"This baseline would train a network on {counted(len(samples), 'sample')}; expected two or more.")
        before, size, epochs = self._trained, len(samples), self.recipe.epochs

        def report(epoch: int, done: int, total: int, loss: float) -> None:
            if self._progress is not None:
                work = before * epochs + epoch * total + done
                self._progress(Progress("train", work, self._to_train * epochs, epoch + 1, epochs, loss))

        with limit_threads_for_small_batches(self.recipe.batch_size, self.inputs.shape), isolated_rng(seed):
            if probe is None:
                probe = make_probe(self.options, self.spec).to(self.device).to(memory_format=torch.channels_last)
                check_probe(probe, self.spec, self.device)
            trained, paused = probe, 0.0

            def pause(epoch: int) -> None:
                nonlocal paused
                if on_epoch is not None:
                    stopped = time.perf_counter()
                    on_epoch(epoch, trained)
                    paused += time.perf_counter() - stopped

            start = time.perf_counter()
            train_probe(
                TrainingState(trained, self.recipe, seed=seed, quantities=quantities),
                self.inputs,
                self.labels if labels is None else labels,
                device=self.device,
                samples=torch.from_numpy(np.asarray(samples, dtype=np.int64)),
                on_step=report,
                on_epoch=pause,
            )
            self._seconds += time.perf_counter() - start - paused
        self._trained += size
        return trained

    def logits(self, probe: nn.Module, samples: np.ndarray) -> np.ndarray:
        """Return the logits of the un-augmented images at positions `samples` (m,), float32 (m, k), in evaluation mode.

        Raises:
            AuditError: some are NaN.
        """
        with limit_threads_for_small_batches(self.recipe.batch_size, self.inputs.shape):
            return self._check_outputs(
                predict_logits(probe, self.inputs, torch.from_numpy(np.asarray(samples, dtype=np.int64)), device=self.device)
            )

    def embeddings(self, probe: nn.Module) -> np.ndarray:
        """Return the embeddings of all un-augmented images, float16 (n, d); values beyond float16's range are infinite.

        Raises:
            AuditError: some are NaN.
        """
        with limit_threads_for_small_batches(self.recipe.batch_size, self.inputs.shape):
            return self._check_outputs(predict(probe, self.inputs, self.labels, device=self.device)[1])

    def is_correct(self, probe: nn.Module, samples: np.ndarray) -> np.ndarray:
        """Return whether the network predicts the given label of each of the samples (m,), bool (m,).

        Raises:
            AuditError: some logits are NaN, for which argmax would return class 0.
        """
        return self.logits(probe, samples).argmax(axis=1) == self.labels.numpy()[samples]

    def _check_outputs(self, values: np.ndarray) -> np.ndarray:
        if np.isnan(values).any():  # the loss is checked before each step, so it does not reveal a diverging last step
            raise AuditError(
                f"The outputs of a trained network became nan at learning rate {self.recipe.learning_rate:g}; "
                "train again with a lower learning rate."
            )
        return values
