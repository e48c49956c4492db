from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.options import PRESETS, TrainingOptions
from curv_issues.training.recipe import make_recipe, spread_epochs

SIZES = [2, 10, 60, 500, 1_797, 3_068, 10_000, 50_000, 60_000, 500_000, 1_300_000]


def recipe(n: int, *, grey: bool = False, resolution: int = 32, **options: Any) -> Any:
    return make_recipe(TrainingOptions(**options), num_samples=n, shape=(1 if grey else 3, resolution, resolution))


@pytest.mark.parametrize("preset", PRESETS)
def test_more_samples_mean_fewer_epochs_and_larger_batches(preset: str) -> None:
    made = [recipe(n, preset=preset) for n in SIZES]
    epochs, batches = [r.epochs for r in made], [r.batch_size for r in made]
    steps = [r.epochs * n / r.batch_size for r, n in zip(made, SIZES, strict=True)]
    assert epochs == sorted(epochs, reverse=True)
    assert batches == sorted(batches)
    # batch sizes are powers of two and epochs are limited, so the steps may drop by less than half
    assert all(later > 0.5 * earlier for earlier, later in itertools.pairwise(steps))
    assert steps[-1] > 10 * steps[0]
    assert [r.learning_rate for r in made] == sorted(r.learning_rate for r in made)
    for r in made:
        assert 2 <= r.epochs <= 100
        assert 16 <= r.batch_size <= 512
        assert r.batch_size & (r.batch_size - 1) == 0
        assert 0.01 < r.learning_rate < 0.5


def test_effort_for_small_and_large_datasets() -> None:
    small, large = recipe(500), recipe(500_000)
    assert small.epochs >= 20
    assert small.epochs * 500 / small.batch_size >= 300  # enough steps to learn something
    assert 3 <= large.epochs <= 8
    assert large.batch_size >= 256


@pytest.mark.parametrize(
    ("n", "batch_size"), [(500, 16), (2_000, 32), (5_000, 64), (10_000, 64), (20_000, 128), (50_000, 256), (200_000, 512)]
)
def test_batch_size_grows_with_the_number_of_samples(n: int, batch_size: int) -> None:
    assert recipe(n).batch_size == batch_size
    assert recipe(n).learning_rate == pytest.approx(0.2 * (batch_size / 256) ** 0.5)


@pytest.mark.parametrize(("n", "epochs"), [(100, 40), (1_600, 40), (10_000, 17), (50_000, 8), (500_000, 3)])
def test_epochs_by_the_number_of_samples(n: int, epochs: int) -> None:
    assert recipe(n).epochs == epochs


def test_even_the_largest_datasets_get_two_epochs() -> None:
    assert recipe(1_000_000_000, preset="quick").epochs == 2


def test_presets_order_the_effort() -> None:
    quick, standard, thorough = (recipe(50_000, preset=name) for name in ("quick", "standard", "thorough"))
    assert quick.epochs < standard.epochs < thorough.epochs
    effort = [len(r.curvature_epochs) * r.num_matvecs for r in (quick, standard, thorough)]
    assert effort == sorted(effort)


def test_every_choice_can_be_set() -> None:
    chosen: dict[str, Any] = {
        "epochs": 7,
        "batch_size": 48,
        "learning_rate": 0.03,
        "weight_decay": 0.0,
        "flip": True,
        "shift": 5,
        "num_matvecs": 3,
        "step": 1e-3,
        "form": "norm",
    }
    made = recipe(1000, grey=True, curvature_epochs=2, **chosen)
    assert {name: getattr(made, name) for name in chosen} == chosen
    assert made.curvature_epochs == (3, 6)


def test_augmentation_defaults_follow_the_images() -> None:
    assert recipe(100, grey=False).flip is True
    assert recipe(100, grey=True).flip is False
    assert recipe(100, flip=False).flip is False
    assert [recipe(100, resolution=side).shift for side in (8, 32, 64)] == [0, 2, 4]
    assert recipe(100, shift=0).shift == 0


def test_features_are_not_augmented() -> None:
    made = make_recipe(TrainingOptions(flip=True, shift=3), num_samples=100, shape=(5,))
    assert (made.flip, made.shift) == (False, 0)
    assert made.epochs == recipe(100).epochs


def test_weight_decay_follows_the_features_per_sample() -> None:
    def decay(n: int, shape: tuple[int, ...], **options: Any) -> float:
        return make_recipe(TrainingOptions(**options), num_samples=n, shape=shape).weight_decay

    assert decay(1000, (3, 32, 32)) == decay(10, (1, 8, 8)) == decay(1_000_000, (768,)) == 5e-4
    assert decay(1000, (100,)) == pytest.approx(0.004)
    assert decay(100, (1000,)) == 0.02
    assert decay(100, (1000,), weight_decay=0) == 0


def test_learning_rate_follows_the_chosen_batch_size() -> None:
    assert recipe(1000, batch_size=64).learning_rate == pytest.approx(recipe(1000, batch_size=256).learning_rate / 2)


def test_all_values_are_plain_numbers() -> None:
    made = recipe(1000, epochs=np.uint8(200), batch_size=np.int64(32), learning_rate=np.float32(0.5), step=np.float64(0.01))
    assert made.curvature_epochs[-1] == 199
    for name in ("epochs", "batch_size", "shift", "num_matvecs"):
        assert type(getattr(made, name)) is int
        assert type(getattr(recipe(1000), name)) is int
    for name in ("learning_rate", "weight_decay", "step"):
        assert type(getattr(made, name)) is float
        assert type(getattr(recipe(1000), name)) is float
    assert all(type(epoch) is int for epoch in made.curvature_epochs)


def test_never_more_measurements_than_epochs() -> None:
    assert recipe(1000, epochs=1, preset="thorough").curvature_epochs == (0,)
    assert recipe(1000, epochs=3, curvature_epochs=50).curvature_epochs == (0, 1, 2)


@given(st.integers(1, 300).flatmap(lambda epochs: st.tuples(st.just(epochs), st.integers(1, epochs))))
def test_spread_epochs(case: tuple[int, int]) -> None:
    epochs, count = case
    spread = spread_epochs(epochs, count)
    assert len(spread) == count
    assert list(spread) == sorted(set(spread))
    assert spread[0] >= 0
    assert spread[-1] == epochs - 1
    gaps = np.diff([-1, *spread])
    assert gaps.max() - gaps.min() <= 2
