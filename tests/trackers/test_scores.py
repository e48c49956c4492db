"""Every entry of the table of scores keeps the contract, and gives what its definition says."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from curv_issues.curvature import rademacher_directions
from curv_issues.plugins import load_attribute
from curv_issues.trackers import SCORES
from curv_issues.trackers.base import Need, Observation, Tracker, check_trackers, score_info
from tests import reference

N, K, EPOCHS = 7, 4, 5


@dataclass
class Watched:
    """What a run shows of its N samples: (epochs, N, ...) each."""

    labels: np.ndarray
    logits: np.ndarray
    gradients: np.ndarray
    curvatures: np.ndarray
    rivals: np.ndarray

    def batch(self, epoch: int, index: np.ndarray) -> Observation:
        return Observation(
            index=torch.from_numpy(index),
            labels=torch.from_numpy(self.labels[index]),
            logits=torch.from_numpy(self.logits[epoch, index]),
            gradient=torch.from_numpy(self.gradients[epoch, index]),
            curvature=torch.from_numpy(self.curvatures[epoch, index]),
            rival_curvature=torch.from_numpy(self.rivals[epoch, index]),
        )


def watched(seed: int = 0) -> Watched:
    rng = np.random.default_rng(seed)
    return Watched(
        labels=rng.integers(0, K, N),
        logits=rng.normal(size=(EPOCHS, N, K), scale=3).astype(np.float32),
        gradients=rng.normal(size=(EPOCHS, N, 3, 2, 2)).astype(np.float32),
        curvatures=rng.random((EPOCHS, N)).astype(np.float32),
        rivals=rng.random((EPOCHS, N)).astype(np.float32),
    )


def norm(gradient: np.ndarray) -> float:
    return math.sqrt(sum(v**2 for v in gradient.ravel().tolist()))


def by_sample(
    one: Callable[[list[float]], float], values: Callable[[Watched, int, int], float]
) -> Callable[[Watched], list[float]]:
    """The twin that makes a score of the values of a sample's epochs."""
    return lambda seen: [one([values(seen, epoch, i) for epoch in range(EPOCHS)]) for i in range(N)]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def of_logits(quantity: reference.Quantity) -> Callable[[Watched, int, int], float]:
    return lambda seen, epoch, i: quantity(seen.logits[epoch, i].tolist(), int(seen.labels[i]))


def is_right(logits: Sequence[float], label: int) -> float:
    return float(all(logits[label] > value for k, value in enumerate(logits) if k != label))


def times_forgotten(right: list[float]) -> float:
    if not any(right):
        return float(len(right))
    return float(sum(before and not after for before, after in itertools.pairwise(right)))


def first_right(right: list[float]) -> float:
    return float(right.index(1.0) if 1.0 in right else len(right))


def change(seen: Watched, epoch: int, i: int) -> float:
    """Norm of the projected change of the gradient since the epoch before; nothing in the first."""
    directions = rademacher_directions(16, (12,), generator=torch.Generator().manual_seed(0)).tolist()
    if epoch == 0:
        return 0.0
    step = (seen.gradients[epoch, i] - seen.gradients[epoch - 1, i]).ravel().tolist()
    return math.sqrt(mean([sum(a * b for a, b in zip(step, direction, strict=True)) ** 2 for direction in directions]))


def learning_time(seen: Watched) -> list[float]:
    norms = [[norm(seen.gradients[epoch, i]) ** 2 for epoch in range(EPOCHS)] for i in range(N)]
    means = [[mean(values[: end + 1]) for end in range(EPOCHS)] for values in norms]
    tau = statistics.median(value for values in means for value in values)
    return [float(next(t for t in range(EPOCHS + 1) if all(value < tau for value in values[t:]))) for values in means]


def last(quantity: reference.Quantity) -> Callable[[Watched], list[float]]:
    return lambda seen: [values[-1] for values in reference.over_epochs(quantity, seen.logits, seen.labels)]


TWINS: dict[str, Callable[[Watched], list[float]]] = {
    "input_curvature": lambda seen: [sum(seen.curvatures[:, i].tolist()) / EPOCHS for i in range(N)],
    "cumulative_loss": lambda seen: reference.cumulative_loss(seen.logits, seen.labels),
    "margin": lambda seen: reference.area_under_margin(seen.logits, seen.labels),
    "final_margin": last(reference.margin),
    "final_loss": last(reference.loss),
    "loss_sensitivity": by_sample(mean, lambda seen, epoch, i: norm(seen.gradients[epoch, i])),
    "evaluation_loss": by_sample(sum, of_logits(reference.loss)),
    "inconfidence": by_sample(lambda values: values[-1], of_logits(lambda logits, label: 1 - reference.softmax(logits)[label])),
    "max_inconfidence": by_sample(lambda values: values[-1], of_logits(lambda logits, _: 1 - max(reference.softmax(logits)))),
    "forgetting": by_sample(times_forgotten, of_logits(is_right)),
    "first_learned": by_sample(first_right, of_logits(is_right)),
    "learning_time": learning_time,
    "el2n": by_sample(lambda values: values[0], of_logits(reference.residual)),  # a fifth of five epochs
    "label_contrast": by_sample(mean, lambda seen, epoch, i: math.log(seen.curvatures[epoch, i]) - math.log(seen.rivals[epoch, i])),
    "label_contrast_difference": by_sample(mean, lambda seen, epoch, i: seen.curvatures[epoch, i] - seen.rivals[epoch, i]),
    "training_gradient": by_sample(sum, lambda seen, epoch, i: norm(seen.gradients[epoch, i])),
    "training_gradient_change": by_sample(sum, change),
    "residual": lambda seen: [sum(values) for values in reference.over_epochs(reference.residual, seen.logits, seen.labels)],
}


