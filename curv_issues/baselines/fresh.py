"""Networks trained from fresh weights on parts of the data, as an audit of all the data would train its probe."""

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
from curv_issues.inputs.images import ImageInputs
from curv_issues.options import TrainingOptions
from curv_issues.progress import Progress, ProgressCallback
from curv_issues.trackers.base import Quantity
from curv_issues.training.loop import train_probe
from curv_issues.training.recipe import make_recipe
from curv_issues.training.run import build_probe, check_probe, isolated_rng
from curv_issues.training.scoring import predict, predict_logits
from curv_issues.training.state import TrainingState


class FreshProbes:
    """Trains one network after another, all under the recipe and the normalisation that follow from all the data.

    Attributes:
        recipe: of every training, whatever the size of its part of the data.
        device: where the networks are.
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
            options: of an audit of these data.
            to_train: sum of the sizes of all parts that will be trained on, for `progress`; default: n, one training.
            progress: told of every step as a share of all trainings.
            extra_classes: number of logits beyond the k classes.

        Raises:
            DatasetError: the data cannot be audited.
            UsageError: the device is not there.
        """
        check_auditable(data)
        self.device = choose_device(options.device)
        self.options = options
        self.resolution, channels = data.images.shape[1], data.images.shape[3]
        self.recipe = make_recipe(options, num_samples=len(data), resolution=self.resolution, grey=channels == 1)
        self.inputs, self.labels = ImageInputs(data.images), torch.from_numpy(data.labels)
        self.spec = self.inputs.spec(data.num_classes + extra_classes)
        self._progress = progress
        self._to_train = len(data) if to_train is None else to_train
        self._trained = 0
        self._seconds = 0.0

    @property
    def plain_seconds(self) -> float | None:
        """Seconds that one training on all the data takes, from those that were done; None before the first."""
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

        With all samples and the seed of the options this is, bit by bit, the training of an audit.

        Args:
            samples: positions to train on, int (m,), at least two.
            seed: of initial weights, order, augmentation and dropout.
            labels: int64 (n,), what to train on; default: the given labels.
            probe: a network to train further, in place; default: one with fresh weights (a module of the user's
                starts from the weights it came with).
            quantities: to follow in the training pass; their index is the position in all the data.
            on_epoch: called after every epoch with its number (from 0) and the network, whose weights it must leave alone.

        Returns:
            The network.

        Raises:
            DatasetError: there are fewer than two samples.
            UsageError: the probe does not fit the data.
            AuditError: the loss became NaN.
        """
        if len(samples) < 2:
            raise DatasetError(
                f"A network of this baseline would be trained on {counted(len(samples), 'sample')}; expected two or more."
            )
        before, size, epochs = self._trained, len(samples), self.recipe.epochs

        def tell(epoch: int, done: int, total: int, loss: float) -> None:
            if self._progress is not None:
                work = before * epochs + epoch * total + done
                self._progress(Progress("train", work, self._to_train * epochs, epoch + 1, epochs, loss))

        with limit_threads_for_small_batches(self.recipe.batch_size, self.resolution), isolated_rng(seed):
            if probe is None:
                probe = build_probe(self.options.probe, self.spec).to(self.device).to(memory_format=torch.channels_last)
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
                on_step=tell,
                on_epoch=pause,
            )
            self._seconds += time.perf_counter() - start - paused
        self._trained += size
        return trained

    def logits(self, probe: nn.Module, samples: np.ndarray) -> np.ndarray:
        """Logits of the clean images at positions `samples` (m,), float32 (m, k), in evaluation mode.

        Raises:
            AuditError: some are NaN.
        """
        with limit_threads_for_small_batches(self.recipe.batch_size, self.resolution):
            return self._check_outputs(
                predict_logits(probe, self.inputs, torch.from_numpy(np.asarray(samples, dtype=np.int64)), device=self.device)
            )

    def embeddings(self, probe: nn.Module) -> np.ndarray:
        """Embeddings of all clean images, float16 (n, d); those beyond the range of float16 are infinite.

        Raises:
            AuditError: some are NaN.
        """
        with limit_threads_for_small_batches(self.recipe.batch_size, self.resolution):
            return self._check_outputs(predict(probe, self.inputs, self.labels, device=self.device)[1])

    def is_correct(self, probe: nn.Module, samples: np.ndarray) -> np.ndarray:
        """Return whether the network gives each of the samples (m,) its given label, bool (m,).

        Raises:
            AuditError: some logits are NaN; the largest of them would be that of class 0.
        """
        return self.logits(probe, samples).argmax(axis=1) == self.labels.numpy()[samples]

    def _check_outputs(self, values: np.ndarray) -> np.ndarray:
        if np.isnan(values).any():  # the loss is checked before each step, so nothing else notices a last step that was too large
            raise AuditError(
                f"The outputs of a trained network became nan at learning rate {self.recipe.learning_rate:g}; "
                "train again with a lower learning rate."
            )
        return values
