"""Every score in the table meets the contract and matches its definition."""

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
from curv_issues.trackers import SCORES
from curv_issues.trackers.base import Need, Observation, Quantity
from curv_issues.trackers.quantities import QUANTITIES
from curv_issues.trackers.scores import REDUCTIONS, make_quantities, make_score
from tests import reference

N, K, EPOCHS = 7, 4, 5


@dataclass
class Watched:
    """The values of N samples that a run shows to trackers, each (epochs, N, ...)."""

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
    """Return the reference scores of all samples: `one` of the values of each sample."""
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
    """Return the norm of the projected change of the gradient since the previous epoch; 0 in the first."""
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


REFERENCES: dict[str, Callable[[Watched], list[float]]] = {
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


def build(name: str, num_samples: int = N, num_epochs: int = EPOCHS) -> Quantity:
    """Return the quantity of one score."""
    (quantity,) = make_quantities([name], num_samples, num_epochs).values()
    return quantity


def score_of(name: str, quantity: Quantity) -> np.ndarray:
    return make_score(name, {quantity.name: quantity})


def watch(tracker: Quantity, seen: Watched, *, samples: np.ndarray | None = None, shuffle: int | None = None) -> Quantity:
    """Let a quantity observe every epoch in batches of at most three, in order or reshuffled each epoch."""
    samples = np.arange(N) if samples is None else samples
    rng = np.random.default_rng(shuffle)
    for epoch in range(EPOCHS):
        order = samples if shuffle is None else rng.permutation(samples)
        for start in range(0, len(order), 3):
            tracker.observe(epoch, seen.batch(epoch, order[start : start + 3]))
    return tracker


def test_every_score_has_a_reference() -> None:
    assert set(REFERENCES) == set(SCORES)


@pytest.mark.parametrize("name", SCORES)
class TestContract:
    def test_entry_is_complete_and_leads_to_its_quantity(self, name: str) -> None:
        info = SCORES[name]
        assert build(name).name == info.quantity
        assert isinstance(build(name).needs, Need)
        assert info.reduction in REDUCTIONS
        assert info.epochs in ("all", "last", "early")
        metadata = info.metadata()
        assert set(metadata) == {"direction", "description", "cost", "source"}
        assert metadata["direction"] in ("high", "low")
        assert all(isinstance(text, str) and text for text in metadata.values())

    def test_matches_the_reference(self, name: str) -> None:
        seen = watched()
        score = score_of(name, watch(build(name), seen))
        assert score.dtype == np.float64
        np.testing.assert_allclose(score, REFERENCES[name](seen), rtol=1e-5, atol=1e-6)

    def test_score_does_not_depend_on_extra_epochs(self, name: str) -> None:
        seen = watched()
        everything = watch(QUANTITIES[SCORES[name].quantity](N, EPOCHS), seen)
        np.testing.assert_array_equal(score_of(name, everything), score_of(name, watch(build(name), seen)))

    def test_direction_ranks_the_wrong_label_first(self, name: str) -> None:
        seen = watched()
        seen.logits[:] = 0
        seen.logits[..., 0] = 5
        seen.labels[:] = 0
        seen.labels[3] = 2  # the network predicts 0
        seen.logits[:, 3, 2] = 4  # but is uncertain
        seen.gradients *= np.linspace(1, 0.1, EPOCHS, dtype=np.float32)[:, None, None, None, None]
        seen.gradients[:, 3] *= 100
        seen.curvatures[:, 3] = 100
        score = score_of(name, watch(build(name), seen))
        assert (score.argmax() if SCORES[name].direction == "high" else score.argmin()) == 3

    def test_sample_order_does_not_matter(self, name: str) -> None:
        seen = watched()
        shuffled = watch(build(name), seen, shuffle=1)
        np.testing.assert_allclose(shuffled.history, watch(build(name), seen).history, rtol=1e-5)

    def test_nothing_measured_is_nan(self, name: str) -> None:
        score = score_of(name, build(name))
        assert score.shape == (N,)
        assert np.isnan(score).all()

    def test_unmeasured_epochs_are_ignored(self, name: str) -> None:
        seen = watched()
        sparse, dense = QUANTITIES[SCORES[name].quantity](N, EPOCHS), QUANTITIES[SCORES[name].quantity](N, 2)
        for position, epoch in enumerate((1, 4)):
            batch = seen.batch(epoch, np.arange(N))
            sparse.observe(epoch, batch)
            dense.observe(position, batch)
        assert set(sparse.measured) <= {1, 4}
        assert np.isnan(sparse.by_epoch(EPOCHS)[:, [0, 2, 3]]).all()
        np.testing.assert_array_equal(score_of(name, sparse), score_of(name, dense))

    def test_keep_epochs_drops_the_interrupted_epoch(self, name: str) -> None:
        seen = watched()
        tracker, expected = build(name), build(name, num_epochs=3)
        for epoch in range(3):
            tracker.observe(epoch, seen.batch(epoch, np.arange(N)))
            expected.observe(epoch, seen.batch(epoch, np.arange(N)))
        tracker.observe(3, seen.batch(3, np.arange(2)))
        if tracker.epochs != "last":
            tracker.keep_epochs(3)
            np.testing.assert_allclose(tracker.history, expected.history, rtol=1e-5)
            np.testing.assert_allclose(score_of(name, tracker), score_of(name, expected), rtol=1e-5)

    def test_state_is_restored(self, name: str) -> None:
        seen = watched()
        tracker, other = watch(build(name), seen), build(name)
        state = tracker.state_dict()
        assert all(isinstance(value, np.ndarray) and value.dtype != object for value in state.values())
        other.load_state_dict(state)
        np.testing.assert_array_equal(score_of(name, other), score_of(name, tracker))
        other.observe(0, watched(seed=9).batch(0, np.arange(N)))
        np.testing.assert_array_equal(tracker.history, watch(build(name), seen).history)  # no shared memory

    def test_restored_state_continues_identically(self, name: str) -> None:
        seen = watched()
        first, second = build(name), build(name)
        for epoch in range(2):
            first.observe(epoch, seen.batch(epoch, np.arange(N)))
        second.load_state_dict(first.state_dict())
        for epoch in range(2, EPOCHS):
            second.observe(epoch, seen.batch(epoch, np.arange(N)))
        np.testing.assert_allclose(score_of(name, second), score_of(name, watch(build(name), seen)), rtol=1e-6)

    def test_shards_merge_to_the_whole(self, name: str) -> None:
        seen = watched()
        whole, left, right = watch(build(name), seen), build(name), build(name)
        watch(left, seen, samples=np.array([0, 3, 6]))
        watch(right, seen, samples=np.array([1, 2, 4, 5]), shuffle=2)
        left.merge(right)
        np.testing.assert_allclose(left.history, whole.history, rtol=1e-5)
        np.testing.assert_allclose(score_of(name, left), score_of(name, whole), rtol=1e-5)

    def test_other_shapes_are_refused(self, name: str) -> None:
        seen = watched()
        for other in (watch(build(name, num_samples=9), seen, samples=np.arange(3)), watch(build(name, num_epochs=9), seen)):
            if (other.num_samples, set(other.measured)) == (N, {0}):
                continue  # only the first epoch is kept, which both have
            smaller = build(name, num_epochs=1)
            with pytest.raises(ValueError, match="Expected 7 samples and epochs below 1, got"):
                smaller.load_state_dict(other.state_dict())
            with pytest.raises(ValueError, match="Expected 7 samples and epochs below 1, got"):
                smaller.merge(other)


def test_only_kept_epochs_take_memory() -> None:
    seen, batch = watched(), np.arange(N)
    kept = {"final_loss": (4,), "el2n": (0,), "input_curvature": (1, 4), "margin": (0, 1, 2, 3, 4)}
    for name, epochs in kept.items():
        quantity = build(name)
        for epoch in (1, 4) if name == "input_curvature" else range(EPOCHS):
            quantity.observe(epoch, seen.batch(epoch, batch))
        assert quantity.measured == epochs
        assert quantity.history.shape == (N, len(epochs))


def test_interrupted_last_epoch_does_not_replace_the_previous_one() -> None:
    seen, quantity = watched(), build("final_loss")
    quantity.observe(1, seen.batch(1, np.arange(N)))
    quantity.end_epoch()
    quantity.observe(3, seen.batch(3, np.arange(2)))
    quantity.keep_epochs(3)
    assert quantity.measured == (1,)
    assert np.isfinite(quantity.history).all()


def test_each_quantity_is_made_once() -> None:
    made = make_quantities(SCORES, N, EPOCHS)
    assert list(made) == list(QUANTITIES)
    assert len({type(quantity) for quantity in made.values()}) == len(made) < len(SCORES)
    assert made["evaluation_loss"].epochs == "all"  # the sum needs all epochs, final_loss the last
    assert made["residual"].epochs == "early"