def build(name: str, num_samples: int = N, num_epochs: int = EPOCHS) -> Tracker:
    return load_attribute(SCORES[name].target)(num_samples, num_epochs)


def watch(tracker: Tracker, seen: Watched, *, samples: np.ndarray | None = None, shuffle: int | None = None) -> Tracker:
    """Let a tracker see every epoch in batches of at most three, in order or shuffled anew each epoch."""
    samples = np.arange(N) if samples is None else samples
    rng = np.random.default_rng(shuffle)
    for epoch in range(EPOCHS):
        order = samples if shuffle is None else rng.permutation(samples)
        for start in range(0, len(order), 3):
            tracker.observe(epoch, seen.batch(epoch, order[start : start + 3]))
    return tracker


def test_every_score_has_a_twin() -> None:
    assert set(TWINS) == set(SCORES)


@pytest.mark.parametrize("name", SCORES)
class TestContract:
    def test_entry_is_complete_and_leads_to_its_tracker(self, name: str) -> None:
        tracker = build(name)
        assert isinstance(tracker, Tracker)
        assert tracker.name == name
        assert isinstance(tracker.needs, Need)
        assert score_info(tracker) is SCORES[name]
        metadata = SCORES[name].metadata()
        assert set(metadata) == {"direction", "description", "cost", "source"}
        assert metadata["direction"] in ("high", "low")
        assert all(isinstance(text, str) and text for text in metadata.values())

    def test_equals_its_twin(self, name: str) -> None:
        seen = watched()
        score = watch(build(name), seen).score()
        assert score.dtype == np.float64
        np.testing.assert_allclose(score, TWINS[name](seen), rtol=1e-5, atol=1e-6)

    def test_direction_points_at_the_sample_that_does_not_fit(self, name: str) -> None:
        seen = watched()
        seen.logits[:] = 0
        seen.logits[..., 0] = 5
        seen.labels[:] = 0
        seen.labels[3] = 2  # the network says 0
        seen.logits[:, 3, 2] = 4  # but is not sure of it
        seen.gradients *= np.linspace(1, 0.1, EPOCHS, dtype=np.float32)[:, None, None, None, None]
        seen.gradients[:, 3] *= 100
        seen.curvatures[:, 3] = 100
        score = watch(build(name), seen).score()
        assert (score.argmax() if SCORES[name].direction == "high" else score.argmin()) == 3

    def test_the_index_travels_with_the_sample(self, name: str) -> None:
        seen = watched()
        shuffled = watch(build(name), seen, shuffle=1)
        np.testing.assert_allclose(shuffled.history, watch(build(name), seen).history, rtol=1e-5)

    def test_nothing_measured_is_nan(self, name: str) -> None:
        score = build(name).score()
        assert score.shape == (N,)
        assert np.isnan(score).all()

    def test_epochs_that_were_not_measured_do_not_count(self, name: str) -> None:
        seen = watched()
        sparse, dense = build(name), build(name, num_epochs=2)
        for position, epoch in enumerate((1, 4)):
            batch = seen.batch(epoch, np.arange(N))
            sparse.observe(epoch, batch)
            dense.observe(position, batch)
        assert np.isnan(sparse.history[:, [0, 2, 3]]).all()
        np.testing.assert_array_equal(sparse.score(), dense.score())

    def test_keep_epochs_forgets_the_one_cut_short(self, name: str) -> None:
        seen = watched()
        tracker, expected = watch(build(name), seen), build(name, num_epochs=3)
        for epoch in range(3):
            expected.observe(epoch, seen.batch(epoch, np.arange(N)))
        tracker.history[2:, 3] = np.nan
        tracker.keep_epochs(3)
        np.testing.assert_allclose(tracker.history, expected.history, rtol=1e-5)
        np.testing.assert_allclose(tracker.score(), expected.score(), rtol=1e-5)

    def test_state_goes_round(self, name: str) -> None:
        seen = watched()
        tracker, other = watch(build(name), seen), build(name)
        state = tracker.state_dict()
        assert all(isinstance(value, np.ndarray) and value.dtype != object for value in state.values())
        other.load_state_dict(state)
        np.testing.assert_array_equal(other.score(), tracker.score())
        other.observe(0, watched(seed=9).batch(0, np.arange(N)))
        np.testing.assert_array_equal(tracker.history, watch(build(name), seen).history)  # no shared memory

    def test_shards_merge_to_the_whole(self, name: str) -> None:
        seen = watched()
        whole, left, right = watch(build(name), seen), build(name), build(name)
        watch(left, seen, samples=np.array([0, 3, 6]))
        watch(right, seen, samples=np.array([1, 2, 4, 5]), shuffle=2)
        left.merge(right)
        np.testing.assert_allclose(left.history, whole.history, rtol=1e-5)
        np.testing.assert_allclose(left.score(), whole.score(), rtol=1e-5)

    def test_other_shapes_are_refused(self, name: str) -> None:
        tracker, other = build(name), build(name, num_epochs=1)
        with pytest.raises(ValueError, match=r"Expected a history of shape \(7, 5\), got \(7, 1\)"):
            tracker.load_state_dict(other.state_dict())
        with pytest.raises(ValueError, match=r"Expected a history of shape \(7, 5\), got \(7, 1\)"):
            tracker.merge(other)


def test_the_whole_table_can_run_together() -> None:
    check_trackers([load_attribute(info.target) for info in SCORES.values()])
