"""What README.md says in words about its measured tables is so in the result files; both have to change together."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import tables
from benchmarks.study_tables import GRADIENT_NORMS, best, by_cell

README = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())
UNIFORM = "uniform:"
LIKE_CLASSES = ("asymmetric:", "instance:", "file:")


def says(words: str) -> None:
    """Fail unless the README still has these words."""
    assert words in README


def flags(noise: str, method: str, what: str) -> dict[tuple[Any, ...], float]:
    """Mean over the seeds of what is told of a method's flags, by dataset, size and noise, of the kinds that begin with `noise`."""
    groups = {key: cells for key, cells in by_cell(tables.read("comparison")).items() if key[2].startswith(noise)}
    assert groups, noise
    found = {key: [told(cell["methods"][method]["flagged"], what) for cell in cells] for key, cells in groups.items()}
    return {key: float(np.mean(values)) for key, values in found.items()}


def told(found: dict[str, float], what: str) -> float:
    """A share, the flags for each wrong label (`multiple`), or the number of right labels flagged (`false`)."""
    if what == "multiple":
        return found["flagged"] / found["wrong"]
    return found["flagged"] - found["hits"] if what == "false" else found[what]


def test_random_errors_are_flagged_as_often_as_there_are_some() -> None:
    says("With random errors the default flags .8 to 1.3 times as many as there are where five labels in a hundred or more are")
    says("or more are wrong, up to twice as many where two are, and one to four times as many where one is;")
    for key, multiple in flags(UNIFORM, "default", "multiple").items():
        rate = float(key[2].removeprefix(UNIFORM))
        if rate == 0.01:
            assert 0.95 < multiple < 4.05, key
        elif rate == 0.02:
            assert 0.9 < multiple < 2.05, key
        elif rate >= 0.05:
            assert 0.75 < multiple < 1.35, key


@pytest.mark.parametrize("method", ["cl_self_confidence", "knn_label_score"])
def test_others_flag_more_right_labels(method: str) -> None:
    says("the others flag many more right labels, except on MNIST")
    ours, theirs = flags(UNIFORM, "default", "false"), flags(UNIFORM, method, "false")
    for key in ours:
        if key[0] != list(tables.study_tables.NAMES).index("mnist"):
            assert theirs[key] > 2 * ours[key], key


def test_where_others_flag_fewer_right_labels() -> None:
    says("except on MNIST (there, with 1% of all 60,000 labels wrong, the default flags more than twice as many as there are,")
    says("the others as many)")
    key = (list(tables.study_tables.NAMES).index("mnist"), "full", "uniform:0.01")
    assert flags(UNIFORM, "default", "multiple")[key] > 2
    for method in ("cl_self_confidence", "knn_label_score"):
        assert 0.95 < flags(UNIFORM, method, "multiple")[key] < 1.1


@pytest.mark.parametrize("method", ["cl_self_confidence", "knn_label_score"])
def test_errors_towards_a_like_class_are_found_less(method: str) -> None:
    says("Errors towards a like class (asymmetric, instance-dependent, people's) are its weak side: it finds fewer of them,")
    for noise in LIKE_CLASSES:
        theirs = flags(noise, method, "recall")
        assert all(recall < theirs[key] for key, recall in flags(noise, "default", "recall").items())


@pytest.mark.parametrize("method", ["cl_self_confidence", "knn_label_score"])
def test_flags_on_errors_towards_a_like_class_are_more_exact(method: str) -> None:
    says("though more of what it flags is wrong; with 40% asymmetric errors not even that")
    less_exact = set()
    for noise in LIKE_CLASSES:
        theirs = flags(noise, method, "precision")
        less_exact |= {key[2] for key, precision in flags(noise, "default", "precision").items() if precision < theirs[key]}
    assert less_exact == {"asymmetric:0.4"}


