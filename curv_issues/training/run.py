"""Train a probe with scoring passes and return scores, trajectories, probabilities and embeddings."""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from curv_issues.backbones.fine_tuning import fine_tuned
from curv_issues.backbones.loading import load_backbone
from curv_issues.curvature import rademacher_directions
from curv_issues.data.base import LabeledData
from curv_issues.device import choose_device, compute_type, limit_threads_for_small_batches
from curv_issues.errors import UsageError, diverged
from curv_issues.inputs.base import Inputs, ProbeSpec
from curv_issues.inputs.features import FeatureInputs
from curv_issues.inputs.images import ImageInputs
from curv_issues.options import TrainingOptions
from curv_issues.plugins import load_attribute
from curv_issues.probes import PROBES, default_probe
from curv_issues.probes.base import find_head
from curv_issues.probes.own import check_probe_function, load_own_probe
from curv_issues.progress import Progress, ProgressCallback
from curv_issues.stopping import StopFlag, stop_flag
from curv_issues.trackers import CROSS_FIT_SCORES, SCORES
from curv_issues.trackers.base import Need, Quantity, Tracker, check_trackers
from curv_issues.trackers.class_history import ClassHistory, fits
from curv_issues.trackers.quantities import QUANTITIES
from curv_issues.trackers.reference_margin import ReferenceMargin
from curv_issues.trackers.scores import make_quantities, make_scores
from curv_issues.training.cross_fit import CrossFit, cross_fit, cross_fit_of
from curv_issues.training.held_out import HeldOut, HeldOutSamples
from curv_issues.training.leave_one_out import leave_one_out
from curv_issues.training.loop import train_probe
from curv_issues.training.private import made_private, plan_privacy, private_spec
from curv_issues.training.recipe import Recipe, make_recipe
from curv_issues.training.record import TrainingRecord
from curv_issues.training.scoring import capturing, embed_mirrored, evaluating, predict, scoring_pass
from curv_issues.training.state import TrainingState

GREATEST_HALF = 65504.0  # largest float16


@dataclass(eq=False, kw_only=True)
class ProbeRun(TrainingRecord):
    """The results of a run on n samples; see `TrainingRecord`, of which everything is measured.

    Attributes:
        mirrored_embeddings: float16 (n, d), of the mirror images; None if not requested, or after Ctrl-C.
        interrupted: True if Ctrl-C was pressed, even if the ranking was already complete.
        seconds: seconds by stage, "train", "score" and "cross_fit".
        membership: how training samples differ from held-out ones, see `HeldOut.compare`; None without held-out samples.
    """

    pred_probs: np.ndarray
    embeddings: np.ndarray
    recipe: Recipe
    compute_type: str
    mirrored_embeddings: np.ndarray | None
    interrupted: bool
    seconds: dict[str, float] = field(default_factory=dict)
    membership: dict[str, Any] | None = None


