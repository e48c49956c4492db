from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import curv_issues.baselines.fresh as fresh_module
from curv_issues.baselines.fresh import FreshProbes
from curv_issues.errors import DatasetError, UsageError
from curv_issues.options import TrainingOptions
from curv_issues.progress import Progress
from curv_issues.trackers.quantities import Margin
from curv_issues.trackers.scores import REDUCTIONS
from curv_issues.training.recipe import make_recipe
from curv_issues.training.run import run_probe
from curv_issues.training.scoring import predict
from tests.small import linear_probe, make_data, mlp_probe, seeded

DATA = make_data(50, side=8)
ALL = np.arange(50)


def options(**changes: Any) -> TrainingOptions:
    return TrainingOptions(**{"epochs": 2, "probe": mlp_probe, **changes})


def weights(probe: nn.Module) -> list[float]:
    return torch.cat([value.flatten().float() for value in probe.state_dict().values()]).tolist()


@pytest.mark.parametrize("probe", ["convnet", mlp_probe])
def test_training_on_all_data_is_identical_to_an_audit(probe: Any) -> None:
    chosen = options(probe=probe, seed=5, epochs=3)
    run = run_probe(DATA, chosen)
    assert run is not None
    fresh = FreshProbes(DATA, chosen)
    margin = Margin(50, 3)
    network = fresh.train(ALL, seed=5, quantities=[margin])
    pred_probs, embeddings, _ = predict(network, fresh.inputs, fresh.labels, device=fresh.device)
    np.testing.assert_array_equal(pred_probs, run.pred_probs)
    np.testing.assert_array_equal(embeddings, run.embeddings)
    np.testing.assert_array_equal(REDUCTIONS["mean"](margin.history), run.scores["margin"])
    assert fresh.recipe == run.recipe


def test_recipe_follows_all_data_not_the_subset() -> None:
    data = make_data(3000)
    chosen = TrainingOptions(probe=linear_probe, preset="quick")
    fresh = FreshProbes(data, chosen)
    whole, part = (make_recipe(chosen, num_samples=n, shape=(1, 8, 8)) for n in (3000, 40))
    assert fresh.recipe == whole
    assert part != whole
    seen: list[int] = []
    fresh.train(np.arange(40), seed=0, on_epoch=lambda epoch, _network: seen.append(epoch))
    assert seen == list(range(whole.epochs))


def test_only_the_subset_is_trained_on_by_position_in_all_data() -> None:
    part = np.array([3, 8, 9, 20, 41, 44, 47])
    margin = Margin(50, 2)
    FreshProbes(DATA, options()).train(part, seed=0, quantities=[margin])
    assert np.flatnonzero(~np.isnan(margin.history).any(axis=1)).tolist() == part.tolist()
    assert np.isnan(np.delete(margin.history, part, axis=0)).all()


def test_left_out_samples_do_not_change_the_network() -> None:
    part = np.flatnonzero(ALL % 3 != 0)
    labels = torch.from_numpy(DATA.labels).clone()
    plain = FreshProbes(DATA, options()).train(part, seed=1, labels=labels)
    labels[::3] = (labels[::3] + 1) % 3
    assert weights(FreshProbes(DATA, options()).train(part, seed=1, labels=labels)) == weights(plain)
    labels[1] = (labels[1] + 1) % 3
    assert weights(FreshProbes(DATA, options()).train(part, seed=1, labels=labels)) != weights(plain)


def test_each_training_starts_from_its_seed() -> None:
    fresh = FreshProbes(DATA, options())
    first, other, again = (weights(fresh.train(ALL, seed=seed)) for seed in (0, 1, 0))
    assert first == again
    assert first != other


def test_a_network_can_be_trained_further() -> None:
    fresh = FreshProbes(DATA, options())
    network = fresh.train(ALL[:25], seed=0)
    before = weights(network)
    asked: list[bool] = []
    further = fresh.train(ALL[25:], seed=1, probe=network, on_epoch=lambda _, seen: asked.append(seen is network))
    assert further is network
    assert asked == [True, True]
    assert weights(network) != before


def test_user_supplied_module_is_copied_each_time() -> None:
    fresh = FreshProbes(DATA, options())
    mine = seeded(0, lambda: mlp_probe(fresh.spec))
    before = weights(mine)
    fresh = FreshProbes(DATA, options(probe=mine))
    first = fresh.train(ALL, seed=0)
    assert weights(mine) == before
    assert weights(fresh.train(ALL, seed=0)) == weights(first)


