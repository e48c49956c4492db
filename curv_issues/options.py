"""Options of an audit, frozen and validated on construction, with all defaults; `recipe` fills in those that depend on the data."""

from __future__ import annotations

import contextlib
import math
import numbers
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

from curv_issues.errors import UsageError
from curv_issues.option import option, option_names
from curv_issues.plugins import look_up
from curv_issues.probes import PROBES
from curv_issues.probes.own import check_probe_function, load_own_probe
from curv_issues.trackers import SCORES, canonical_score

WHOLE_NUMBERS: dict[str, tuple[int, int]] = {
    "seed": (0, 2**32 - 1),
    "epochs": (1, 10_000),
    "batch_size": (2, 1_000_000),
    "shift": (0, 512),
    "resolution": (8, 512),
    "curvature_epochs": (1, 10_000),
    "num_matvecs": (1, 1_000),
    "max_samples": (2, 1_000_000_000),
    "seeds": (1, 1_000),
}
"""Minimum and maximum of every integer option; the maxima catch typing errors that would run for years."""

LARGEST_NUMBER = 1e30
"""Maximum of the other numbers; float32 cannot hold much more."""


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


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Which samples of a dataset are read, and how; `load_data` describes and checks them."""

    split: str | None = option(None, "Split to read, such as train, train+test, train[:10%]. Default: train.")
    config_name: str | None = option(None, "Configuration of a Hub dataset.")
    revision: str | None = option(None, "Branch, tag or commit of a Hub dataset.")
    image_column: str | None = option(None, "Image column. Default: detected.")
    label_column: str | None = option(None, "Label column. Default: detected.")
    labels: Any = option(
        None,
        "Label table for a folder of images (.csv, .tsv, .jsonl, .parquet), or 'folders' to use folder names. Default: "
        "metadata.csv, else folder names.",
        kind=str | None,
        metavar="FILE",
    )
    file_column: str | None = option(None, "File name column of a label table. Default: detected.")
    splits: bool | None = option(
        None,
        "Whether to read top-level folders named train, test, ... as splits. Default: if all top-level folders have such names.",
        flags=("--splits/--no-splits",),
    )
    class_level: int | None = option(None, "Level of the folder below the split that names the class. Default: 1, the topmost.")
    max_samples: int | None = option(None, "Read only a stratified sample of this size. Default: all samples.")
    skip_unreadable: bool = option(False, "Skip images that cannot be decoded.", flags=("--skip-unreadable",))
    skip_unlabelled: bool = option(False, "Skip samples without a label.", flags=("--skip-unlabelled",))
    value_range: tuple[float, float] | None = option(
        None,
        "Pixel values of black and white in images with more than 8 bits per channel, such as 0:4095 or just 4095. Default: "
        "detected, one range for the dataset.",
        kind=str | None,
        metavar="LOW:HIGH",
    )
    max_pixels: int | None = option(
        None, "Treat images with more pixels as unreadable. Default: 64 million, or fewer if memory is small."
    )


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """All options that affect the training run, and so the scores. None: set by the data or the preset.

    Attributes:
        seed: seed of initial weights, order, augmentation and directions; 0 to 2**32 - 1.
        device: "auto" (CUDA, else MPS, else CPU) or the name of a torch device.
        preset: "quick", "standard" or "thorough": half, one or two times the epochs, and the effort spent on curvature.
        probe: name of a probe, an `nn.Module` (copied, never modified), a function from `ProbeSpec` to a module, or where to import
            one of these from, "module:attribute".
        epochs: passes over the data, 1 to 10,000.
        batch_size: samples per step, 2 to 1,000,000.
        learning_rate: peak of the one-cycle schedule, > 0, at most 1e30.
        weight_decay: >= 0.
        flip: mirror images at random in training; default: colour images only, because mirrored glyphs mislead.
        shift: largest random shift in training, in probe pixels, 0 to 512; default: a sixteenth of the resolution.
        resolution: height and width of the probe's input, pixels, 8 to 512.
        curvature_epochs: number of epochs, evenly spread and ending with the last, after which curvature is measured,
            1 to 10,000.
        num_matvecs: Hutchinson directions per measurement, 1 to 1,000.
        step: finite-difference step h in units of [0, 1] pixels, > 0; below 0.01 scoring runs in float32.
        form: "squared" (the paper's equation 3) or "norm" (the authors' code).
        measure: names of scores to measure although they make the run longer (`ScoreInfo.on_demand`), or "all".

    Raises:
        UsageError: an option has a wrong type or value; the message names it.
    """

    seed: int = option(0, "Seed of sampling and training.")
    device: str = option("auto", "Device to compute on: auto, cpu, cuda, mps, ...")
    preset: str = option("standard", f"Effort: {', '.join(PRESETS)}.")
    probe: Any = option(
        "convnet", f"Probe network: {', '.join(PROBES)}, or your own as module:function, called with a ProbeSpec.", kind=str
    )
    epochs: int | None = option(None, "Passes over the data. Default: from the dataset size.")
    batch_size: int | None = option(None, "Samples per step. Default: from the dataset size.")
    learning_rate: float | None = option(None, "Peak learning rate. Default: from the batch size.")
    weight_decay: float = option(5e-4, "Weight decay.")
    flip: bool | None = option(
        None, "Mirror images at random in training. Default: colour images only.", flags=("--flip/--no-flip",)
    )
    shift: int | None = option(None, "Largest random shift in training, in pixels. Default: a sixteenth of the resolution.")
    resolution: int | None = option(None, "Side of the probe's input in pixels. Default: 32 for thumbnails, else 48.")
    curvature_epochs: int | None = option(
        None,
        "Number of evenly spread epochs after which curvature is measured. Default: from the preset; in bench, all epochs.",
    )
    num_matvecs: int | None = option(None, "Random directions per measurement of curvature. Default: from the preset.")
    step: float = option(1e-2, "Finite-difference step of curvature, for pixels from 0 to 1.")
    form: Literal["squared", "norm"] = option(
        "squared", "Form of curvature: squared (as published) or norm (as in the authors' code).", kind=str
    )
    measure: str | Sequence[str] = option(
        (),
        "Also measure this score, which makes the run longer (see curv-issues scores), or all.",
        kind=list[str] | None,
        metavar="SCORE",
    )

    def __post_init__(self) -> None:
        for name in option_names(TrainingOptions):
            if name in WHOLE_NUMBERS:
                _make_plain(self, name, whole_option(name, getattr(self, name), optional=name != "seed"))
        if not isinstance(self.device, str):
            raise UsageError(f"device must be a string such as 'auto', 'cpu' or 'cuda:0', got {self.device!r}.")
        if not isinstance(self.preset, str):
            raise UsageError(f"preset must be one of {', '.join(PRESETS)}, got {self.preset!r}.")
        look_up(PRESETS, self.preset, "preset")
        if isinstance(self.probe, str) and ":" not in self.probe:
            look_up(PROBES, self.probe, "probe")
        else:
            probe = load_own_probe(self.probe) if isinstance(self.probe, str) else self.probe
            if not callable(probe):
                raise UsageError(f"probe must be a name, an nn.Module or a function that returns one, got {self.probe!r}.")
            check_probe_function(probe)
        _make_plain(self, "learning_rate", _number("learning_rate", self.learning_rate, optional=True, positive=True))
        _make_plain(self, "weight_decay", _number("weight_decay", self.weight_decay))
        _make_plain(self, "step", _number("step", self.step, positive=True))
        if self.flip is not None and not isinstance(self.flip, bool):
            raise UsageError(f"flip must be True, False or None (from the data), got {self.flip!r}.")
        if self.form not in ("squared", "norm"):
            raise UsageError(f"form must be 'squared' or 'norm', got {self.form!r}.")
        object.__setattr__(self, "measure", _on_demand(self.measure))

    @property
    def score_names(self) -> tuple[str, ...]:
        """Return the names of the scores that the run measures, in the order of `SCORES`."""
        return tuple(name for name, info in SCORES.items() if not info.on_demand or name in self.measure)

    def with_score(self, name: str) -> TrainingOptions:
        """Return these options with this score measured, even if it is an on-demand score."""
        return replace(self, measure=(*self.measure, name)) if name in SCORES else self


@dataclass(frozen=True, kw_only=True)
class FindingOptions:
    """How scores become findings; changing these options needs no new training.

    Attributes:
        score: "default" (the late margin, see `rank_by_margins`) or the name of a score to rank by; "curvature" is
            `input_curvature`.
        cut_off: "auto", the minimum suspicion of flagged samples in [0, 1], or a fraction of the samples such as "5%".
        own_scores: (on construction only) names of scores of user-supplied trackers.

    Raises:
        UsageError: an option has a wrong type or value; the message names it.
    """

    score: str = option(
        "default", f"Score to rank by: default (training margin, late epochs weighted most) or one of: {', '.join(SCORES)}."
    )
    cut_off: str | float = option(
        "auto", "Which samples to flag: auto, a minimum suspicion such as 0.95, or a fraction such as 5%.", kind=str
    )
    own_scores: InitVar[Sequence[str]] = ()

    def __post_init__(self, own_scores: Sequence[str]) -> None:
        if not isinstance(self.score, str):
            raise UsageError(f"score must be the name of a score, got {self.score!r}.")
        if self.score not in own_scores:
            object.__setattr__(self, "score", canonical_score(self.score))
        if self.score != "default":
            look_up(dict.fromkeys(("default", *SCORES, *own_scores)), self.score, "score")
        _ = self.parsed_cut_off  # raises an error if it is wrong

    @cached_property
    def parsed_cut_off(self) -> ParsedCutOff:
        """The cut-off as a rule and its value; parsed once, on construction."""
        return parse_cut_off(self.cut_off)


class ParsedCutOff(NamedTuple):
    """A cut-off: ("auto", 0), ("suspicion", threshold in [0, 1]) or ("fraction", fraction of the samples in [0, 1])."""

    rule: Literal["auto", "suspicion", "fraction"]
    value: float


AUTO = ParsedCutOff("auto", 0.0)


def parse_cut_off(cut_off: str | float) -> ParsedCutOff:
    """Return the rule and the value that a cut-off names.

    Raises:
        UsageError: it names none.
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
class DuplicateOptions:
    """How duplicate images are searched for.

    Attributes:
        duplicates: whether to search for duplicates.
        duplicate_threshold: minimum similarity at which two images count as duplicates, in (0, 1]; None: from the data.

    Raises:
        UsageError: an option has a wrong type or value; the message names it.
    """

    duplicates: bool = option(True, "Search for duplicate images with conflicting labels.", flags=("--duplicates/--no-duplicates",))
    duplicate_threshold: float | None = option(
        None, "Minimum similarity (0-1) at which two images count as duplicates. Default: from the data."
    )

    def __post_init__(self) -> None:
        if not isinstance(self.duplicates, bool):
            raise UsageError(f"duplicates must be True or False, got {self.duplicates!r}.")
        threshold = _number("duplicate_threshold", self.duplicate_threshold, optional=True, positive=True)
        if threshold is not None and threshold > 1:
            raise UsageError(f"duplicate_threshold must be above 0 and at most 1, got {self.duplicate_threshold!r}.")
        _make_plain(self, "duplicate_threshold", threshold)