def run_probe(
    data: LabeledData,
    options: TrainingOptions,
    *,
    training_labels: np.ndarray | None = None,
    trackers: Sequence[type[Tracker]] = (),
    mirrored: bool = False,
    held_out: HeldOutSamples | None = None,
    progress: ProgressCallback | None = None,
    stop: StopFlag | None = None,
) -> ProbeRun | None:
    """Train a probe and score every sample during and after training.

    Args:
        data: n samples.
        options: training options.
        training_labels: int64 (n,), the labels to train on; default: the given ones. All quantities and suggestions refer to
            the given labels.
        trackers: user-supplied tracker classes.
        mirrored: also compute embeddings of the mirror images, in one more forward pass.
        held_out: samples that are also measured, without training on them.
        progress: called after every step.
        stop: set by Ctrl-C; default: a flag of this run.

    Returns:
        The run; after Ctrl-C the results of the finished epochs (`complete` is False), or None if no epoch was finished.

    Raises:
        UsageError: the device is not available, or the probe does not fit the data.
        AuditError: the loss, or the outputs of the trained probe, became NaN.
    """
    if stop is None:
        with stop_flag() as stop:
            return run_probe(
                data,
                options,
                training_labels=training_labels,
                trackers=trackers,
                mirrored=mirrored,
                held_out=held_out,
                progress=progress,
                stop=stop,
            )
    if options.epochs == 0:
        raise UsageError("With --epochs 0 (epochs=0), a trained network is scored by an audit; here, expected at least one epoch.")
    device = choose_device(options.device)
    inputs, given = data.inputs(options.input, ranks=options.private is None), torch.from_numpy(data.labels)
    recipe = make_recipe(options, num_samples=len(data), shape=inputs.shape)
    published = [quantity.trajectory for quantity in QUANTITIES.values() if quantity.trajectory]
    check_trackers(trackers, trajectories=published)
    quantities = make_quantities(options.score_names, len(data), recipe.epochs)
    own = [tracker(len(data), recipe.epochs) for tracker in trackers]
    reference = ReferenceMargin(len(data), recipe.epochs)
    size = len(data), recipe.epochs, data.num_classes
    class_history = ClassHistory(*size) if fits(*size) else None
    active: list[Quantity] = [*quantities.values(), *own, reference, *([class_history] if class_history else [])]

    labels = given if training_labels is None else torch.from_numpy(training_labels)
    clock = _Clock()
    reporter = _ProgressReporter(progress, len(data), recipe)
    epochs_done = 0
    beside = None if held_out is None else HeldOut(held_out, inputs, num_epochs=recipe.epochs)

    def score_epoch(epoch: int) -> None:
        nonlocal epochs_done
        with clock.stage("score"):
            if epoch in recipe.curvature_epochs:
                # one generator per epoch, so that the choice of scored epochs changes neither directions nor training
                seeded = torch.Generator().manual_seed(options.seed * 100_003 + epoch + 1)
                directions = rademacher_directions(recipe.num_matvecs, inputs.shape, generator=seeded)
                measure = functools.partial(
                    scoring_pass,
                    probe,
                    epoch=epoch,
                    device=device,
                    directions=directions,
                    step=recipe.step,
                    form=recipe.form,
                )
                measure(inputs, given, active, on_batch=reporter.scoring)
                if beside is not None:
                    beside.score(measure)
        epochs_done = epoch + 1

    threads = limit_threads_for_small_batches(recipe.batch_size, inputs.shape)
    with threads, isolated_rng(options.seed):
        spec = inputs.spec(data.num_classes)
        probe = make_probe(options, spec).to(device).to(memory_format=torch.channels_last)
        check_probe(probe, spec, device)
        state = TrainingState(probe, recipe, seed=options.seed, quantities=active)
        with clock.stage("train"):
            stop.unless_stopped(
                lambda: train_probe(
                    state,
                    inputs,
                    labels,
                    device=device,
                    given=given,
                    on_step=reporter.training,
                    on_epoch=score_epoch,
                )
            )
        complete = epochs_done == recipe.epochs
        if epochs_done == 0:
            return None
        clock.seconds["train"] -= clock.seconds.get("score", 0.0)
        with clock.stage("score"):
            if not complete:
                for quantity in active:
                    quantity.keep_epochs(epochs_done)
                _evaluate_now(probe, active, inputs, given, epoch=epochs_done - 1, device=device)
            pred_probs, embeddings, suggested = predict(probe, inputs, given, device=device)
            _check_outputs(pred_probs, embeddings, learning_rate=recipe.learning_rate)
            mirror_images = (
                stop.unless_stopped(lambda: embed_mirrored(probe, inputs, device=device))
                if mirrored and isinstance(inputs, ImageInputs)
                else None
            )
            if mirror_images is not None:
                _check_outputs(mirror_images, learning_rate=recipe.learning_rate)
        crossed: CrossFit | None = None
        linear: np.ndarray | None = None
        if data.pred_probs is not None:
            crossed = cross_fit_of(data.pred_probs, data.labels)
        elif data.features is not None and data.choose_input(options.input) != "images" and complete:
            features, heads_recipe = inputs, recipe
            if not isinstance(features, FeatureInputs):
                features = FeatureInputs(data.features, ranks=options.private is None)
                heads_recipe = make_recipe(replace(options, fine_tune=False), num_samples=len(data), shape=features.shape)
            with clock.stage("cross_fit"):
                crossed = stop.unless_stopped(
                    lambda: cross_fit(
                        features,
                        labels,
                        num_classes=data.num_classes,
                        recipe=heads_recipe,
                        seed=options.seed,
                        device=device,
                        given=given,
                        on_step=reporter.cross_fitting,
                    )
                )
                linear = stop.unless_stopped(lambda: leave_one_out(features, labels, num_classes=data.num_classes, device=device))

    privacy, weights = None, None
    if recipe.private is not None:
        privacy = plan_privacy(recipe.private, len(data), recipe.batch_size, recipe.epochs).describe(inputs.shape)
        weights = {name: value.cpu().numpy().copy() for name, value in probe.state_dict().items()}
    infos = {
        **{name: SCORES[name] for name in options.score_names},
        **{tracker.name: tracker.info for tracker in own},
        **({name: CROSS_FIT_SCORES[name] for name in crossed.scores} if crossed else {}),
    }
    return ProbeRun(
        scores={**make_scores(options.score_names, quantities, own), **(crossed.scores if crossed else {})},
        score_metadata={name: info.metadata() for name, info in infos.items()},
        trajectories={q.trajectory: q.by_epoch(q.num_epochs) for q in [*quantities.values(), *own] if q.trajectory},
        pred_probs=crossed.pred_probs if crossed else pred_probs,
        class_history=class_history.history if class_history else None,
        leave_one_out=linear,
        on_features=isinstance(inputs, FeatureInputs),
        out_of_sample=crossed is not None,
        suggested=crossed.suggested if crossed else suggested,
        reference_margin=reference.null_distribution(),
        embeddings=np.clip(embeddings, -GREATEST_HALF, GREATEST_HALF),
        mirrored_embeddings=None if mirror_images is None else np.clip(mirror_images, -GREATEST_HALF, GREATEST_HALF),
        recipe=recipe,
        epochs_done=epochs_done,
        complete=complete,
        interrupted=stop.is_set,
        membership=None if beside is None else beside.compare(quantities),
        privacy=privacy,
        weights=weights,
        device=str(device),
        compute_type=str(compute_type(device)).removeprefix("torch."),
        seconds=clock.seconds,
    )


