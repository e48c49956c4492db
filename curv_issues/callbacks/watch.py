"""Watch: follow the samples of any training loop, and make an audit's result of it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from curv_issues.auditing.assembly import make_result
from curv_issues.auditing.images import draw_images
from curv_issues.auditing.isolation import with_isolation
from curv_issues.auditing.label_noise import with_label_noise
from curv_issues.callbacks.batches import Logits, read_batch, scoring_batches
from curv_issues.callbacks.checks import EpochChecks
from curv_issues.callbacks.joining import join
from curv_issues.callbacks.pending import PendingSteps
from curv_issues.callbacks.ranks import gather, gather_object, num_ranks
from curv_issues.callbacks.score_names import SCORED, choose_scores
from curv_issues.callbacks.seen_classes import SeenClasses
from curv_issues.callbacks.tally import Tally, combine, describe
from curv_issues.counting import counted
from curv_issues.curvature import CurvatureForm, rademacher_directions
from curv_issues.data.base import LabeledData, check_auditable
from curv_issues.errors import UsageError
from curv_issues.options import DuplicateOptions, FindingOptions
from curv_issues.results.result import AuditResult
from curv_issues.trackers import SCORES
from curv_issues.trackers.base import Need, Quantity
from curv_issues.trackers.class_history import ClassHistory, fits
from curv_issues.trackers.gaps import fill_gaps
from curv_issues.trackers.quantities import QUANTITIES
from curv_issues.trackers.reference_margin import RandomMargin, null_distribution
from curv_issues.trackers.scores import make_quantities, score_from_history
from curv_issues.training.record import TrainingRecord
from curv_issues.training.scoring import score_batches

_ENDLESS = 2**31 - 1  # the number of epochs is not known beforehand


class Watch:
    """Follows the samples of a training that happens anyway.

    Call `observe` in every step and `end_epoch` after every epoch. `score` is optional. `result` may be called at any time after
    the first epoch, and again later.

    A Watch keeps 16 bytes per sample and epoch in main memory, and 2 bytes per sample, epoch and class. If the latter would exceed
    1 GB, they are forgotten, and no `p_wrong` is estimated.

    Each sample should be observed once per epoch. If it is observed again, its last observation of the epoch counts. In an epoch in
    which it is not observed, its values of the epoch before count (in the first epochs, its first values). A warning and a note in
    the result report how many samples or observations are concerned. Samples that are never observed are left out of the result.

    Attributes:
        num_samples: n.
        num_classes: k.
        epoch: number of finished epochs.
    """

    def __init__(self, num_samples: int, num_classes: int) -> None:
        """Start to watch.

        Args:
            num_samples: number of samples n of the whole dataset, on all ranks.
            num_classes: number of classes k, at least 2.

        Raises:
            UsageError: a number is not an integer, or is too small.
        """
        for name, number, least in (("num_samples", num_samples, 1), ("num_classes", num_classes, 2)):
            if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < least:
                raise UsageError(f"{name} must be an integer >= {least}, got {number!r}.")
        self.num_samples, self.num_classes, self.epoch = int(num_samples), int(num_classes), 0
        followed: list[type[Quantity]] = [*(cls for cls in QUANTITIES.values() if cls.needs is Need.TRAINING), RandomMargin]
        self._trained: dict[str, Quantity] = {cls.name: cls(self.num_samples, _ENDLESS) for cls in followed}
        self._trained[ClassHistory.name] = ClassHistory(self.num_samples, _ENDLESS, self.num_classes)
        self._drop_large_history()
        self._scored: dict[str, Quantity] = {}
        self._classes = SeenClasses(self.num_samples)
        self._pending = PendingSteps()
        self._checks = EpochChecks(self.num_samples, self.num_classes)
        self._largest_batch = 0  # of the epoch in progress
        self._tallies: list[Tally] = []  # of all ranks
        self._own_tallies: list[Tally] = []  # of this rank, of epochs that were not gathered
        self._ranks = 1
        self._merged: set[tuple[str, int]] = set()  # (quantity, epoch)

    def observe(self, index: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Record one training step. Nothing is computed or waited for in most steps; values are checked by `end_epoch`.

        Args:
            index: (b,) integers, positions of the samples in the dataset; see `with_index`.
            logits: (b, k), floating point, on any device; bfloat16 and half from autocast are converted to float32.
            labels: (b,) integers in [0, k), the given class of each sample, also if the loss uses mixed or smoothed labels.

        Raises:
            UsageError: a shape or type is wrong.
        """
        index, logits, labels = (torch.as_tensor(values).detach() for values in (index, logits, labels))
        self._check_shapes(index, logits, labels)
        if len(index):
            self._pending.add(index, logits, labels)
            self._largest_batch = max(self._largest_batch, len(index))
        if self._pending.is_full:
            self._evaluate()

    def end_epoch(self) -> None:
        """Finish an epoch: check what was observed and move it to main memory.

        In a distributed training, call `gather` afterwards.

        Raises:
            UsageError: nothing was observed, an index or a label is out of range, or a sample has another label than before.
        """
        self._evaluate()
        finite, not_finite = self._checks.close(self.epoch)
        for quantity in self._trained.values():
            quantity.end_epoch()
        self._ranks = num_ranks()
        padding = self._ranks * self._largest_batch if self._ranks > 1 else 0
        self._largest_batch = 0
        self.epoch += 1
        self._drop_large_history()
        if self._ranks == 1:
            self._add_tallies([Tally(finite, self._num_measured(self.epoch - 1), not_finite, padding)])
        else:
            self._own_tallies.append(Tally(finite, 0, not_finite, padding))

    def score(
        self,
        model: nn.Module,
        batches: Iterable[Any],
        *,
        scores: Sequence[str] | None = None,
        device: torch.device | str | None = None,
        num_matvecs: int = 1,
        step: float = 1e-2,
        form: CurvatureForm = "squared",
        seed: int = 0,
    ) -> None:
        """Measure the scores that want a pass of their own, with the weights after the finished epoch.

        The model is set to evaluation mode and restored afterwards. In a distributed training, each rank scores its own samples;
        call `gather` afterwards. Run it within `torch.autocast` to compute in another type than that of the weights.

        Args:
            model: the network; its outputs are logits (b, k), or have them as `.logits`.
            batches: a loader over `with_index(dataset)` without random augmentation: (inputs, labels, index), or mappings with
                `labels` and `index`, whose other entries the model takes as keyword arguments.
            scores: names of scores (those that the same numbers give are added); None: all scores of a scoring pass that `audit`
                measures by default; without those that need input gradients if the inputs have none, such as token ids.
            device: device of the inputs; None: that of the model.
            num_matvecs: directions for curvature.
            step: finite-difference step h of curvature, in units of the inputs.
            form: see `input_loss_curvature`.
            seed: seed of the directions.

        Raises:
            UsageError: no epoch is finished, a batch or a score cannot be used, or labels differ from those observed.
        """
        if self.epoch == 0 or self._is_open:
            raise UsageError("score measures the weights after an epoch; call end_epoch() before it.")
        network = model.module if isinstance(model, DistributedDataParallel) else model
        if device is None:
            device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
        loaded = (read_batch(batch) for batch in batches)
        first = next(loaded, None)
        if first is None:
            raise UsageError("The loader has no batches to score; expected a loader of (inputs, labels, index).")
        is_float = not isinstance(first.inputs, Mapping) and torch.as_tensor(first.inputs).is_floating_point()
        quantities = self._quantities_of(choose_scores(scores, with_gradients=is_float))
        shape = tuple(first.inputs.shape[1:]) if is_float else (1,)
        # the directions of an audit with this seed
        generator = torch.Generator().manual_seed(seed * 100_003 + self.epoch)
        score_batches(
            Logits(network, self.num_classes, keyword=first.keyword),
            scoring_batches(itertools.chain([first], loaded), self._classes.labels.cpu(), self.num_classes, torch.device(device)),
            quantities,
            epoch=self.epoch - 1,
            directions=rademacher_directions(num_matvecs, shape, generator=generator).to(device),
            step=step,
            form=form,
        )

    def gather(self) -> None:
        """Merge what the ranks of a distributed training have observed; afterwards, each rank has everything.

        Call it on all ranks, after `end_epoch` and `score`, preferably after every epoch. Without torch.distributed, it does
        nothing. Samples that the sampler repeats to give all ranks equally many are not reported; the lowest rank's value counts.

        Raises:
            UsageError: the ranks have finished different epochs, or observed different labels of a sample.
        """
        if num_ranks() == 1:
            return
        quantities = {**self._trained, **self._scored}
        done = {name: [epoch for epoch in quantity.measured if epoch < self.epoch] for name, quantity in quantities.items()}
        own = (self.num_samples, self.num_classes, done)
        if any(other != own for other in gather_object(own)):
            raise UsageError("The ranks have finished different epochs; call end_epoch(), score() and gather() on all ranks.")
        for name, quantity in quantities.items():
            self._merge(quantity, [epoch for epoch in done[name] if (name, epoch) not in self._merged])
            self._merged.update((name, epoch) for epoch in done[name])
        state = self._classes.state_dict()
        ranks = zip(*(gather(values) for values in state.values()), strict=True)
        differ = self._classes.merge([dict(zip(state, values, strict=True)) for values in ranks])
        if differ:
            raise UsageError(f"{counted(differ, 'sample')} had different labels on different ranks; pass the given labels.")
        first = len(self._tallies)
        by_epoch = zip(*gather_object(self._own_tallies), strict=True)
        self._own_tallies = []
        self._add_tallies([combine(tallies, self._num_measured(first + position)) for position, tallies in enumerate(by_epoch)])

    def result(
        self,
        data: LabeledData | Sequence[Any] | np.ndarray,
        *,
        class_names: Sequence[str] | None = None,
        score: str = "default",
        cut_off: str | float = "auto",
        precision: float | None = None,
    ) -> AuditResult:
        """Return the result of an audit, with the scores of the finished epochs.

        It has no probabilities or embeddings (None), and duplicates are not searched for: see `find_duplicates`.

        Args:
            data: the dataset that is trained on, in its order: LabeledData (from `load_data`, `from_arrays` or `from_features`), or
                n labels, integers in [0, k) or strings. With LabeledData of images, there is a contact sheet.
            class_names: names of classes 0, 1, ... of plain labels; None: their numbers, or the strings.
            score: "default" or the name of a measured score to rank by.
            cut_off: "auto", a minimum suspicion, or a fraction such as "5%".
            precision: flag as many samples as are expected to be wrong to this fraction, instead of `cut_off`.

        Returns:
            The result; samples that were never observed are left out.

        Raises:
            UsageError: no epoch is finished, `gather` was not called, an option is wrong, or the data are not those observed.
            DatasetError: the labels cannot be used, or only one class was observed.
        """
        if self.epoch == 0:
            raise UsageError("No epoch is finished; call observe(...) in every step and end_epoch() after every epoch.")
        if self._ranks > 1 and ("margin", self.epoch - 1) not in self._merged:
            raise UsageError("Each rank has observed its own samples; call gather() on all ranks before result().")
        finding = FindingOptions(score=score, cut_off=cut_off, precision=precision)
        histories = {name: self._history(quantity) for name, quantity in self._trained.items() if name != ClassHistory.name}
        is_seen = ~np.isnan(histories["margin"]).all(axis=1)
        seen = np.flatnonzero(is_seen)
        labels = self._classes.labels.cpu().numpy()
        joined = join(data, np.where(is_seen, labels, -1), self.num_classes, class_names=class_names)
        check_auditable(joined)
        scores = {name: values[seen] for name, values in self._scores(histories).items()}
        filled = {name: fill_gaps(histories[name][seen]) for name in ("margin", RandomMargin.name)}
        trajectories = {**self._trained, **self._scored}
        record = TrainingRecord(
            scores=scores,
            score_metadata={name: SCORES[name].metadata() for name in scores},
            trajectories={q.trajectory: self._history(q)[seen] for q in trajectories.values() if q.trajectory},
            suggested=self._classes.rivals()[seen],
            reference_margin=null_distribution(filled["margin"], filled[RandomMargin.name]),
            epochs_done=self.epoch,
            complete=True,
            device=str(self._classes.labels.device),
            class_history=self._class_history(seen),
        )
        record = with_isolation(with_label_noise(record, joined.labels), joined)
        result = make_result(joined, record, None, finding, DuplicateOptions(duplicates=False))
        notes = [*result.summary["notes"], *self._notes(len(seen))]
        drawn = draw_images(joined, result)
        images = {} if drawn is None else drawn._asdict()
        return result.with_extras(**images, notes=notes, seconds={})

    def state_dict(self) -> dict[str, Any]:
        """Return the state as numbers, lists and tensors, which `torch.load(weights_only=True)` can read.

        Also within an epoch; a training that resumes there observes the rest of the epoch only.
        """
        self._evaluate()
        return {
            "num_samples": self.num_samples,
            "num_classes": self.num_classes,
            "epoch": self.epoch,
            "quantities": {
                name: {key: torch.from_numpy(array) for key, array in quantity.state_dict().items()}
                for name, quantity in {**self._trained, **self._scored}.items()
            },
            "classes": self._classes.state_dict(),
            "tallies": [astuple(tally) for tally in self._tallies],
            "own_tallies": [astuple(tally) for tally in self._own_tallies],
            "checks": self._checks.state_dict(),
            "largest_batch": self._largest_batch,
            "ranks": self._ranks,
            "merged": sorted(self._merged),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load the state of a Watch of the same dataset.

        Raises:
            UsageError: the number of samples or classes differs.
        """
        for name in ("num_samples", "num_classes"):
            if state[name] != getattr(self, name):
                raise UsageError(f"The state is of a Watch with {name}={state[name]}, but this one has {getattr(self, name)}.")
        self._pending, self._scored = PendingSteps(), {}
        self._quantities_of([name for name in SCORED if SCORES[name].quantity in state["quantities"]])
        if ClassHistory.name not in state["quantities"]:
            self._trained.pop(ClassHistory.name, None)
        for name, quantity in {**self._trained, **self._scored}.items():
            quantity.load_state_dict({key: values.numpy() for key, values in state["quantities"][name].items()})
        self._classes.load_state_dict(state["classes"])
        self.epoch = state["epoch"]
        self._tallies, self._own_tallies = ([Tally(*counts) for counts in state[name]] for name in ("tallies", "own_tallies"))
        self._checks.load_state_dict(state["checks"])
        self._largest_batch, self._ranks = state["largest_batch"], state["ranks"]
        self._merged = {(name, epoch) for name, epoch in state["merged"]}

    @property
    def _is_open(self) -> bool:
        """Return whether something was observed since the last finished epoch."""
        return self._largest_batch > 0

    def _check_shapes(self, index: Tensor, logits: Tensor, labels: Tensor) -> None:
        shapes = tuple(index.shape), tuple(logits.shape), tuple(labels.shape)
        b = len(logits) if logits.ndim else 0
        if shapes == ((b,), (b, self.num_classes), (b,)) and logits.is_floating_point() and _is_whole(index) and _is_whole(labels):
            return
        types = ", ".join(str(values.dtype).removeprefix("torch.") for values in (index, logits, labels))
        raise UsageError(
            f"observe expects index (b,) of integers, logits (b, {self.num_classes}) of floats and labels (b,) of integers, "
            f"got shapes {', '.join(map(str, shapes))} of {types}; with mixed or smoothed labels, pass the given classes."
        )

    @torch.no_grad()
    def _evaluate(self) -> None:
        """Let the quantities observe the pending steps, on their device and without waiting for it."""
        if len(self._pending) == 0:
            return
        with torch.autocast(self._pending.device_type, enabled=False):
            batch, is_changed = self._checks.check(*self._pending.take())
            self._checks.count_changed(is_changed | self._classes.observe(self.epoch, batch.index, batch.logits, batch.labels))
            for quantity in self._trained.values():
                quantity.observe(self.epoch, batch)

    def _quantities_of(self, names: Sequence[str]) -> list[Quantity]:
        """Return the quantities of scores of a scoring pass, made on first use."""
        wanted = {SCORES[name].quantity for name in names}
        made = make_quantities(SCORED, self.num_samples, _ENDLESS)
        self._scored.update({name: quantity for name, quantity in made.items() if name in wanted - set(self._scored)})
        return [self._scored[name] for name in made if name in wanted]

    def _history(self, quantity: Quantity) -> np.ndarray:
        """Return a quantity in the finished epochs, float32 (n, epoch); NaN where not measured."""
        history = np.full((self.num_samples, self.epoch), np.nan, dtype=np.float32)
        for epoch in quantity.measured:
            if epoch < self.epoch:
                history[:, epoch] = quantity.of_epoch(epoch)
        return history

    def _class_history(self, seen: np.ndarray) -> np.ndarray | None:
        """Return the log-probabilities of the seen samples in the finished epochs, float16 (n, epoch, k); None if dropped."""
        quantity = self._trained.get(ClassHistory.name)
        if quantity is None:
            return None
        return fill_gaps(np.stack([quantity.of_epoch(epoch)[seen] for epoch in range(self.epoch)], axis=1))

    def _drop_large_history(self) -> None:
        """Forget the probabilities of all classes, for good, if another epoch would not fit."""
        if not fits(self.num_samples, self.epoch + 1, self.num_classes):
            self._trained.pop(ClassHistory.name, None)

    def _scores(self, histories: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the measured scores, float64 (n,), in the order of `SCORES`; `histories` are of the training pass."""
        found: dict[str, np.ndarray] = {}
        for name, info in SCORES.items():
            if info.quantity in self._trained:
                found[name] = score_from_history(name, fill_gaps(histories[info.quantity]))
                continue
            quantity = self._scored.get(info.quantity)
            if quantity is None or not quantity.measured:
                continue
            if info.epochs == "all" or quantity.measured[-1] == self.epoch - 1:  # "last" means after the last epoch
                found[name] = score_from_history(name, quantity.history)
        return found

    def _merge(self, quantity: Quantity, epochs: Sequence[int]) -> None:
        """Give a quantity what all ranks have measured in some epochs; of a sample on several ranks, the lowest rank's value."""
        if not epochs:
            return
        merged, other = quantity.emptied(), quantity.emptied()
        own = np.stack([quantity.of_epoch(epoch) for epoch in epochs])
        for history in gather(torch.from_numpy(own)):
            other.load_state_dict({"epochs": np.array(epochs), "history": np.moveaxis(history.numpy(), 0, 1)})
            merged.merge(other)
        merged.merge(quantity)
        quantity.load_state_dict(merged.state_dict())

    def _num_measured(self, epoch: int) -> int:
        return int(np.count_nonzero(~np.isnan(self._trained["margin"].of_epoch(epoch))))

    def _add_tallies(self, tallies: Sequence[Tally]) -> None:
        """Add the tallies of the latest epochs; warn of irregularities of a kind that did not occur before."""
        before = describe(self._tallies, self.num_samples)
        self._tallies.extend(tallies)
        if len(describe(self._tallies, self.num_samples)) > len(before):
            for sentence in describe(tallies, self.num_samples):
                warnings.warn(f"curv_issues.Watch, epoch {self.epoch}: {sentence}", stacklevel=3)

    def _notes(self, num_seen: int) -> list[str]:
        notes = describe(self._tallies, num_seen)
        if num_seen < self.num_samples:
            notes.append(f"{counted(self.num_samples - num_seen, 'sample was', 'samples were')} never observed and left out.")
        if self._is_open:
            notes.append("Observations after the last end_epoch() do not count.")
        return notes


def _is_whole(values: Tensor) -> bool:
    return not (values.is_floating_point() or values.is_complex() or values.dtype == torch.bool)
