"""Feature vectors as inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from curv_issues.inputs import features as module
from curv_issues.inputs.base import Augmentation, ProbeSpec
from curv_issues.inputs.features import FeatureInputs
from tests.small import CPU

ROWS = torch.arange(300)


def values(dtype: str = "float32") -> np.ndarray:
    return (np.random.default_rng(0).normal(size=(300, 5)) * [1, 10, 100, 1, 1] + [0, 5, 1000, 0, 7]).astype(dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_batches_are_standardised(dtype: str) -> None:
    given = values(dtype)
    inputs = FeatureInputs(given)
    batch = inputs.batch(ROWS, CPU)
    assert batch.dtype == torch.float32
    wide = given.astype(np.float64)
    expected = (wide - wide.mean(0)) / wide.std(0)
    torch.testing.assert_close(batch, torch.from_numpy(expected).float(), atol=1e-3, rtol=1e-3)
    assert torch.equal(inputs.batch(torch.tensor([7, 3]), CPU), batch[[7, 3]])
    assert (len(inputs), inputs.shape) == (300, (5,))
    assert inputs.spec(4) == ProbeSpec(num_classes=4, shape=(5,))


def test_constant_features_become_zero() -> None:
    given = values()
    given[:, 1], given[:, 4] = 0.0, 123456.7
    batch = FeatureInputs(given).batch(ROWS, CPU)
    assert torch.allclose(batch[:, [1, 4]], torch.zeros(300, 2), atol=0.02)
    assert batch[:, 0].std() == pytest.approx(1, abs=0.01)


def test_features_are_not_augmented() -> None:
    inputs, generator = FeatureInputs(values()), torch.Generator().manual_seed(0)
    before = generator.get_state()
    augmented = inputs.augmented(ROWS[:9], CPU, augmentation=Augmentation(flip=True, shift=3), generator=generator)
    assert torch.equal(augmented.inputs, inputs.batch(ROWS[:9], CPU))
    gradient = torch.randn(9, 5)
    assert augmented.to_samples(gradient) is gradient
    assert torch.equal(generator.get_state(), before)


def test_statistics_of_many_rows_come_from_evenly_spaced_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STATISTICS_VALUES", 500)  # every third row
    monkeypatch.setattr(module, "_CHUNK", 7)
    given = values()
    batch = FeatureInputs(given).batch(ROWS[::3], CPU)
    torch.testing.assert_close(batch.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(batch.std(0, correction=0), torch.ones(5), atol=1e-4, rtol=0)


def test_memory_map_is_read_in_place(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", values("float16"))
    inputs = FeatureInputs(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert torch.equal(inputs.batch(ROWS, CPU), FeatureInputs(values("float16")).batch(ROWS, CPU))


def test_heavy_tails_become_normal_scores() -> None:
    given = values()
    given[:, [1, 3]] = np.random.default_rng(1).lognormal(sigma=2, size=(300, 2))
    inputs, plain = FeatureInputs(given), FeatureInputs(given, ranks=False)
    batch, before = inputs.batch(ROWS, CPU), plain.batch(ROWS, CPU)
    assert before[:, [1, 3]].abs().max() > 8
    assert batch[:, [1, 3]].abs().max() < 3.5
    torch.testing.assert_close(batch.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(batch.std(0, correction=0), torch.ones(5), atol=1e-4, rtol=0)
    assert torch.equal(batch[:, [0, 2, 4]], before[:, [0, 2, 4]])
    assert torch.equal(batch[:, 1].argsort(), before[:, 1].argsort())
    assert torch.equal(inputs.batch(torch.tensor([7, 3]), CPU), batch[[7, 3]])
    assert torch.equal(inputs.of_others(given[7:9]).batch(ROWS[:2], CPU), batch[7:9])
    torch.testing.assert_close(plain.original(before).double(), torch.from_numpy(given).double(), atol=1e-3, rtol=1e-4)