def make_probe(options: TrainingOptions, spec: ProbeSpec) -> nn.Module:
    """Return the probe of the options, or the backbone with a new head; see `build_probe`."""
    if options.private is not None:
        return made_private(build_probe(options.probe, private_spec(spec)))
    chosen = fine_tuned(load_backbone(options.backbone), resolution=options.resolution) if options.fine_tune else options.probe
    return build_probe(chosen, spec)


def build_probe(probe: object, spec: ProbeSpec) -> nn.Module:
    """Return the network that an option names, makes or is; its outputs are logits, also if it returns an object with `.logits`.

    A user-supplied module is copied. Weights that are frozen in it stay frozen.

    Raises:
        UsageError: it is not a network or a function from `ProbeSpec` to one.
    """
    if isinstance(probe, str):
        name = default_probe(spec.shape) if probe == "auto" else probe
        probe = load_own_probe(name) if ":" in name else load_attribute(PROBES[name])(spec)
    if isinstance(probe, nn.Module):
        made: object = copy.deepcopy(probe)
    elif isinstance(probe, type) and issubclass(probe, nn.Module):
        name = probe.__name__
        raise UsageError(f"The probe is the class {name}; pass an instance, {name}(...), or a function of ProbeSpec.")
    else:
        check_probe_function(probe)
        made = probe(spec)  # type: ignore[operator]
    if not isinstance(made, nn.Module):
        raise UsageError(f"The probe function must return an nn.Module, got {type(made).__name__}.")
    made.register_forward_hook(_unwrap_logits)
    return made


