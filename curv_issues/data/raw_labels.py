"""Take labels from whatever holds them in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from curv_issues.data.data_frames import list_values


def as_list_of_labels(labels: Any) -> Sequence[Any] | np.ndarray:
    """Return labels in a torch tensor, a pandas Series or an Arrow column as an array or a list; others unchanged."""
    if hasattr(labels, "detach"):
        return labels.detach().cpu().numpy()
    if hasattr(labels, "notna"):
        return list_values(labels)
    return labels.to_pylist() if hasattr(labels, "to_pylist") else labels