def test_where_the_default_is_not_the_best() -> None:
    says("The default is the best of them all, or within .001 of it, but in three places: with 40% asymmetric errors and on")
    says("conflicting duplicates (there, inconfidence has the higher AUROC, among all 50,000 pictures the kNN), and on people's")
    says("labels for all of CIFAR-10, where the margin after the last epoch, which is not in this table, is ahead by .001 to .008")
    ahead = {}  # by how much another method is, and which
    for key, cells in by_cell(tables.read("comparison")).items():
        shared = set.intersection(*(set(cell["methods"]) for cell in cells))
        means = {name: np.mean([cell["methods"][name]["detection"]["auroc"] for cell in cells]) for name in shared}
        ours = means.pop("default")
        best = max(means, key=lambda name: means[name])
        ahead[key] = means[best] - ours, best
        if "duplicates" in key[2]:
            other = "knn_label_score" if key[1] == "full" else "inconfidence"
            assert means[other] > ours + 0.001, key
        elif key[2] == "asymmetric:0.4":
            assert means["inconfidence"] > ours + 0.001
    lost = {key: value for key, value in ahead.items() if "duplicates" not in key[2] and key[2] != "asymmetric:0.4"}
    people = [lost.pop(key) for key in list(lost) if key[2].startswith("file:") and key[1] == "full"]
    assert {name for _, name in people} == {"final_margin"}
    assert all(0.0005 < gap < 0.0085 for gap, _ in people)
    assert {key: value for key, value in lost.items() if value[0] > 0.0015} == {}


def test_curvature_in_the_default() -> None:
    says("curvature always lowers the AUROC of the default when it joins: by .003 to .08 on CIFAR-10, CIFAR-100, digits and the")
    says("digits and the clothing photos, by .001 or less on MNIST. So **the default findings rest on free scores")
    lowered = {}
    for key, results in tables.grouped([result for result in tables.read("detection") if result["wrong"]]).items():
        joined = [result["fusions"]["default + input_curvature"]["auroc"] for result in results]
        lowered[key] = np.mean([result["suspicion"]["auroc"] for result in results]) - np.mean(joined)
    assert {key[0] for key in lowered} == set(tables.NAMES)
    for key, mean in lowered.items():
        assert 0 < mean < 0.0015 if key[0] == "mnist" else 0.0025 < mean < 0.085, key


def settings() -> dict[str, tuple[str, str, list[dict[str, Any]]]]:
    """The best free score and the best form of curvature, chosen on seed 100, and the reported results, by setting."""
    groups = defaultdict(list)
    for result in tables.read("beyond"):
        if "forms" in result:
            groups[result["cell"]["setting"]].append(result)
    found = {}
    for setting, results in groups.items():
        tuning = [result for result in results if result["cell"]["seed"] >= 100]
        forms = tuning[0]["forms"]
        free = best(tuning, [name for name in tuning[0]["detection"] if name not in forms])
        form = best(tuning, [name for name in forms if name not in GRADIENT_NORMS])
        found[setting] = free, form, [result for result in results if result["cell"]["seed"] < 100]
    return found


def test_what_curvature_adds_at_best() -> None:
    says("in ten of fourteen settings")
    says("its best form adds at most .0002 AUROC to a fusion of the free scores that is told the truth")
    says("It adds something with instance-dependent noise, a softplus network, memorised labels, and conflicting duplicates")
    gains = {
        setting: np.mean([result["forms"][form]["gain_at_best"]["auroc"] for result in results])
        for setting, (_, form, results) in settings().items()
    }
    assert len(gains) == 14
    adds = {setting for setting, gain in gains.items() if gain > 0.00025}
    assert adds == {"instance-dependent 20%", "softplus", "uniform 10%, memorised", "conflicting duplicates"}


def test_what_curvature_adds_to_the_mean_of_ranks() -> None:
    says("To the plain mean of their ranks it adds up to .036 where a free score spoils that mean; but only with a softplus")
    gains, above = [], []
    for setting, (free, form, results) in settings().items():
        before = np.mean([result["fusion"]["auroc"] for result in results])
        gain = np.mean([result["forms"][form]["gain_in_rank_mean"]["auroc"] for result in results])
        alone = np.mean([result["detection"][free]["auroc"] for result in results])
        gains.append(gain)
        if before + gain > max(before, alone):
            above.append(setting)
        assert gain < 0.003 or before < alone, setting  # the mean is spoilt where much is added
    assert max(gains) == pytest.approx(0.036, abs=0.0005)
    assert above == ["softplus"]


def test_the_training_gradient_against_the_published_estimator() -> None:
    says("ranks better than the published estimator in thirteen of the fourteen")
    means = [
        [np.mean([result["detection"][name]["auroc"] for result in results]) for name in ("training_gradient", "input_curvature")]
        for _, _, results in settings().values()
    ]
    assert (sum(gradient > published for gradient, published in means), len(means)) == (13, 14)


def test_the_training_gradient_costs_little() -> None:
    says("That gradient costs about a tenth of the training")
    costs = [result["methods"]["training_gradient"]["cost"] for result in tables.read("comparison")]
    assert 1.05 < np.median(costs) < 1.15
