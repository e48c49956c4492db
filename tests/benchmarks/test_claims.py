"""Conclusions in the documents that have no figure of their own. A failing test means that a sentence is wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks import figures, tables
from benchmarks.figures import MNIST, OTHERS, UNIFORM, flags, is_all_human, is_asymmetric_40, is_duplicates
from benchmarks.study_tables import NAMES
from tests.benchmarks import needs_results
from tests.documents import ROOT

SIMILAR_CLASSES = ("asymmetric:", "instance:", "file:")
pytestmark = needs_results


def false_flags(found: dict[str, float]) -> float:
    return found["flagged"] - found["hits"]


@pytest.mark.parametrize("method", OTHERS)
def test_others_flag_more_right_labels_with_random_errors_except_mnist(method: str) -> None:
    ours, theirs = flags(UNIFORM, "default", false_flags), flags(UNIFORM, method, false_flags)
    assert len(ours) > 10
    assert min(theirs[key] / ours[key] for key in ours if key[0] != MNIST) > 2


@pytest.mark.parametrize("method", OTHERS)
def test_default_has_lower_recall_with_errors_to_similar_classes(method: str) -> None:
    for noise in SIMILAR_CLASSES:
        ours, theirs = (flags(noise, name, lambda found: found["recall"]) for name in ("default", method))
        assert ours
        assert all(ours[key] < theirs[key] for key in ours)


@pytest.mark.parametrize("method", OTHERS)
def test_default_has_higher_precision_except_with_40_percent_asymmetric(method: str) -> None:
    lower = set()
    for noise in SIMILAR_CLASSES:
        ours, theirs = (flags(noise, name, lambda found: found["precision"]) for name in ("default", method))
        lower |= {key[2] for key in ours if ours[key] < theirs[key]}
    assert lower == {"asymmetric:0.4"}


def test_settings_in_which_another_method_beats_the_default() -> None:
    leads = figures.leads()
    assert {name for key, (_, name) in leads.items() if is_all_human(key)} == {"final_margin"}
    assert {name for key, (gap, name) in leads.items() if is_duplicates(key) and key[1] == "full" and gap > 0} == {
        "knn_label_score"
    }
    named = [key for key in leads if is_asymmetric_40(key) or (is_duplicates(key) and key[1] != "full")]
    assert len(named) == 3
    for key, rows in figures.by_cell(figures.read("comparison")).items():
        if key in named:
            inconfidence, ours = (
                np.mean([row["methods"][name]["detection"]["auroc"] for row in rows]) for name in ("inconfidence", "default")
            )
            assert inconfidence > ours + 0.001


def test_curvature_always_lowers_the_default() -> None:
    lowered = figures.lowered()
    assert set(lowered) >= set(NAMES)
    assert min(loss for losses in lowered.values() for loss in losses) > 0


def test_settings_in_which_curvature_helps_at_best() -> None:
    gains = figures.gains("gain_at_best")
    adds = {setting for setting, gain in gains.items() if gain > figures.ADDS}
    assert adds == {"instance-dependent 20%", "softplus", "uniform 10%, memorised", "conflicting duplicates"}


def test_settings_in_which_curvature_makes_the_rank_mean_best() -> None:
    """Curvature adds much only where a free score lowers the mean; the mean is then the best only with softplus."""
    gains, above = figures.gains("gain_in_rank_mean"), []
    for setting, (free, _, rows) in figures.settings().items():
        before = np.mean([row["fusion"]["auroc"] for row in rows])
        alone = np.mean([row["detection"][free]["auroc"] for row in rows])
        if before + gains[setting] > max(before, alone):
            above.append(setting)
        assert gains[setting] < 0.003 or before < alone, setting
    assert above == ["softplus"]


def test_times_stated_in_the_readme() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    (whole,) = re.findall(r"audit of the 50,000 images of CIFAR-10 takes about (\d+) minutes on two CPU cores", text)
    (row,) = figures.read("command")
    assert row["made_by"]["machine"]["cores"] == 2
    assert abs(row["runs"]["audit"]["whole_command_seconds"] / 60 - int(whole)) <= 0.5
    stated = re.findall(r"(\d+) (seconds|minutes) for (\d[\d,]*\d)", text)
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in tables.time_table().splitlines()[2:]]
    measured = {n: int(mean) for dataset, n, _, mean in table if dataset == "CIFAR-10"}
    assert len(stated) == 4
    for number, unit, n in stated:
        seconds = int(number) * (60 if unit == "minutes" else 1)
        assert abs(measured[n] - seconds) <= 0.1 * seconds
