"""Score every sample by a network that is trained already, without training it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from curv_issues.curvature import rademacher_directions
from curv_issues.data.base import LabeledData
from curv_issues.device import choose_device, compute_type
from curv_issues.errors import AuditError, UsageError
from curv_issues.inputs.features import FeatureInputs
from curv_issues.inputs.images import ImageInputs
from curv_issues.options import TrainingOptions
from curv_issues.progress import Progress, ProgressCallback
from curv_issues.stopping import StopFlag
from curv_issues.trackers import LABEL_NOISE_SCORES, SCORES
from curv_issues.trackers.base import Quantity, Tracker, check_trackers
from curv_issues.trackers.quantities import QUANTITIES
from curv_issues.trackers.scores import make_quantities, make_scores
from curv_issues.training.held_out import HeldOut, HeldOutSamples
from curv_issues.training.recipe import make_recipe
from curv_issues.training.run import GREATEST_HALF, ProbeRun, build_probe, check_probe, isolated_rng
from curv_issues.training.scoring import embed_mirrored, predict, scoring_pass

_OVER_EPOCHS = ("learning_time", "first_learned", "times_forgotten")  # reductions that one measurement cannot feed


def scores_without_training(names: Sequence[str]) -> tuple[str, ...]:
    """Return those of the scores that one scoring pass can measure."""
    return tuple(
        name
        for name in names
        if not QUANTITIES[SCORES[name].quantity].needs.in_training and SCORES[name].reduction not in _OVER_EPOCHS
    )


def check_score(options: TrainingOptions, score: str) -> None:
    """Raise UsageError if samples shall be ranked by a score that needs a training, but there is none."""
    found = scores_without_training(options.score_names)
    if options.epochs == 0 and score in {**SCORES, **LABEL_NOISE_SCORES} and score not in found:
        shown = ", ".join(found)
        raise UsageError(f"The score {score!r} needs a training, but with epochs=0 there is none; expected one of: {shown}.")


def score_trained(
    data: LabeledData,
    options: TrainingOptions,
    *,
    trackers: Sequence[type[Tracker]] = (),
    mirrored: bool = False,
    held_out: HeldOutSamples | None = None,
    progress: ProgressCallback | None = None,
    stop: StopFlag,
) -> ProbeRun | None:
    """Score every sample by the network of the options, which stays as it is.

    Args:
        data: n samples. Images are handed over in [0, 1], grey ones as RGB if the network needs it; features as they are.
        options: training options with `epochs` 0.
        trackers: user-supplied tracker classes of the scoring pass.
        mirrored: also compute embeddings of the mirror images.
        held_out: other samples that are also measured.
        progress: called after every batch.
        stop: set by Ctrl-C.

    Returns:
        A run of no epochs, without trajectories, reference margins and the scores of the training pass; None after Ctrl-C.

    Raises:
        UsageError: the device is not available, the network does not fit the data, or a tracker needs a training.
        AuditError: outputs of the network are NaN.
    """
    if data.choose_input(options.input) == "both":
        raise UsageError("With --epochs 0 (epochs=0), say which input the network takes: --input images or features (input).")
    for tracker in trackers:
        if getattr(getattr(tracker, "needs", None), "in_training", False):
            raise UsageError(f"The tracker {tracker.__name__} needs a training pass, but with epochs=0 there is none.")
    check_trackers(trackers)
    start = time.perf_counter()
    device, names = choose_device(options.device), scores_without_training(options.score_names)
    inputs, given = data.inputs(options.input, ranks=False), torch.from_numpy(data.labels)
    recipe = make_recipe(options, num_samples=len(data), shape=inputs.shape)
    quantities = make_quantities(names, len(data), 1)
    own = [tracker(len(data), 1) for tracker in trackers]
    active: list[Quantity] = [*quantities.values(), *own]
    directions = torch.Generator().manual_seed(options.seed * 100_003 + 1)
    beside = None if held_out is None else HeldOut(held_out, inputs, num_epochs=1)

    def report(done: int, total: int) -> None:
        if progress:
            progress(Progress("score", done, total))

    with isolated_rng(options.seed):
        spec = inputs.spec(data.num_classes)
        network = build_probe(options.probe, spec).to(device).to(memory_format=torch.channels_last)
        if isinstance(inputs, FeatureInputs):
            network = _Adapted(network, inputs.original)
        try:
            check_probe(network, spec, device, is_trained=True)
        except UsageError as error:
            if spec.shape[0] != 1 or len(spec.shape) != 3:
                raise
            network = _Adapted(network, lambda grey: grey.expand(-1, 3, -1, -1))
            try:
                check_probe(network, spec, device, is_trained=True)
            except UsageError:
                raise error from None

        def measure() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            score = functools.partial(
                scoring_pass,
                network,
                epoch=0,
                device=device,
                directions=rademacher_directions(recipe.num_matvecs, inputs.shape, generator=directions),
                step=recipe.step,
                form=recipe.form,
            )
            score(inputs, given, active, on_batch=report)
            if beside is not None:
                beside.score(score)
            return predict(network, inputs, given, device=device)

        found = stop.unless_stopped(measure)
        if found is None:
            return None
        pred_probs, embeddings, suggested = found
        if bad := int(np.isnan(pred_probs).any(axis=1).sum()):
            raise AuditError(f"The network returns NaN for {bad:,} of {len(data):,} samples; expected logits.")
        mirror_images = (
            stop.unless_stopped(lambda: embed_mirrored(network, inputs, device=device))
            if mirrored and isinstance(inputs, ImageInputs)
            else None
        )
    infos = {**{name: SCORES[name] for name in names}, **{tracker.name: tracker.info for tracker in own}}
    return ProbeRun(
        scores=make_scores(names, quantities, own),
        score_metadata={name: info.metadata() for name, info in infos.items()},
        trajectories={},
        pred_probs=pred_probs,
        on_features=isinstance(inputs, FeatureInputs),
        out_of_sample=False,
        suggested=suggested,
        reference_margin={},
        embeddings=np.clip(embeddings, -GREATEST_HALF, GREATEST_HALF),
        mirrored_embeddings=None if mirror_images is None else np.clip(mirror_images, -GREATEST_HALF, GREATEST_HALF),
        recipe=recipe,
        epochs_done=0,
        complete=True,
        interrupted=stop.is_set,
        membership=None if beside is None else beside.compare(quantities),
        device=str(device),
        compute_type=str(compute_type(device)).removeprefix("torch."),
        seconds={"score": time.perf_counter() - start},
    )


class _Adapted(nn.Module):
    """A network that gets its inputs from a function: features in their original units, or grey images as RGB.

    Gradients and curvature are those with respect to the inputs of the function, in the usual units.
    """

    def __init__(self, network: nn.Module, adapt: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network = network
        self._adapt = adapt
        if isinstance(head := getattr(network, "head", None), nn.Module):
            self.head = head

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits of the network."""
        return self.network(self._adapt(inputs))
