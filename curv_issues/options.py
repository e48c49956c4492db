"""Options of an audit, frozen and validated on construction, with all defaults; `recipe` fills in those that depend on the data."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

from curv_issues.backbones import BACKBONES, check_backbone
from curv_issues.errors import UsageError
from curv_issues.option import Options, option
from curv_issues.option_checks import Boolean, Choice, Number, Whole
from curv_issues.plugins import look_up
from curv_issues.probes import PROBES
from curv_issues.probes.own import check_probe_function, load_own_probe
from curv_issues.trackers import ALL_SCORES, SCORES, canonical_score

MOST_EPOCHS = 10_000


@dataclass(frozen=True)
class PresetEffort:
    """How much work a preset does.

    Attributes:
        epochs_factor: multiplies the recipe's number of epochs.
        curvature_epochs: number of epochs after which curvature is measured.
        num_matvecs: directions per measurement.
    """

    epochs_factor: float
    curvature_epochs: int
    num_matvecs: int


PRESETS: dict[str, PresetEffort] = {
    "quick": PresetEffort(epochs_factor=0.5, curvature_epochs=1, num_matvecs=1),
    "standard": PresetEffort(epochs_factor=1.0, curvature_epochs=2, num_matvecs=1),
    "thorough": PresetEffort(epochs_factor=2.0, curvature_epochs=4, num_matvecs=4),
}


def _probe(name: str, value: Any) -> Any:
    """Return the value if it is a name, a network or a function that makes one."""
    if isinstance(value, str) and ":" not in value:
        look_up({"auto": "", **PROBES}, value, name)
        return value
    probe = load_own_probe(value) if isinstance(value, str) else value
    if not callable(probe):
        raise UsageError(f"{name} must be a name, an nn.Module or a function that returns one, got {probe!r}.")
    check_probe_function(probe)
    return value


def _device(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a string such as 'auto', 'cpu' or 'cuda:0', got {value!r}.")
    return value


def _on_demand(name: str, value: Any) -> tuple[str, ...]:
    """Return the requested scores that are not measured by default, in the order of `SCORES`."""
    names = tuple(SCORES) if value == "all" else value
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(entry, str) for entry in names):
        raise UsageError(f"{name} must be 'all' or a list of score names, got {value!r}.")
    names = [canonical_score(entry) for entry in names]
    for entry in names:
        look_up(SCORES, entry, "score")
    return tuple(entry for entry, info in SCORES.items() if info.on_demand and entry in names)


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Options):
    """All options that affect the training run, and so the scores. None: set by the data or the preset.

    Raises:
        UsageError: an option has a wrong type or value; the message names it.
    """

    seed: int = option(0, "Seed of sampling and training.", check=Whole(0, 2**32 - 1, optional=False))
    device: str = option("auto", "Device to compute on: auto, cpu, cuda, mps, ...", check=_device)
    preset: str = option("standard", f"Effort: {', '.join(PRESETS)}.", check=Choice(PRESETS))
    probe: Any = option(
        "auto",
        f"Probe network: auto (convnet for images, mlp for features), {', '.join(PROBES)}, or your own as module:function, called "
        "with a ProbeSpec.",
        check=_probe,
        python_help="Also an nn.Module (copied, never modified) or a function from ProbeSpec to a module.",
        kind=str,
    )
    backbone: Any = option(
        None,
        "Pretrained network whose features of the images the probe is trained on, as KIND:NAME: "
        f"{', '.join(f'{kind}:...' for kind in BACKBONES)}. Default: none.",
        check=check_backbone,
        python_help="Also a `Backbone`, or a callable from images (b, 3, r, r) to features (b, d).",
        kind=str | None,
        metavar="KIND:NAME",
    )
    input: Literal["auto", "images", "features", "both"] = option(
        "auto",
        "With a backbone or features beside images: train on images, features (faster), or both (the probe on images, the "
        "cross-fitted networks on features). Default: both.",
        check=Choice(dict.fromkeys(("auto", "images", "features", "both"))),
        kind=str,
    )
    fine_tune: bool = option(
        False,
        "Train the backbone itself, with a new head, on images at its resolution (or --resolution), instead of a probe on its "
        "features. Takes minutes per 1,000 images on a CPU.",
        check=Boolean(),
        flags=("--fine-tune",),
    )
    private: float | None = option(
        None,
        "Train the probe with differential privacy (DP-SGD), spending at most this epsilon, such as 8. Its weights are then "
        "private; scores and findings are not. Needs the extra privacy.",
        check=Number(positive=True, optional=True),
        metavar="EPSILON",
    )
    epochs: int | None = option(
        None,
        "Passes over the data; 0: score a trained network of your own (--probe) without training. Default: from the dataset size.",
        check=Whole(0, MOST_EPOCHS),
    )
    batch_size: int | None = option(None, "Samples per step. Default: from the dataset size.", check=Whole(2, 1_000_000))
    learning_rate: float | None = option(
        None, "Peak learning rate. Default: from the batch size.", check=Number(optional=True, positive=True)
    )
    weight_decay: float | None = option(
        None, "Weight decay. Default: 0.0005 for images; from the number of features and samples.", check=Number(optional=True)
    )
    flip: bool | None = option(
        None,
        "Mirror images at random in training. Default: colour images only.",
        check=Boolean(none="from the data"),
        flags=("--flip/--no-flip",),
    )
    shift: int | None = option(
        None, "Largest random shift in training, in pixels. Default: a sixteenth of the resolution.", check=Whole(0, 512)
    )
    resolution: int | None = option(
        None, "Side of the probe's input in pixels. Default: 32 for thumbnails, else 48.", check=Whole(8, 512)
    )
    curvature_epochs: int | None = option(
        None,
        "Number of evenly spread epochs after which curvature is measured. Default: from the preset; in bench, all epochs.",
        check=Whole(1, MOST_EPOCHS),
    )
    num_matvecs: int | None = option(
        None, "Random directions per measurement of curvature. Default: from the preset.", check=Whole(1, 1_000)
    )
    step: float = option(
        1e-2,
        "Finite-difference step of curvature, for pixels from 0 to 1.",
        check=Number(positive=True),
        python_help="> 0; below 0.01 scoring runs in float32.",
    )
    form: Literal["squared", "norm"] = option(
        "squared",
        "Form of curvature: squared (as published) or norm (as in the authors' code).",
        check=Choice(dict.fromkeys(("squared", "norm"))),
        kind=str,
    )
    measure: str | Sequence[str] = option(
        (),
        "Also measure this score, which makes the run longer (see curv-issues scores), or all.",
        check=_on_demand,
        python_help="One or several names, or 'all'.",
        kind=list[str] | None,
        metavar="SCORE",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fine_tune:
            self._check_fine_tuning()
        if self.private is not None and (self.fine_tune or self.epochs == 0):
            other = "--fine-tune (fine_tune)" if self.fine_tune else "--epochs 0 (epochs=0)"
            raise UsageError(f"--private (private) trains a probe of its own; leave {other} out.")
        if self.private is not None and find_spec("opacus") is None:
            raise UsageError("--private (private) needs the package opacus; pip install 'curv-issues[privacy]'.")
        if self.epochs == 0 and isinstance(self.probe, str) and ":" not in self.probe:
            raise UsageError(
                f"With --epochs 0 (epochs=0), a trained network is scored, but the probe is {self.probe!r}; pass your own network "
                "(--probe module:function, probe=...), or train it for at least one epoch."
            )

    def _check_fine_tuning(self) -> None:
        if self.backbone is None:
            raise UsageError("--fine-tune (fine_tune=True) trains a backbone; add --backbone (backbone).")
        if self.probe != "auto":
            raise UsageError("With --fine-tune (fine_tune=True), the backbone is the probe; leave --probe (probe) out.")
        if self.input == "features":
            raise UsageError(
                "With --fine-tune (fine_tune=True), the backbone is trained on images; --input (input) must be images or both, got "
                "'features'."
            )
        if self.epochs == 0:
            raise UsageError("--fine-tune (fine_tune=True) needs at least one epoch, got epochs=0.")
        if self.input == "auto":
            object.__setattr__(self, "input", "images")

    @property
    def uses_features_of_backbone(self) -> bool:
        """Return whether the features of a backbone are computed."""
        return self.backbone is not None and self.input != "images"

    @property
    def score_names(self) -> tuple[str, ...]:
        """Return the names of the scores that the run measures, in the order of `SCORES`."""
        return tuple(name for name, info in SCORES.items() if not info.on_demand or name in self.measure)

    def with_score(self, name: str) -> TrainingOptions:
        """Return these options with this score measured, even if it is an on-demand score."""
        return replace(self, measure=(*self.measure, name)) if name in SCORES else self


def _score(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be the name of a score, got {value!r}.")
    return value


@dataclass(frozen=True, kw_only=True)
class FindingOptions(Options):
    """How scores become findings; changing these options needs no new training.

    On construction, `own_scores` gives the names of scores of user-supplied trackers.

    Raises:
        UsageError: an option has a wrong type or value; the message names it.
    """

    score: str = option(
        "default",
        f"Score to rank by: default (late training margin or, for features, losses, with class confusions) or "
        f"one of: {', '.join(ALL_SCORES)}.",
        check=_score,
    )
    cut_off: str | float = option(
        "auto",
        "Which samples to flag: auto (as many as are more probably wrong than right), a minimum suspicion such as 0.95, or a "
        "fraction such as 5%.",
        kind=str,
    )
    precision: float | None = option(
        None,
        "Flag as many samples as are expected to be wrong to this fraction (0-1), such as 0.9, instead of --cut-off.",
        check=Number(most=1, positive=True, optional=True),
    )
    own_scores: InitVar[Sequence[str]] = ()

    def __post_init__(self, own_scores: Sequence[str]) -> None:
        super().__post_init__()
        if self.score not in own_scores:
            object.__setattr__(self, "score", canonical_score(self.score))
        if self.score != "default":
            look_up(dict.fromkeys(("default", *ALL_SCORES, *own_scores)), self.score, "score")
        _ = self.parsed_cut_off  # raises UsageError if it is invalid
        if self.precision is not None and self.cut_off != "auto":
            raise UsageError("Set --cut-off (cut_off) or --precision (precision), not both.")

    @cached_property
    def parsed_cut_off(self) -> ParsedCutOff:
        """Return the cut-off as a rule and its value; parsed once, on construction."""
        if self.precision is not None:
            return ParsedCutOff("precision", self.precision)
        return parse_cut_off(self.cut_off)


class ParsedCutOff(NamedTuple):
    """A cut-off: ("auto", 0), ("precision", expected), ("suspicion", least) or ("fraction", of the samples); values in [0, 1]."""

    rule: Literal["auto", "precision", "suspicion", "fraction"]
    value: float


AUTO = ParsedCutOff("auto", 0.0)


def parse_cut_off(cut_off: str | float) -> ParsedCutOff:
    """Return a cut-off as a rule and its value.

    Raises:
        UsageError: the cut-off is invalid.
    """
    if isinstance(cut_off, str) and cut_off == "auto":
        return AUTO
    rule: Literal["suspicion", "fraction"] = "suspicion"
    value = math.nan
    if isinstance(cut_off, str):
        text = cut_off.strip()
        if text.endswith("%"):
            rule, text = "fraction", text[:-1]
        try:
            value = float(text) / (100 if rule == "fraction" else 1)
        except ValueError:
            value = math.nan
    elif isinstance(cut_off, numbers.Real) and not isinstance(cut_off, bool) and 0 <= cut_off <= 1:
        value = float(cut_off)
    if not 0 <= value <= 1:
        raise UsageError(
            f"cut_off must be 'auto', a suspicion from 0 to 1 such as 0.95, or a fraction such as '5%', got {cut_off!r}."
        )
    return ParsedCutOff(rule, value)


@dataclass(frozen=True, kw_only=True)
class DuplicateOptions(Options):
    """How duplicate images are searched for.

    Raises:
        UsageError: an option has a wrong type or value; the message names it.
    """

    duplicates: bool = option(
        True,
        "Search for duplicate images with conflicting labels.",
        check=Boolean(),
        flags=("--duplicates/--no-duplicates",),
    )
    duplicate_threshold: float | None = option(
        None,
        "Minimum similarity (0-1) at which two images count as duplicates. Default: from the data.",
        check=Number(most=1, positive=True, optional=True),
    )
