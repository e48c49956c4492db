"""The figures in the text of the documents, made from the results like the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.rows import read
from benchmarks.study_tables import GRADIENT_NORMS, NAMES, best, by_cell

Key = tuple[Any, ...]  # number of the dataset in NAMES, size, noise
UNIFORM = "uniform:"
MNIST = list(NAMES).index("mnist")
OTHERS = ("cl_self_confidence", "knn_label_score")  # methods that flag samples, besides the default
ADDS = 0.00025  # gain in AUROC above which curvature counts as an addition: not 0 in the tables' four digits


def flags(noise: str, method: str, what: Callable[[dict[str, float]], float]) -> dict[Key, float]:
    """Return a quantity of a method's flags in all cells whose noise starts with `noise`, as the mean over the seeds."""
    groups = {key: rows for key, rows in by_cell(read("comparison")).items() if key[2].startswith(noise)}
    return {key: float(np.mean([what(row["methods"][method]["flagged"]) for row in rows])) for key, rows in groups.items()}


def multiple(found: dict[str, float]) -> float:
    """Return the number of flagged samples per wrong label."""
    return found["flagged"] / found["wrong"]


def multiples(is_meant: Callable[[float], bool]) -> list[float]:
    """Return the flags of the default per wrong label in the cells with such rates of uniform noise."""
    found = flags(UNIFORM, "default", multiple)
    return [value for key, value in found.items() if is_meant(float(key[2].removeprefix(UNIFORM)))]


def mnist_multiple(method: str) -> float:
    """Return the flags of a method per wrong label, with 1% of all MNIST labels wrong."""
    return flags("uniform:0.01", method, multiple)[MNIST, "full", "uniform:0.01"]


def leads() -> dict[Key, tuple[float, str]]:
    """Return by how much AUROC the best other method is ahead of the default in each group of cells, and its name."""
    found = {}
    for key, rows in by_cell(read("comparison")).items():
        shared = set.intersection(*(set(row["methods"]) for row in rows))
        means = {name: np.mean([row["methods"][name]["detection"]["auroc"] for row in rows]) for name in shared}
        ours = means.pop("default")
        other = max(means, key=lambda name: means[name])
        found[key] = float(means[other] - ours), other
    return found


def is_duplicates(key: Key) -> bool:
    """Return whether conflicting duplicates were planted."""
    return "duplicates" in key[2]


def is_asymmetric_40(key: Key) -> bool:
    """Return whether 40% asymmetric errors were planted."""
    return key[2] == "asymmetric:0.4"


def is_all_human(key: Key) -> bool:
    """Return whether these are human labels of all samples."""
    return key[2].startswith("file:") and key[1] == "full"


def leads_elsewhere() -> list[float]:
    """Return the leads over the default outside the named exceptions."""
    exceptions = (is_duplicates, is_asymmetric_40, is_all_human)
    return [gap for key, (gap, _) in leads().items() if not any(is_one(key) for is_one in exceptions)]


def lowered() -> dict[str, list[float]]:
    """Return how much AUROC the default loses if curvature is added, one value per group of cells, by dataset."""
    groups = defaultdict(list)
    for row in read("detection"):
        if row["wrong"]:
            cell = row["cell"]
            loss = row["suspicion"]["auroc"] - row["fusions"]["default + input_curvature"]["auroc"]
            groups[cell["dataset"], cell["size"], cell["long_tail"], cell["rate"]].append(loss)
    found = defaultdict(list)
    for key, losses in groups.items():
        found[key[0]].append(float(np.mean(losses)))
    return dict(found)


def settings() -> dict[str, tuple[str, str, list[dict[str, Any]]]]:
    """Return for each setting the best free score and form of curvature, chosen on seed 100, and the reported rows."""
    groups = defaultdict(list)
    for row in read("beyond"):
        if "forms" in row:
            groups[row["cell"]["setting"]].append(row)
    found = {}
    for setting, rows in groups.items():
        tuning = [row for row in rows if row["cell"]["seed"] >= 100]
        forms = tuning[0]["forms"]
        free = best(tuning, [name for name in tuning[0]["detection"] if name not in forms])
        form = best(tuning, [name for name in forms if name not in GRADIENT_NORMS])
        found[setting] = free, form, [row for row in rows if row["cell"]["seed"] < 100]
    return found


def gains(of: str) -> dict[str, float]:
    """Return the gain in AUROC from the best form of curvature in each setting: `gain_at_best` or `gain_in_rank_mean`."""
    found = {setting: [row["forms"][form][of]["auroc"] for row in rows] for setting, (_, form, rows) in settings().items()}
    return {setting: float(np.mean(values)) for setting, values in found.items()}


def little_gains() -> list[float]:
    """Return the gains at best that do not count as an addition."""
    return [gain for gain in gains("gain_at_best").values() if gain <= ADDS]


def gradient_is_above() -> list[bool]:
    """Return for each setting whether the training gradient ranks better than the published estimator."""
    means = [
        [np.mean([row["detection"][name]["auroc"] for row in rows]) for name in ("training_gradient", "input_curvature")]
        for _, _, rows in settings().values()
    ]
    return [bool(gradient > published) for gradient, published in means]


def precision_of_clothing(way: str) -> float:
    """Return the mean average precision on the photos of clothing by pixels, or by pixels and a backbone ("both")."""
    rows = [row for row in read("label_noise") if row["cell"]["dataset"] == "clothing"]
    return float(np.mean([row["ways"][way]["rankings"]["default"]["average_precision"] for row in rows]))


def gradient_cost() -> float:
    """Return the median cost of a run with the training gradient, as a multiple of the plain training."""
    return float(np.median([row["methods"]["training_gradient"]["cost"] for row in read("comparison")]))


def extent(values: Iterable[float], digits: int) -> str:
    """Return the smallest and the largest value as text."""
    found = list(values)
    return f"{min(found):.{digits}f} to {max(found):.{digits}f}"


FIGURES: dict[str, Callable[[], str]] = {
    "watch-adds": lambda: f"{max((row['added_within'] for row in read('watch')), default=0.0):.1%}",
    "flags-1-percent": lambda: extent(multiples(lambda rate: rate == 0.01), 1),
    "flags-2-percent": lambda: extent(multiples(lambda rate: rate == 0.02), 1),
    "flags-5-percent": lambda: extent(multiples(lambda rate: rate >= 0.05), 1),
    "flags-mnist": lambda: f"{mnist_multiple('default'):.1f}",
    "flags-mnist-others": lambda: f"{max(mnist_multiple(name) for name in OTHERS):.1f}",
    "behind": lambda: f"{max(leads_elsewhere()):.4f}",
    "behind-human": lambda: extent((gap for key, (gap, _) in leads().items() if is_all_human(key)), 3),
    "curvature-lowers": lambda: extent((loss for name, found in lowered().items() if name != "mnist" for loss in found), 3),
    "curvature-lowers-mnist": lambda: f"{max(lowered()['mnist']):.3f}",
    "settings-without-gain": lambda: f"{len(little_gains())} of {len(settings())}",
    "little-gain": lambda: f"{max(little_gains()):.4f}",
    "gain-in-rank-mean": lambda: f"{max(gains('gain_in_rank_mean').values()):.3f}",
    "photos-backbone": lambda: f"{precision_of_clothing('both'):.2f}",
    "photos-pixels": lambda: f"{precision_of_clothing('pixels'):.2f}",
    "gradient-cost": lambda: f"{gradient_cost() - 1:.0%}",
    "gradient-above": lambda: f"{sum(gradient_is_above())} of {len(gradient_is_above())}",
}
"""Text of each figure by name."""
