"""The probe run that all our issue types share, within one `find_issues` call and from one call to the next.

Datalab constructs all issue managers of a call before it runs any. Each registers its options on construction, so the first one
that runs knows the options of all. The Datalab's statistics keep the finished run until an input of it changes.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.backbones import BACKBONE_OR_FEATURES
from curv_issues.data.base import LabeledData
from curv_issues.datalab.samples import LabSamples, difference, is_of_labels, load_samples, read_lab
from curv_issues.errors import UsageError
from curv_issues.option import option_names
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.probes.identity import identify_probe
from curv_issues.progress_bar import live_progress
from curv_issues.results.arrow import json_ready
from curv_issues.results.result import SCHEMA_VERSION, AuditResult
from curv_issues.version import __version__

if TYPE_CHECKING:
    from cleanlab import Datalab

STATISTIC = "curv_issues_run"
"""Key of the run in `lab.info["statistics"]`."""

_OBJECTS = ("features", "result")  # compared by identity

_current_runs: weakref.WeakKeyDictionary[Datalab, weakref.ref[SharedRun]] = weakref.WeakKeyDictionary()


class SharedRun:
    """A run shared by the issue types of one `find_issues` call.

    Attributes:
        samples: samples of the Datalab.
    """

    def __init__(self, lab: Datalab) -> None:
        self._lab = lab
        self._options: dict[str, Any] = {}  # training options and `LabOptions` as given
        self._given_by: dict[str, str] = {}
        self._measure: tuple[str, ...] = ()
        self._types: list[str] = []
        self._source: AuditResult | LabeledData | None = None
        self._loaded: tuple[tuple[str | None, int | None, int], LabeledData] | None = None
        self._error: Exception | None = None
        self._begun = False
        self.samples: LabSamples

    @property
    def given(self) -> AuditResult | None:
        """Return the finished result that is used instead of a training, or None."""
        return self._options.get("result")

    def takes(self, issue_type: str) -> bool:
        """Return whether this type can still join."""
        return not self._begun and issue_type not in self._types

    def join(self, issue_type: str, options: dict[str, Any], score: str) -> None:
        """Add an issue type: check its options with those of the others, and decode the images if a training is needed."""
        own = {name: value for name, value in options.items() if name in option_names(TrainingOptions)}
        checked = TrainingOptions(**own).with_score(score)
        if checked.private is not None:
            raise UsageError(
                "A Datalab keeps no weights, which is what private=... is for; use curv_issues.audit(..., private=...)."
            )
        for name, value in options.items():
            if name != "measure":
                self._add(issue_type, name, getattr(checked, name) if name in own else value)
        self._measure = (*self._measure, *(name for name in checked.measure if name not in self._measure))
        self._types.append(issue_type)
        if self.given is not None:
            check_type(self.given)
        dataset = {} if self.given is None else self.given.summary.get("dataset") or {}
        of_features = dataset.get("num_features") is not None and dataset.get("backbone") is None
        features = self._options.get("features") if self.given is None or of_features else None
        if features is not None and self._options.get("backbone") is not None:
            raise UsageError(BACKBONE_OR_FEATURES)
        chosen = self._options.get("input", "auto")
        if chosen == "images":
            features = None
        if self.given is None and chosen in ("features", "both") and features is None and self._options.get("backbone") is None:
            raise UsageError(f"input={chosen!r} needs features; give find_issues(features=...) or a backbone.")
        of_images = self.given is None or not (of_features or is_of_labels(self.given))
        with_images = of_images if features is None else chosen == "both"
        self.samples = read_lab(self._lab, image_key=self._options.get("image_key"), features=features, with_images=with_images)
        if self.given is not None:
            check_result(self.given, self.samples, self._training_options())
        self._source = self.given or self._find_kept() or self._load()

    def result(self) -> AuditResult:
        """Return the result: the given one, the one kept in the Datalab, or that of a training, which runs once.

        Raises:
            AuditError: the loss became NaN.
            AuditInterrupted: Ctrl-C; carries the ranking so far.
        """
        self._begun = True
        if self._error is not None:  # training again for a second type would fail in the same way
            raise self._error
        assert self._source is not None
        if isinstance(self._source, LabeledData):
            try:
                result = _train(self._lab, self._source, self._training())
            except Exception as error:
                self._error = error
                raise
            # keep it before any judgement, so that an error there does not lose the training
            keep_run(self._lab, self.samples, self._training(), result)
            self._source = result
        return self._source

    def _add(self, issue_type: str, name: str, value: Any) -> None:
        """Record an option; raise UsageError if another type has another value of it."""
        before = self._options.setdefault(name, value)
        other = self._given_by.setdefault(name, issue_type)
        if before is value or (name not in _OBJECTS and before == value):
            return
        shown = "" if name in _OBJECTS else f" ({before!r} and {value!r})"
        raise UsageError(
            f"The issue types {other!r} and {issue_type!r} are given different values of {name}{shown}, but share one training: "
            "give it to one of them, or the same to both."
        )

    def _training_options(self) -> dict[str, Any]:
        """Return the training options that were given, except `measure`."""
        return {name: value for name, value in self._options.items() if name in option_names(TrainingOptions)}

    def _training(self) -> TrainingOptions:
        """Return all training options, with the scores that the types need."""
        return TrainingOptions(**self._training_options(), measure=self._measure)

    def _find_kept(self) -> AuditResult | None:
        """Return the run kept in the Datalab if its options match, else None.

        If the kept run has served a type that is not requested now, only the options given now must match.
        """
        others = types_served(self._lab) - set(self._types)
        names = tuple(self._training_options()) if others else None
        return find_run(self._lab, self.samples, self._training(), names=names)

    def _load(self) -> LabeledData:
        """Return the decoded images; check device and probe now rather than in the training."""
        from curv_issues.auditing.audit import image_resolution, with_loaded_backbone  # imports torch, so only after the checks
        from curv_issues.device import choose_device

        training = self._training()
        choose_device(training.device)
        resolution = image_resolution(with_loaded_backbone(training))
        wanted = (self.samples.image_column, resolution, id(self._options.get("features")))
        if self._loaded is None or self._loaded[0] != wanted:
            if self._lab.verbosity and self.samples.features is None:  # as Datalab does for its own issue types
                print(f"Reading {len(self.samples.labels):,} images for a probe to train on ...")
            with live_progress(quiet=not self._lab.verbosity, messages=False) as progress:
                self._loaded = wanted, load_samples(self.samples, resolution=resolution, progress=progress)
        is_own = not isinstance(training.probe, str) or ":" in training.probe
        if training.fine_tune or (is_own and training.backbone is None):
            _check_probe(training, self._loaded[1])
        return self._loaded[1]


def join_run(lab: Datalab, issue_type: str, options: dict[str, Any], *, score: str = "default") -> SharedRun:
    """Return the run that an issue type shares with the types constructed before it in the same call.

    Args:
        lab: a Datalab with labels, of the task classification.
        issue_type: name of the issue type.
        options: the given ones of the training options and `LabOptions`.
        score: score that the type ranks by.

    Raises:
        UsageError: an option is wrong or differs from another type's, the probe does not fit, or the result is from other data.
        DatasetError: images, labels or their columns are missing or cannot be used.
        AuditError: the disk has no space for the images.
    """
    reference = _current_runs.pop(lab, None)  # if anything fails, the next call starts from scratch
    run = None if reference is None else reference()
    if run is None or not run.takes(issue_type):
        run = SharedRun(lab)
    run.join(issue_type, options, score)
    _current_runs[lab] = weakref.ref(run)
    return run


def find_run(
    lab: Datalab, samples: LabSamples, training: TrainingOptions, *, names: Sequence[str] | None = None
) -> AuditResult | None:
    """Return the run kept in a Datalab if images, labels, classes, options and scores match; else None.

    Args:
        lab: Datalab that may have kept a run.
        samples: samples of that Datalab.
        training: training options.
        names: names of the options that must match; None: all.
    """
    kept = lab.info["statistics"].get(STATISTIC)
    if kept is None or not isinstance(kept.get("key"), dict):
        return None
    found, wanted = dict(kept["key"]), _key(samples, training)
    if names is not None:
        found["options"], wanted["options"] = ({name: key["options"].get(name) for name in names} for key in (found, wanted))
    if found != wanted:
        return None
    result = AuditResult(**kept["result"])
    if not set(training.score_names) <= set(result.score_names):
        return None
    return result if difference(result, samples) is None else None


def keep_run(lab: Datalab, samples: LabSamples, training: TrainingOptions, result: AuditResult) -> None:
    """Keep a run in the Datalab, replacing an older one.

    It is stored as dicts, arrays and DataFrames, which can be unpickled without this package.
    """
    plain = {field.name: getattr(result, field.name) for field in fields(AuditResult)}
    lab.info["statistics"][STATISTIC] = {
        "key": _key(samples, training),
        "result": {**plain, "contact_sheet": None, "probe": None},
        "served": {},
    }


def mark_served(lab: Datalab, issue_type: str) -> None:
    """Record that an issue type has results from the kept run."""
    kept = lab.info["statistics"].get(STATISTIC)
    if kept is not None:
        kept.setdefault("served", {})[issue_type] = True


def types_served(lab: Datalab) -> set[str]:
    """Return the issue types that have results from the kept run."""
    kept = lab.info["statistics"].get(STATISTIC) or {}
    return set(kept.get("served", {})) & set(lab.issue_summary["issue_type"])


def check_result(result: Any, samples: LabSamples, training_options: dict[str, Any]) -> None:
    """Raise UsageError if the result is from other samples, has an invalid suspicion, or training options were given too."""
    check_type(result)
    if training_options:
        raise UsageError(
            f"result and {next(iter(training_options))} do not go together: with a finished result there is no training."
        )
    if not result.scores["suspicion"].between(0, 1).all():  # Datalab checks neither range nor NaN
        raise UsageError("result has a suspicion outside [0, 1]; expected a result as an audit has made it.")
    differs = difference(result, samples)
    if differs is not None:
        raise UsageError(f"result is not of this Datalab's data: {differs}.")


def check_type(result: Any) -> None:
    """Raise UsageError if this is not an AuditResult."""
    if not isinstance(result, AuditResult):
        raise UsageError(f"result must be an AuditResult (a saved one: AuditResult.load(folder)), got {result!r}.")


def _key(samples: LabSamples, training: TrainingOptions) -> dict[str, Any]:
    """Return everything that a run depends on, except labels, and images or features alone, which `difference` compares."""
    options = {name: getattr(training, name) for name in option_names(TrainingOptions) if name != "measure"}
    backbone = identify_probe(training.backbone) if callable(training.backbone) else training.backbone
    beside = samples.features if samples.image_column is not None else None
    return {
        "classes": list(samples.class_names),
        "features": None if beside is None else hashlib.sha256(np.ascontiguousarray(beside).data).hexdigest(),
        "schema_version": SCHEMA_VERSION,
        "options": json_ready({**options, "probe": identify_probe(training.probe), "backbone": backbone}),
        "version": __version__,
    }


def _train(lab: Datalab, data: LabeledData, training: TrainingOptions) -> AuditResult:
    from curv_issues.auditing.audit import audit_data

    with live_progress(quiet=not lab.verbosity, messages=False) as progress:
        return audit_data(data, training, FindingOptions(), DuplicateOptions(), progress=progress)


def _check_probe(training: TrainingOptions, data: LabeledData) -> None:
    """Raise UsageError if a user-supplied probe does not fit the data; global random state is not changed."""
    import torch

    from curv_issues.training.run import check_probe, make_probe

    spec = data.inputs(training.input).spec(data.num_classes)
    with torch.random.fork_rng(devices=[]):
        check_probe(make_probe(training, spec).cpu(), spec, torch.device("cpu"))
