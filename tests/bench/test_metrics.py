from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curv_issues.bench.metrics import auroc_by_class, curves, detection, flagging, histogram, mean_auroc_within_classes

TRUTH = np.array([True, False, True, False, False])
SUSPECT = np.array([0.9, 0.8, 0.7, 0.1, 0.0])


def pair_auroc(truth: np.ndarray, suspect: np.ndarray) -> float:
    """Return the fraction of (wrong, right) pairs in the right order; a tie counts half."""
    pairs = [(w, r) for w in suspect[truth] for r in suspect[~truth]]
    return sum(1.0 if w > r else 0.5 if w == r else 0.0 for w, r in pairs) / len(pairs)


@given(
    hnp.arrays(bool, 12),
    hnp.arrays(np.float64, 12, elements=st.integers(-5, 5).map(float)),
)
def test_auroc_is_the_fraction_of_pairs_in_order(truth: np.ndarray, suspect: np.ndarray) -> None:
    found = detection(truth, suspect)
    if truth.all() or not truth.any():
        assert found is None
        assert curves(truth, suspect) is None
    else:
        assert found is not None
        assert found["auroc"] == pytest.approx(pair_auroc(truth, suspect))
        roc = np.array(curves(truth, suspect)["roc"])  # type: ignore[index]
        assert np.trapezoid(roc[:, 1], roc[:, 0]) == pytest.approx(found["auroc"], abs=1e-4)


def test_detection_by_hand() -> None:
    found = detection(TRUTH, SUSPECT)
    assert found == pytest.approx({"auroc": 5 / 6, "average_precision": (1 + 2 / 3) / 2, "precision_at_k": 0.5})


def test_curves_are_thin_and_keep_their_ends() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(5_000) < 0.1
    suspect = rng.normal(size=5_000) + truth
    found = curves(truth, suspect)
    assert found is not None
    for name, ends in (("roc", ([0, 0], [1, 1])), ("precision_recall", ([None, 1], [1, None]))):
        points = found[name]
        assert len(points) <= 202
        assert all(a <= b for (a, _), (b, _) in itertools.pairwise(points))
        for point, end in zip((points[0], points[-1]), ends, strict=True):
            assert end[0] is None or point[0] == end[0]
            assert end[1] is None or point[1] == end[1]
    assert found["precision_recall"][-1][1] == pytest.approx(truth.mean(), abs=0.01)


def test_within_classes() -> None:
    labels = np.array([0, 0, 1, 1, 1, 2])
    truth = np.array([True, False, True, False, False, False])
    suspect = np.array([1.0, 0.0, 1.0, 2.0, 0.0, 9.0])
    assert mean_auroc_within_classes(truth, suspect, labels) == pytest.approx((1.0 + 0.5) / 2)  # the third has nothing wrong
    assert auroc_by_class(truth, suspect, labels, ("a", "b", "c")) == {
        "a": {"n": 2, "auroc": 1.0},
        "b": {"n": 3, "auroc": 0.5},
        "c": {"n": 1, "auroc": None},
    }
    assert mean_auroc_within_classes(np.zeros(6, dtype=bool), suspect, labels) is None


def test_flagging() -> None:
    flagged = np.array([True, True, False, False, False])
    assert flagging(TRUTH, flagged) == {"wrong": 2, "flagged": 2, "hits": 1, "precision": 0.5, "recall": 0.5}
    nothing = np.zeros(5, dtype=bool)
    assert flagging(TRUTH, nothing)["precision"] is None
    assert flagging(nothing, flagged)["recall"] is None


def test_histograms_count_every_sample() -> None:
    values = np.concatenate([np.linspace(0, 1, 900), [1e6]])
    truth = np.arange(901) % 3 == 0
    found = histogram(truth, values)
    assert len(found["edges"]) == 51
    assert found["edges"][-1] < 1.01  # one outlier does not set the scale
    assert sum(found["wrong"]) == truth.sum()
    assert sum(found["right"]) == (~truth).sum()
    assert sum(histogram(truth, np.ones(901))["right"]) == (~truth).sum()


def test_precision_recall_curve_starts_with_the_most_suspect_samples() -> None:
    found = curves(np.array([True, False, True, False]), np.array([2.0, 2.0, 1.0, 0.0]))
    assert found is not None
    assert found["precision_recall"] == [[0.5, 0.5], [1.0, 0.66667], [1.0, 0.5]]


def test_histograms_are_logarithmic_if_most_values_are_small() -> None:
    truth = np.arange(1_000) < 100
    for values, logarithmic in (
        (np.geomspace(1e-4, 10, 1_000), True),
        (np.linspace(0.001, 1, 1_000), False),  # ranks
        (np.geomspace(1, 50, 1_000), False),  # hardly more than a decade
        (np.geomspace(1e-4, 10, 1_000) - 1, False),  # negative ones too
        (10 - np.geomspace(1e-4, 9, 1_000), False),  # crowded at the other end
    ):
        edges = np.array(histogram(truth, values)["edges"])
        widths = np.diff(np.log(edges)) if logarithmic else np.diff(edges)
        np.testing.assert_allclose(widths, widths[0])
