"""Compare all scores of a result, and its quantities by epoch, with a reference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from curv_issues.memorization.matching import LEAST_VALUES, match
from curv_issues.memorization.reference import Reference, read_reference
from curv_issues.memorization.similarity import REPEATS, correlations, similarity
from curv_issues.option_checks import Whole
from curv_issues.results.result import AuditResult
from curv_issues.trackers import ALL_SCORES

TOP = 0.1
"""Fraction of the samples with the highest reference values that are also compared alone: 5,000 of 50,000."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """How similar the scores of a result are to a reference.

    Attributes:
        reference: name of the reference.
        scores: as `similarity` returns it, the highest Spearman correlation over all samples first; `suspicion` is the ranking
            of the audit. Scores whose low end is suspect are negated.
        by_epoch: one row per followed quantity and measured epoch: `quantity`, `epoch` (from 1), `kind` ("epoch": of this epoch,
            "cumulative": mean of the epochs so far), `samples`, `cosine`, `pearson`, `spearman`.
        num_samples: samples with a reference value.
        num_top: samples of the top.
        notes: what a user should know, one line each.
    """

    reference: str
    scores: pd.DataFrame
    by_epoch: pd.DataFrame
    num_samples: int
    num_top: int
    notes: tuple[str, ...]


def compare_with(
    result: AuditResult, reference: Reference | str | Path, *, top: int | None = None, repeats: int = REPEATS, seed: int = 0
) -> Comparison:
    """Compare a result with estimates of memorization of the same samples.

    Args:
        result: an audit.
        reference: see `read_reference`.
        top: samples with the highest reference values that are also compared alone, at least 3; None: a tenth.
        repeats: see `similarity`.
        seed: see `similarity`.

    Raises:
        DatasetError: the reference cannot be read or matched.
        UsageError: an option is out of range.
    """
    Whole(LEAST_VALUES, None, optional=True)("top", top)
    if not isinstance(reference, Reference):
        reference = read_reference(reference)
    values, notes = match(reference, result)
    known = int(np.isfinite(values).sum())
    num_top = min(known, max(LEAST_VALUES, math.ceil(TOP * known)) if top is None else top)
    columns = {"suspicion": result.scores["suspicion"].to_numpy()}
    for name in result.score_names:
        sign = -1 if result.score_metadata[name]["direction"] == "low" else 1
        columns[name] = sign * result.scores[name].to_numpy()
    table = similarity(columns, values, top=num_top, repeats=repeats, seed=seed)
    best = table[table["samples"] == "all"].set_index("score")["spearman"]
    order = np.lexsort((table.index, -table["score"].map(best).fillna(-np.inf)))
    table = table.iloc[order].reset_index(drop=True)
    return Comparison(reference.name, table, _by_epoch(result, values, num_top), known, num_top, tuple(notes))


def _by_epoch(result: AuditResult, values: np.ndarray, num_top: int) -> pd.DataFrame:
    measured = np.isfinite(values)
    sets = {"all": measured, "top": measured & (values >= np.sort(values[measured])[-num_top])}
    rows = []
    for quantity, history in result.trajectories.items():
        sign = -1 if quantity in ALL_SCORES and ALL_SCORES[quantity].direction == "low" else 1
        total, count = np.zeros(len(values)), 0
        for epoch in range(history.shape[1]):
            column = sign * history[:, epoch].astype(np.float64)
            if not np.isfinite(column).any():
                continue
            total, count = total + column, count + 1
            for kind, found in (("epoch", column), ("cumulative", total / count)):
                for samples, members in sets.items():
                    compared = correlations(found[members], values[members])
                    rows.append({"quantity": quantity, "epoch": epoch + 1, "kind": kind, "samples": samples, **compared})
    return pd.DataFrame(rows, columns=["quantity", "epoch", "kind", "samples", "cosine", "pearson", "spearman"])