def _unwrap_logits(_module: nn.Module, _inputs: object, output: object) -> torch.Tensor | None:
    """Return the logits of a model output, as the libraries transformers and torchvision (GoogLeNet) have it; None: keep it."""
    logits = getattr(output, "logits", None)
    return logits if isinstance(logits, torch.Tensor) else None


def check_probe(probe: nn.Module, spec: ProbeSpec, device: torch.device, *, is_trained: bool = False) -> None:
    """Raise UsageError unless the network returns one logit per class, has a layer for embeddings, and can be trained.

    With `is_trained`, it need not be trainable.
    """
    wanted, what = (2, spec.num_classes), "images" if len(spec.shape) == 3 else "features"
    if not is_trained and not any(weight.requires_grad for weight in probe.parameters()):
        raise UsageError("The probe has no trainable weights; expected at least one with requires_grad.")
    head = find_head(probe)
    with evaluating(probe), torch.no_grad(), capturing(head) as seen:
        try:
            logits = probe(torch.zeros(2, *spec.shape, device=device))
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError(f"The probe cannot read {what} of shape {spec.shape}: {reason}") from error
    if not isinstance(logits, torch.Tensor) or tuple(logits.shape) != wanted:
        got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise UsageError(f"The probe must return logits of shape {wanted} for two {what}, got {got}.")
    if len(seen) != 1 or len(seen[0]) != 2:
        raise UsageError(
            f"The probe's head ({type(head).__name__}), whose inputs are the embeddings, must be called once per batch, "
            f"with one row per input; name its last layer `head`."
        )


def _check_outputs(*outputs: np.ndarray, learning_rate: float) -> None:
    """Raise AuditError if outputs are NaN, as after a diverging last step, which no later loss reveals."""
    if any(np.isnan(values).any() for values in outputs):
        raise diverged("The outputs of the trained probe became nan", learning_rate)


def _evaluate_now(
    probe: nn.Module,
    quantities: Sequence[Quantity],
    inputs: Inputs,
    given: torch.Tensor,
    *,
    epoch: int,
    device: torch.device,
) -> None:
    """Evaluate un-augmented images for quantities without a measurement of the last epoch, after an interruption."""
    missing = [quantity for quantity in quantities if quantity.needs is Need.EVALUATION and epoch not in quantity.measured]
    scoring_pass(probe, inputs, given, missing, epoch=epoch, device=device, directions=torch.empty(0), step=1.0, form="squared")


@contextmanager
def isolated_rng(seed: int) -> Iterator[None]:
    """Seed torch's global generator, which initial weights and dropout use, inside the context; restore its state afterwards."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for index in devices:
            torch.cuda.default_generators[index].manual_seed(seed)
        yield


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


class _ProgressReporter:
    """Convert the callbacks of training and scoring to `Progress` events."""

    def __init__(self, progress: ProgressCallback | None, num_samples: int, recipe: Recipe) -> None:
        self.progress, self.num_samples, self.recipe = progress, num_samples, recipe
        self.passes_scored = 0

    def training(self, epoch: int, done: int, total: int, loss: float) -> None:
        if self.progress:
            epochs = self.recipe.epochs
            self.progress(Progress("train", epoch * total + done, epochs * total, epoch + 1, epochs, loss))

    def cross_fitting(self, done: int, total: int) -> None:
        if self.progress:
            self.progress(Progress("cross_fit", done, total))

    def scoring(self, done: int, total: int) -> None:
        if self.progress:
            passes = len(self.recipe.curvature_epochs)
            self.progress(Progress("score", self.passes_scored * total + done, passes * total))
        if done == total:
            self.passes_scored += 1