def whole_option(name: str, value: Any, *, optional: bool = True) -> int | None:
    """Return the value of an integer option as an `int`; None where that is allowed.

    Raises:
        UsageError: it is not an integer within the bounds in `WHOLE_NUMBERS`; the message names the option and the bounds.
    """
    return whole_number(name, value, *WHOLE_NUMBERS[name], optional=optional)


def whole_number(name: str, value: Any, least: int, most: int | None, *, optional: bool = False) -> int | None:
    """Return an integer value as an `int`; None where that is allowed.

    Raises:
        UsageError: it is not an integer from `least` to `most` (None: no upper bound); the message names it.
    """
    if value is None and optional:
        return None
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        bounds = f">= {least}" if most is None else f"from {least} to {most}"
        raise UsageError(f"{name} must be an integer {bounds}, got {value!r}.")
    return int(value)


def _number(name: str, value: Any, *, optional: bool = False, positive: bool = False) -> float | None:
    if value is None and optional:
        return None
    number = math.nan
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # an integer of hundreds of digits
            number = float(value)
    if not 0 <= number < math.inf or (positive and number == 0):
        raise UsageError(f"{name} must be a finite number {'>' if positive else '>='} 0, got {value!r}.")
    if number > LARGEST_NUMBER:
        raise UsageError(f"{name} must be a number <= {LARGEST_NUMBER:g}, got {value!r}.")
    return number


def _on_demand(measure: Any) -> tuple[str, ...]:
    """Return the requested scores that are not measured by default, in the order of `SCORES`."""
    names = tuple(SCORES) if measure == "all" else measure
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"measure must be 'all' or a list of score names, got {measure!r}.")
    names = [canonical_score(name) for name in names]
    for name in names:
        look_up(SCORES, name, "score")
    return tuple(name for name, info in SCORES.items() if info.on_demand and name in names)


def _make_plain(options: TrainingOptions | DuplicateOptions, name: str, value: float | None) -> None:
    """Replace an option, such as a numpy scalar (which overflows and is not valid JSON), by a plain number."""
    object.__setattr__(options, name, value)


__all__ = [
    "AUTO",
    "LARGEST_NUMBER",
    "PRESETS",
    "WHOLE_NUMBERS",
    "DuplicateOptions",
    "FindingOptions",
    "ParsedCutOff",
    "SourceOptions",
    "TrainingOptions",
    "parse_cut_off",
    "whole_number",
    "whole_option",
]
