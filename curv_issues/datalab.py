"""The issue types that cleanlab's Datalab gets from this package, and the way of a finished audit into a Datalab.

Importing `curv_issues` registers them, now or as soon as cleanlab is imported. Datalab 2.9 swallows what
`find_issues` raises, so everything that can be checked before the training is checked in `__init__`.
"""

from __future__ import annotations

import copy
import difflib
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from cleanlab.datalab.internal.issue_manager import IssueManager
from cleanlab.datalab.internal.issue_manager_factory import REGISTRY, register
from cleanlab.datalab.internal.task import Task

from curv_issues.config import FindingOptions, TrainingOptions, option_names
from curv_issues.data.base import LabeledData
from curv_issues.data.datalab import LabSamples, difference, load_samples, read_lab
from curv_issues.errors import AuditError, UsageError
from curv_issues.findings.again import find_again
from curv_issues.live import live_progress
from curv_issues.result import AuditResult
from curv_issues.shared_run import find_run, keep_run

if TYPE_CHECKING:
    from cleanlab import Datalab

TRAINING, FINDING = option_names(TrainingOptions), option_names(FindingOptions)
COLUMNS = ("is_curvature_issue", "curvature_score", "curvature_given_class", "curvature_suggested_class")
"""The columns in `lab.issues`. Datalab shows a type the columns whose names contain its name: no other type's may."""

SUMMARY = ("cut_off", "options", "recipe", "seed", "complete", "epochs_done", "seconds", "device", "versions")
"""What goes into `info` from the summary of the result."""


class CurvatureIssueManager(IssueManager):
    """Labels that look wrong to a probe trained on the pictures of a Datalab.

    Issue columns: `is_curvature_issue` (bool), `curvature_score` (1 - suspicion, in [0, 1], low = suspect) and the
    evidence, `curvature_given_class` and `curvature_suggested_class` (classes as the Datalab shows them).
    Summary score: 1 - flagged / n.
    """

    description: ClassVar[str] = """Examples whose label looks wrong to a small network trained on these pictures:
    it was slow to learn them, or never did. They are mislabeled, ambiguous or rare; look at them before you correct.

    The score is one minus the suspicion, a ranking and not a probability. It comes from the course of one training
    (loss and margin of every example), so neither `pred_probs` nor `features` are needed.
    """
    issue_name: ClassVar[str] = "curvature"
    verbosity_levels: ClassVar[dict[int, list[str]]] = {
        0: [],
        1: [],
        2: ["cut_off", "flagged_pairs"],
        3: ["recipe", "notes"],
    }

    def __init__(self, datalab: Datalab, **options: Any) -> None:
        """Check the options and the data, and decode the pictures unless a finished run will do.

        Args:
            datalab: of the task classification, with labels.
            options: those of `TrainingOptions` and `FindingOptions`; `image_key`, the column of the pictures (default:
                the only one); or `result`, an AuditResult of these very samples, to be used instead of a training.

        Raises:
            UsageError: an option has a wrong name, type or value, the probe does not fit, or the result is of other
                data.
            DatasetError: pictures, labels or their columns are missing or cannot be used.
            AuditError: there is no disk space for the pictures.
        """
        super().__init__(datalab)
        _check_names(options)
        self._finding = FindingOptions(**_pick(options, FINDING))
        self._training = TrainingOptions(**_pick(options, TRAINING)).with_score(self._finding.score)
        self._samples = read_lab(datalab, image_key=_check_image_key(options.get("image_key")))
        given = options.get("result")
        if given is not None:
            _check_result(given, self._samples, options)
        self._keeps_judgement = given is not None and not _pick(options, FINDING)
        self._source: AuditResult | LabeledData = (
            given or find_run(datalab, self._samples, self._training) or _load(datalab, self._samples, self._training)
        )

    def find_issues(self, **_: Any) -> None:
        """Train, unless a finished run will do, and judge the labels.

        Raises:
            AuditError: the loss became NaN. Datalab prints this and goes on, without results of this type.
            AuditInterrupted: Ctrl-C; carries the ranking so far, which `add_to_datalab` takes.
        """
        _forget_results(self.datalab, self.issue_name, COLUMNS)
        result = self._source
        if isinstance(result, LabeledData):
            result = _train(self.datalab, result, self._training)
            # before the judgement: whatever happens to that, and whoever asks next, training is done
            keep_run(self.datalab, self._samples, self._training, result)
        if not self._keeps_judgement:
            result = find_again(result, score=self._finding.score, cut_off=self._finding.cut_off)
        self.issues = self._make_issues(result)
        self.summary = self.make_summary(score=1 - float(result.scores["flagged"].mean()))
        self.info = self.collect_info(result)

    def collect_info(self, result: AuditResult) -> dict[str, Any]:
        """What `lab.get_info("curvature")` tells, as JSON values and DataFrames.

        No entry may be an empty list: Datalab's report would recurse on it without end.
        """
        summary = result.summary
        flagged = self.issues[self.issues["is_curvature_issue"]]
        pairs = flagged.groupby(["curvature_given_class", "curvature_suggested_class"], sort=False).size()
        return {
            "num_curvature_issues": len(flagged),
            "flagged_pairs": pairs.sort_values(ascending=False, kind="stable").rename("num_flagged").reset_index(),
            "raw_scores": result.scores[list(result.score_names)].copy(),
            "score_metadata": {name: dict(result.score_metadata[name]) for name in result.score_names},
            "notes": " ".join(summary.get("notes", [])) or "none",
            **copy.deepcopy({key: summary[key] for key in SUMMARY if key in summary}),
        }

    def _make_issues(self, result: AuditResult) -> pd.DataFrame:
        code_of = {name: code for code, name in enumerate(self._samples.class_names)}
        suggested = [code_of[name] for name in result.scores["suggested"]]
        classes, given = self._samples.classes, self._samples.labels
        score = 1 - result.scores["suspicion"].to_numpy()  # in [0, 1], no NaN: checked when a result is made or given
        columns = (result.scores["flagged"].to_numpy(), score, classes[given], classes[suggested])
        return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def register_issue_types() -> None:
    """Make the issue types known to Datalab, for classification; calling it again changes nothing."""
    registered = REGISTRY[Task.CLASSIFICATION]
    known = registered.get(CurvatureIssueManager.issue_name)
    if known is not None and known.__module__ == CurvatureIssueManager.__module__:
        registered[CurvatureIssueManager.issue_name] = CurvatureIssueManager  # `register` would print a warning
    else:
        register(CurvatureIssueManager)


