"""Whether the labels of samples can be predicted at all."""

from __future__ import annotations

import numpy as np

LEAST_PROBABILITY = 1e-4  # lower ones are taken as this
DEVIATIONS = 5.0  # predictions of similar samples err together, so their mean varies more than the standard error says


def are_predicted(pred_probs: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether probabilities say more about the labels than the frequencies of the classes do.

    The log-probability of each given class is compared with the mean over all classes, weighted by their frequencies, which is
    what it would be if the labels had been drawn without regard to the samples. The mean difference must be more than five
    standard errors above 0.

    Args:
        pred_probs: float (n, k), of models that were not trained on the sample.
        labels: int64 (n,), the given classes.
    """
    n, k = pred_probs.shape
    logs = np.log(np.maximum(pred_probs.astype(np.float32), LEAST_PROBABILITY))
    gain = logs[np.arange(n), labels] - logs @ (np.bincount(labels, minlength=k) / n).astype(np.float32)
    return bool(gain.mean() > DEVIATIONS * gain.std() / np.sqrt(n))
