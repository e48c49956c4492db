"""Attach out-of-sample probabilities of a user-supplied model to data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from curv_issues.counting import counted
from curv_issues.data.base import LabeledData
from curv_issues.errors import DatasetError

_LARGEST_DIFFERENCE = 0.01  # of a sum of probabilities from 1: float16 has three digits


def with_pred_probs(data: LabeledData, pred_probs: Any) -> LabeledData:
    """Return the data with class probabilities for each sample from a model that was not trained on it.

    Args:
        data: n samples.
        pred_probs: (n, k), an array, tensor or DataFrame, columns in the order of `data.class_names`; or one row per row of the
            whole dataset, of which some were left out.

    Raises:
        DatasetError: the shape is wrong, or a row is not a probability distribution.
    """
    values = np.asarray(pred_probs.detach().cpu() if hasattr(pred_probs, "detach") else pred_probs)
    classes = data.num_classes
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating) or values.shape[1] != classes:
        raise DatasetError(
            f"pred_probs must be probabilities of shape (n, {classes}), columns in the order of the classes "
            f"({', '.join(data.class_names[:5])}{', ...' if classes > 5 else ''}), got {values.dtype} {values.shape}."
        )
    if len(values) != len(data):
        if len(values) != data.source.num_rows:
            raise DatasetError(f"pred_probs has {counted(len(values), 'row')}; expected one per sample, {len(data)}.")
        values = values[data.rows]
    sums = values.sum(axis=1, dtype=np.float64)
    bad = np.flatnonzero(~(np.abs(sums - 1) <= _LARGEST_DIFFERENCE) | (values < 0).any(axis=1))
    if len(bad):
        raise DatasetError(
            f"{counted(len(bad), 'row')} of pred_probs {'is' if len(bad) == 1 else 'are'} not probabilities that sum to 1 "
            f"(the first is row {bad[0]}, with sum {sums[bad[0]]:.3g}); apply softmax to logits."
        )
    return replace(data, pred_probs=values)
