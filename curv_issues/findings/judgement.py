"""The one judgement: what a run knows of its samples in, findings of all kinds out. Never trains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.duplicates.base import ComparedImages
from curv_issues.options import FindingOptions
from curv_issues.plugins import load_attribute
from curv_issues.results.arrow import text_column
from curv_issues.results.kinds import KINDS
from curv_issues.results.tables import FINDINGS


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What is known of n samples, k classes. A kind is judged only if the evidence for it is there.

    Attributes:
        samples: one row per sample: `row`, `split`, `path`, `given`.
        image_sha256: object (n,), hash of each image's decoded pixels.
        class_names: the k names.
        labels: int64 (n,), the given classes.
        suggested: int64 (n,), the class other than the given one that the probe finds best.
        scores: raw scores by name, float64 (n,) each.
        directions: "high" or "low" by score: the end at which a sample is suspect.
        margins: float (n, e), margin of the given label in the training pass by epoch; None: there was no training.
        reference_margin: how labels drawn at random fare, by epoch; see `ReferenceMargin`.
        standard_epochs: number of epochs that this size of dataset is given by default.
        pred_probs: float (n, k), probabilities of the classes.
        features: float (n, d), embeddings.
        compared: pairs of the samples' images; None: not searched for duplicates.
        other_split: pairs of images of the samples and of another split; None: there is no other split.
    """

    samples: pd.DataFrame
    image_sha256: np.ndarray
    class_names: Sequence[str]
    labels: np.ndarray
    suggested: np.ndarray | None = None
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    directions: Mapping[str, str] = field(default_factory=dict)
    margins: np.ndarray | None = None
    reference_margin: Mapping[str, Sequence[float]] = field(default_factory=dict)
    standard_epochs: float = 0.0
    pred_probs: np.ndarray | None = None
    features: np.ndarray | None = None
    compared: ComparedImages | None = None
    other_split: OtherSplit | None = None


@dataclass(frozen=True, eq=False)
class OtherSplit:
    """Pairs of images of the n samples and of the m samples of another split.

    Attributes:
        compared: `first` are positions in the samples, `second` in the other split.
        samples: one row per sample of the other split: `row`, `split`, `path`, `given`.
        image_sha256: object (m,), hash of each image's decoded pixels.
        description: JSON values that name the other split.
    """

    compared: ComparedImages
    samples: pd.DataFrame
    image_sha256: np.ndarray
    description: Mapping[str, Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class KindJudgement:
    """The judgement on one kind.

    Attributes:
        positions: int64 (m,), samples with a finding, or None if the kind fills its tables only.
        suggested: int64 (m,), the class that is suggested for each of them.
        columns: columns of the scores table, (n,) each.
        metadata: of those columns that are scores: direction, description, cost, source.
        tables: those of the kind, by name.
        summary: JSON values for the summary.
        notes: what a reader should know, one sentence or two each.
    """

    positions: np.ndarray | None = None
    suggested: np.ndarray | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Judgement:
    """The judgement on all kinds for which there is evidence.

    Attributes:
        kinds: the judgement on each, in the order of `KINDS`.
    """

    kinds: Mapping[str, KindJudgement]

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Columns of the scores table."""
        return {name: values for kind in self.kinds.values() for name, values in kind.columns.items()}

    @property
    def metadata(self) -> dict[str, dict[str, str]]:
        """Metadata of those columns that are scores."""
        return {name: dict(entries) for kind in self.kinds.values() for name, entries in kind.metadata.items()}

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Tables by name."""
        return {name: table for kind in self.kinds.values() for name, table in kind.tables.items()}

    @property
    def summary(self) -> dict[str, Any]:
        """JSON values for the summary."""
        return {name: value for kind in self.kinds.values() for name, value in kind.summary.items()}

    @property
    def notes(self) -> list[str]:
        """What a reader should know."""
        return [note for kind in self.kinds.values() for note in kind.notes]


def judge(evidence: Evidence, options: FindingOptions, *, kinds: Iterable[str] | None = None) -> Judgement:
    """Judge n samples.

    Args:
        evidence: what is known of them.
        options: what to rank by and where to cut.
        kinds: names of the kinds to judge; None: all.

    Raises:
        UsageError: the score to rank by was not measured.
    """
    judged = {
        name: load_attribute(f"{KINDS[name].module}:judge")(evidence, options) for name in KINDS if kinds is None or name in kinds
    }
    return Judgement({name: kind for name, kind in judged.items() if kind is not None})


def findings_table(evidence: Evidence, judgement: Judgement, suspicion: np.ndarray) -> pd.DataFrame:
    """Return one row per finding, kind by kind, with the suspicion (n,) of its sample."""
    names = text_column(evidence.class_names).to_numpy(dtype=object)
    samples = evidence.samples.assign(suspicion=suspicion, image_sha256=text_column(evidence.image_sha256))
    parts = [
        samples.iloc[found.positions].assign(
            kind=text_column([kind] * len(found.positions)).to_numpy(), suggested=names[found.suggested]
        )
        for kind, found in judgement.kinds.items()
        if found.positions is not None
    ]
    return pd.concat(parts)[FINDINGS.names] if parts else samples.iloc[:0].assign(kind="", suggested="")[FINDINGS.names]