def add_to_datalab(lab: Datalab, result: AuditResult) -> None:
    """Put a finished audit into a Datalab, without training again.

    Args:
        lab: a Datalab (task classification) of the samples that were audited, in the same order.
        result: the audit; its own judgement is taken over. An interrupted one will do.

    Raises:
        UsageError: these are no Datalab and AuditResult, or the result is of other data.
        DatasetError: the Datalab's labels or pictures cannot be used.
        AuditError: Datalab did not take it.
    """
    from cleanlab import Datalab

    name = CurvatureIssueManager.issue_name
    if not isinstance(lab, Datalab):
        raise UsageError(f"Expected a cleanlab Datalab to put the result into, got {type(lab).__name__}.")
    if not lab.task.is_classification:
        raise UsageError(f"Expected a Datalab of the task classification, got one of {lab.task.value}.")
    _check_type(result)  # Datalab would drop a None, and we would train
    before = lab.info.get(name)
    lab.find_issues(issue_types={name: {"result": result}})
    if name not in set(lab.issue_summary["issue_type"]) or lab.info.get(name) is before:
        raise AuditError("Datalab did not take the result; the line it has printed above tells why.")


def _pick(options: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in names}


def _check_names(options: dict[str, Any]) -> None:
    known = (*TRAINING, *FINDING, "image_key", "result")
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            close = ["image_key"] if name == "image_column" else close
            hint = f"did you mean {close[0]!r}?" if close else f"choose from: {', '.join(known)}."
            raise UsageError(f"Unknown option {name!r} of the issue type 'curvature'; {hint}")


def _check_image_key(image_key: Any) -> str | None:
    if image_key is not None and not isinstance(image_key, str):
        raise UsageError(f"image_key must be the name of a column, got {image_key!r}.")
    return image_key


def _check_result(result: Any, samples: LabSamples, options: dict[str, Any]) -> None:
    _check_type(result)
    useless = list(_pick(options, TRAINING))
    if useless:
        raise UsageError(f"result and {useless[0]} do not go together: with a finished result there is no training.")
    if not result.scores["suspicion"].between(0, 1).all():  # Datalab checks neither range nor NaN
        raise UsageError("result has a suspicion outside [0, 1]; expected a result as an audit has made it.")
    differs = difference(result, samples)
    if differs is not None:
        raise UsageError(f"result is not of this Datalab's data: {differs}.")


def _train(lab: Datalab, data: LabeledData, training: TrainingOptions) -> AuditResult:
    from curv_issues.auditing import audit_data

    with live_progress(quiet=not lab.verbosity) as progress:
        return audit_data(data, training, FindingOptions(), progress=progress)


def _check_type(result: Any) -> None:
    if not isinstance(result, AuditResult):
        raise UsageError(f"result must be an AuditResult (a saved one: AuditResult.load(folder)), got {result!r}.")


def _load(lab: Datalab, samples: LabSamples, training: TrainingOptions) -> LabeledData:
    """The decoded pictures; raises what the training would raise of device and probe."""
    from curv_issues.device import choose_device  # imports torch, which errors above need not wait for

    choose_device(training.device)
    if lab.verbosity:  # Datalab's own way of telling what it does
        print(f"Reading {len(samples.labels):,} pictures for a probe to train on ...")
    with live_progress(quiet=not lab.verbosity) as progress:
        data = load_samples(samples, resolution=training.resolution, progress=progress)
    if not isinstance(training.probe, str):
        _check_probe(training, data)
    return data


def _check_probe(training: TrainingOptions, data: LabeledData) -> None:
    import torch

    from curv_issues.run import build_probe, check_probe, make_spec

    spec = make_spec(data)
    with torch.random.fork_rng(devices=[]):
        check_probe(build_probe(training.probe, spec).cpu(), spec, torch.device("cpu"))


def _forget_results(lab: Datalab, name: str, columns: tuple[str, ...]) -> None:
    """Take out what an earlier run left, so that nothing old stays in the place of a run that fails."""
    lab.issues = lab.issues.drop(columns=list(columns), errors="ignore")
    lab.info.pop(name, None)
    summary = lab.issue_summary
    if name in set(summary["issue_type"]):
        lab.issue_summary = summary[summary["issue_type"] != name].reset_index(drop=True)
        lab.info["statistics"]["health_score"] = lab.issue_summary["score"].mean() if len(lab.issue_summary) else None


register_issue_types()