def test_logits_are_of_clean_images_in_evaluation_mode() -> None:
    fresh = FreshProbes(DATA, options(shift=3))
    network = fresh.train(ALL, seed=0).eval()
    part = np.array([30, 2, 17])
    got = fresh.logits(network.train(), part)
    assert network.training
    assert got.dtype == np.float32
    with torch.no_grad():
        inputs = torch.from_numpy(DATA.images[part]).permute(0, 3, 1, 2) / 255
        expected = network.eval()(inputs)
    np.testing.assert_allclose(got, expected.numpy(), rtol=0.02, atol=0.05)  # bfloat16 if available
    np.testing.assert_allclose(fresh.logits(network, ALL)[part], got, rtol=0.02, atol=0.05)  # another batch size
    assert fresh.is_correct(network, part).tolist() == [
        bool(row.argmax() == DATA.labels[i]) for row, i in zip(got, part, strict=True)
    ]


def test_extra_and_missing_classes_have_logits() -> None:
    more = FreshProbes(DATA, options(), extra_classes=2)
    assert more.logits(more.train(ALL, seed=0), ALL).shape == (50, 5)
    fresh = FreshProbes(DATA, options())
    without = np.flatnonzero(DATA.labels != 1)
    assert fresh.logits(fresh.train(without, seed=0), ALL).shape == (50, 3)


def test_progress_counts_all_steps() -> None:
    events: list[Progress] = []
    fresh = FreshProbes(DATA, options(batch_size=7), to_train=20 + 30, progress=events.append)
    fresh.train(ALL[:20], seed=0)
    assert events[-1].done == 40
    fresh.train(ALL[20:], seed=0)
    assert {step.total for step in events} == {100}
    assert {step.stage for step in events} == {"train"}
    assert all(a.done < b.done for a, b in itertools.pairwise(events))
    assert events[-1].done == 100
    assert [(step.epoch, step.epochs) for step in events[:3]] == [(1, 2)] * 3
    assert all(step.loss is not None and np.isfinite(step.loss) for step in events)


def test_random_state_and_threads_are_restored_even_if_stopped() -> None:
    def states() -> tuple[Any, ...]:
        numpy_state: Any = np.random.get_state()
        return torch.get_rng_state().tolist(), numpy_state[1].tolist(), torch.get_num_threads()

    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    before = states()
    FreshProbes(DATA, options()).train(ALL, seed=0)
    assert states() == before
    with pytest.raises(KeyboardInterrupt):
        FreshProbes(DATA, options(), progress=stop).train(ALL, seed=0)
    assert states() == before


def test_invalid_data_and_probes_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"would train a network on 1 sample; expected two or more\."):
        FreshProbes(DATA, options()).train(ALL[:1], seed=0)
    with pytest.raises(DatasetError, match="an audit needs samples of at least two classes"):
        FreshProbes(make_data(9, 1), options())
    with pytest.raises(UsageError, match="Device 'nowhere' cannot be used here"):
        FreshProbes(DATA, options(device="nowhere"))
    with pytest.raises(UsageError, match="must return logits of shape"):
        FreshProbes(DATA, options(probe=lambda _spec: nn.Sequential(nn.Flatten(), nn.Linear(64, 9)))).train(ALL, seed=0)


def test_plain_training_time_excludes_epoch_callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def train_probe(*_: Any, on_epoch: Any, samples: torch.Tensor, **__: Any) -> None:
        nonlocal now
        for epoch in range(2):
            now += 0.1 * len(samples)
            on_epoch(epoch)

    def evaluate(_epoch: int, _network: nn.Module) -> None:
        nonlocal now
        now += 1_000

    monkeypatch.setattr(fresh_module, "train_probe", train_probe)
    monkeypatch.setattr(fresh_module.time, "perf_counter", lambda: now)
    fresh = FreshProbes(DATA, options())
    assert fresh.plain_seconds is None
    fresh.train(np.arange(10), seed=0, on_epoch=evaluate)
    fresh.train(np.arange(30), seed=0)
    assert fresh.plain_seconds == pytest.approx(2 * 0.1 * 50)
