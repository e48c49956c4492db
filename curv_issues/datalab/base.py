"""Base class of our issue types: check options before anything runs, and judge a shared run.

Datalab 2.9 catches the exceptions of `find_issues`, so `__init__` checks everything that can be checked before the training.
"""

from __future__ import annotations

import copy
import difflib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from cleanlab.datalab.internal.issue_manager import IssueManager

from curv_issues.datalab.shared_run import join_run, mark_served
from curv_issues.errors import UsageError
from curv_issues.option import option, option_names
from curv_issues.options import TrainingOptions
from curv_issues.results.result import AuditResult

if TYPE_CHECKING:
    from cleanlab import Datalab


@dataclass(frozen=True, kw_only=True)
class LabOptions:
    """Options of every issue type besides those of the training; `samples` and `shared_run` check them."""

    image_key: str | None = option(None, "Image column. Default: the only one.")
    features: Any = option(
        None, "Feature vectors (n, d) to train on instead of images. Default: the features given to find_issues, if any."
    )
    result: AuditResult | None = option(None, "A finished audit of the same samples, used instead of a training.")


SHARED = (*option_names(TrainingOptions), *option_names(LabOptions))
"""Options that every type takes and that apply to all types of a call."""

SUMMARY = ("options", "recipe", "seed", "complete", "epochs_done", "seconds", "device", "versions")
"""Entries of the summary that every type copies to `info`."""


class RunIssueManager(IssueManager, ABC):
    """Issue type that judges the run of a probe on the images and labels of a Datalab.

    Attributes:
        own_options: dataclass of its options besides the shared ones.
        columns: its columns of `lab.issues`: whether it is an issue, the score in [0, 1] (low = worse), the evidence. Datalab
            shows all columns whose names contain the name of a type, so no column of another type may contain it.
    """

    issue_name: ClassVar[str] = ""  # Datalab requires a name of every subclass
    own_options: ClassVar[type]
    columns: ClassVar[tuple[str, ...]]

    def __init__(self, datalab: Datalab, **options: Any) -> None:
        """Check the options and the data, and decode the images if a training is needed.

        Args:
            datalab: a Datalab with labels, of the task classification.
            options: those of `TrainingOptions` and `own_options`; `image_key`, the image column (default: the only one);
                `features` (n, d), used instead of images, which Datalab adds if they are given to `find_issues`;
                or `result`, an AuditResult of the same samples, used instead of a training. A shared option that is given to
                one type of a call applies to all.

        Raises:
            UsageError: an option has a wrong name, type or value or differs from another type's, the probe does not fit, or the
                result is from other data.
            DatasetError: images, labels or their columns are missing or cannot be used.
            AuditError: the disk has no space for the images.
        """
        super().__init__(datalab)
        self._check_names(options)
        self._own = {name: value for name, value in options.items() if name in option_names(self.own_options)}
        score = self._check_own()
        image_key = options.get("image_key")
        if image_key is not None and not isinstance(image_key, str):
            raise UsageError(f"image_key must be the name of a column, got {image_key!r}.")
        shared = {name: value for name, value in options.items() if name in SHARED and value is not None}
        self._run = join_run(datalab, self.issue_name, shared, score=score)
        self._samples = self._run.samples

    def find_issues(self, **_: Any) -> None:
        """Judge the shared run, after a training if one is needed.

        Raises:
            AuditError: the loss became NaN. Datalab prints this and continues without results of this type.
            AuditInterrupted: Ctrl-C; carries the ranking so far, which `add_to_datalab` accepts.
        """
        _forget_results(self.datalab, self.issue_name, self.columns)
        result = self._judge(self._run.result())
        self.issues = pd.DataFrame(dict(zip(self.columns, self._make_columns(result), strict=True)))
        self.summary = self.make_summary(score=1 - float(self.issues[self.columns[0]].mean()))
        self.info = self.collect_info(result)
        if self._run.given is None:
            mark_served(self.datalab, self.issue_name)

    def collect_info(self, result: AuditResult) -> dict[str, Any]:
        """Return what `lab.get_info` shows, as JSON values and DataFrames.

        No entry may be an empty list: Datalab's report would recurse on it without end.
        """
        summary = result.summary
        return {
            f"num_{self.issue_name}_issues": int(self.issues[self.columns[0]].sum()),
            "notes": " ".join(summary.get("notes", [])) or "none",
            **copy.deepcopy({key: summary[key] for key in SUMMARY if key in summary}),
        }

    @abstractmethod
    def _check_own(self) -> str:
        """Check the type's own options and return the score that the training must measure for it."""

    @abstractmethod
    def _judge(self, result: AuditResult) -> AuditResult:
        """Return the result judged by the type's own options."""

    @abstractmethod
    def _make_columns(self, result: AuditResult) -> tuple[Any, ...]:
        """Return the values of `columns`, (n,) each."""

    def _check_names(self, options: dict[str, Any]) -> None:
        known = (*SHARED, *option_names(self.own_options))
        for name in options:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                close = ["image_key"] if name == "image_column" else close
                hint = f"did you mean {close[0]!r}?" if close else f"choose from: {', '.join(known)}."
                raise UsageError(f"Unknown option {name!r} of the issue type {self.issue_name!r}; {hint}")


def _forget_results(lab: Datalab, name: str, columns: tuple[str, ...]) -> None:
    """Remove the results of an earlier run, so that none remain if this run fails."""
    lab.issues = lab.issues.drop(columns=list(columns), errors="ignore")
    lab.info.pop(name, None)
    summary = lab.issue_summary
    if name in set(summary["issue_type"]):
        lab.issue_summary = summary[summary["issue_type"] != name].reset_index(drop=True)
        lab.info["statistics"]["health_score"] = lab.issue_summary["score"].mean() if len(lab.issue_summary) else None
