"""Every baseline in the table meets the contract."""

from __future__ import annotations

import inspect
import itertools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from curv_issues.baselines import BASELINES
from curv_issues.baselines.base import BaselineResult
from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import LabeledData
from curv_issues.errors import AuditError, DatasetError, UsageError
from curv_issues.noise.uniform import flip_labels
from curv_issues.options import TrainingOptions
from curv_issues.plugins import load_attribute
from curv_issues.progress import Progress
from curv_issues.trackers import SCORES
from tests.small import linear_probe, make_data, mlp_probe

SETTINGS: dict[str, dict[str, Any]] = {"memorization": {"num_models": 6}}
TRAININGS = {"confident_learning": 5, "knn_label_score": 1, "ssft": 2, "aum_threshold": 2, "memorization": 6}


def planted() -> tuple[LabeledData, np.ndarray]:
    """Return 240 separable images of three classes, a tenth of them with wrong labels, and which labels are wrong."""
    data = make_data(240)
    labels, truth = flip_labels(data.labels, 0.1, num_classes=3, seed=0)
    return replace(data, labels=labels), truth


def find(name: str, data: LabeledData, *, progress: Any = None, **options: Any) -> BaselineResult:
    chosen = TrainingOptions(**{"epochs": 3, "probe": mlp_probe, **options})
    baseline: Callable[..., BaselineResult] = load_attribute(BASELINES[name].target)
    return baseline(data, chosen, progress=progress, **SETTINGS.get(name, {}))


@cache
def found(name: str) -> BaselineResult:
    return find(name, planted()[0])


def test_table_imports_nothing_slow() -> None:
    heavy = {"torch", "cleanlab", "sklearn", "scipy", "numpy"}
    code = f"import sys, curv_issues.baselines; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_score_names_are_unique() -> None:
    names = [score for info in BASELINES.values() for score in info.scores] + list(SCORES)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", BASELINES)
class TestContract:
    def test_entry_is_complete_and_leads_to_its_function(self, name: str) -> None:
        info = BASELINES[name]
        parameters = inspect.signature(load_attribute(info.target)).parameters
        assert list(parameters)[:3] == ["data", "options", "progress"]
        assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in list(parameters.values())[2:])
        assert info.headline == next(iter(info.scores))
        assert info.cost > 0
        for score in info.scores:
            metadata = info.metadata(score)
            assert set(metadata) == {"direction", "description", "cost", "source"}
            assert metadata["direction"] in ("high", "low")
            assert all(isinstance(text, str) and text for text in metadata.values())

    def test_result_is_complete(self, name: str) -> None:
        info, result = BASELINES[name], found(name)
        assert list(result.scores) == list(info.scores)
        for values in result.scores.values():
            assert values.dtype == np.float64
            assert values.shape == (240,)
            assert np.isfinite(values).all()
        assert (result.flagged is not None) == info.flags
        if result.flagged is not None:
            assert result.flagged.dtype == bool
            assert result.flagged.shape == (240,)
        assert result.trainings == TRAININGS[name]
        assert result.seconds > 0

    def test_result_depends_on_the_seed(self, name: str) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (120, 8, 8, 1)).astype(np.uint8)
        data = from_arrays(noise, np.arange(120) % 3, class_names=["a", "b", "c"], resolution=8)  # what fits is chance
        first, again, other = (find(name, data, seed=seed) for seed in (0, 0, 1))
        for score in first.scores:
            np.testing.assert_array_equal(first.scores[score], again.scores[score])
            assert (first.scores[score] != other.scores[score]).any()
        np.testing.assert_array_equal(first.flagged, again.flagged)

    def test_planted_errors_are_found(self, name: str) -> None:
        data, truth = planted()
        info = BASELINES[name]
        # memorization needs networks that memorise
        sharp = {"probe": linear_probe, "epochs": 40, "weight_decay": 0.0, "learning_rate": 1.0}
        result = find(name, data, **sharp) if name == "memorization" else found(name)
        for score, values in result.scores.items():
            signed = values if info.scores[score].direction == "high" else -values
            assert roc_auc_score(truth, signed) > 0.9, score
        if result.flagged is not None:
            assert truth[result.flagged].mean() > 0.5
            assert result.flagged[truth].mean() > 0.5

    def test_data_and_random_states_are_unchanged(self, name: str) -> None:
        def states() -> tuple[Any, ...]:
            numpy_state: Any = np.random.get_state()
            return torch.get_rng_state().tolist(), numpy_state[1].tolist(), numpy_state[2], torch.get_num_threads()

        data = planted()[0]
        data.images.setflags(write=False)
        labels, before = data.labels.copy(), states()
        find(name, data, epochs=1)
        assert states() == before
        np.testing.assert_array_equal(data.labels, labels)

    def test_progress_covers_all_trainings(self, name: str) -> None:
        events: list[Progress] = []
        find(name, planted()[0], epochs=2, progress=events.append)
        assert {step.stage for step in events} == {"train"}
        assert len({step.total for step in events}) == 1
        assert all(a.done < b.done for a, b in itertools.pairwise(events))
        assert events[-1].done == events[-1].total
        # the cost in the table is for the default settings
        cost = {"memorization": 6 * 0.7}.get(name, BASELINES[name].cost)
        assert events[-1].total == pytest.approx(cost * 240 * 2)

    def test_an_interruption_is_raised(self, name: str) -> None:
        def stop(step: Progress) -> None:
            if step.done > 100:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            find(name, planted()[0], progress=stop)

    def test_errors_are_those_of_an_audit(self, name: str) -> None:
        data = planted()[0]
        with pytest.raises(DatasetError, match="needs samples of at least two classes"):
            find(name, replace(data, labels=np.zeros(240, dtype=np.int64)))
        with pytest.raises(DatasetError, match="has no samples to audit"):
            find(name, replace(data, labels=data.labels[:0], images=data.images[:0]))
        with pytest.raises(UsageError, match="Device 'nowhere' cannot be used here"):
            find(name, data, device="nowhere")
        with pytest.raises(AuditError, match=r"The loss became (nan|inf)"):
            find(name, data, probe=linear_probe, learning_rate=1e30, epochs=8)


@pytest.mark.parametrize("name", ["confident_learning", "knn_label_score", "ssft", "memorization"])
def test_nan_outputs_after_the_last_step_are_an_error(name: str) -> None:
    """The loss is checked before each step. AUM uses no outputs after the last step."""
    options = TrainingOptions(epochs=1, batch_size=64, learning_rate=1e10, device="cpu")
    with pytest.raises(AuditError, match=r"^The outputs of a trained network became nan at learning rate 1e\+10; train again"):
        load_attribute(BASELINES[name].target)(make_data(40, 2), options)
