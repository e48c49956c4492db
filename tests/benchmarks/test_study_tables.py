from __future__ import annotations

from typing import Any

from benchmarks.study_tables import (
    NOTHING,
    all_methods_table,
    beyond_table,
    comparison_table,
    estimator_epochs_table,
    estimator_table,
    flags_table,
    forms_table,
    memorization_table,
    ranking_table,
    rates_table,
    watch_table,
)


def compared(
    dataset: str, noise: str, seed: int, auroc: float | None, *, size: object = 10_000, group: str = "published"
) -> dict[str, Any]:
    found = None if auroc is None else {"auroc": auroc, "average_precision": auroc / 2, "precision_at_k": 0.1}
    methods = {name: {"detection": found, "cost": 2.0} for name in ("default", "inconfidence")}
    cell = {"group": group, "dataset": dataset, "size": size, "noise": noise, "seed": seed}
    return {"cell": cell, "n": 10_000, "methods": methods}


CELLS = [
    compared("mnist", "uniform:0.1", 0, 0.9),
    compared("cifar10", "uniform:0.1", 0, 0.8),
    compared("cifar10", "uniform:0.1", 1, 0.9),
    compared("cifar10", "file:cifar10n.parquet:worst", 0, None, group="human"),
]


def test_comparison_table() -> None:
    lines = comparison_table(CELLS).splitlines()
    assert lines[0].startswith("|  | seeds | inconfidence | Confident Learning |")
    assert lines[2].startswith("| CIFAR-10, human, worst, n = 10,000 | 1 | n/a | n/a |")
    assert lines[3].startswith("| CIFAR-10, uniform:0.1, n = 10,000 | 2 | **0.850 ± 0.071** | n/a |")
    assert lines[3].endswith("| **0.850 ± 0.071** |")  # as good as the other
    assert lines[4].startswith("| MNIST, uniform:0.1, n = 10,000 | 1 | **0.900** |")
    assert "| **0.425 ± 0.035** |" in comparison_table(CELLS, "average_precision")
    worse = compared("mnist", "uniform:0.1", 0, 0.9)
    worse["methods"]["default"] = {"detection": {"auroc": 0.8994}}
    assert comparison_table([worse]).endswith("| 0.899 |")


def test_other_rates_have_their_own_table() -> None:
    assert comparison_table([*CELLS, compared("mnist", "uniform:0.04", 0, 0.7)]) == comparison_table(CELLS)
    assert "| **0.700** |" in rates_table([compared("mnist", "uniform:0.04", 0, 0.7)])
    photos = compared("clothing", "uniform:0.05", 0, 0.7, group="photos")  # one rate only, which stands for all
    assert comparison_table([*CELLS, photos]).splitlines()[-1].startswith("| clothing photos, uniform:0.05, n = 10,000 | 1 |")


def test_rates_table() -> None:
    cells = [*CELLS[:3], compared("cifar10", "uniform:0.02", 0, 0.7), compared("mnist", "uniform:0.02", 0, 0.6, size="full")]
    lines = rates_table(cells).splitlines()
    assert lines[0] == "|  | 2% | 10% |"
    assert [line.split(":")[0] for line in lines[2::9]] == [
        "| CIFAR-10, n = 10,000",
        "| MNIST, n = 10,000",
        "| MNIST, n = 10,000",  # all samples
    ]
    assert lines[2] == "| CIFAR-10, n = 10,000: inconfidence | **0.700** | **0.850 ± 0.071** |"
    assert lines[3] == "| CIFAR-10, n = 10,000: Confident Learning | n/a | n/a |"
    assert lines[-1] == "| MNIST, n = 10,000: default | **0.600** |  |"
    assert "| **0.350** | **0.425 ± 0.035** |" in rates_table(cells, "average_precision")


def test_flags_table() -> None:
    def flags(seed: int, hits: int, flagged: int) -> dict[str, Any]:
        counts = {"wrong": 20, "flagged": flagged, "precision": hits / flagged if flagged else None, "recall": hits / 20}
        methods = {"default": {"flagged": counts}, "cl_self_confidence": {"flagged": None}, "knn_label_score": {"flagged": counts}}
        return compared("mnist", "uniform:0.1", seed, 0.9) | {"methods": methods}

    assert flags_table([flags(0, 10, 20)]).splitlines()[2:] == [
        "| MNIST, uniform:0.1, n = 10,000 | 1 | 0.500 / 0.500 (1.0) | n/a | 0.500 / 0.500 (1.0) |"
    ]
    two = flags_table([flags(0, 10, 20), flags(1, 0, 0)]).splitlines()[2]
    assert two.startswith("| MNIST, uniform:0.1, n = 10,000 | 2 | 0.500 / 0.250 ± 0.354 (0.5) |")


def test_all_methods_table() -> None:
    lines = all_methods_table(CELLS).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["default", "inconfidence"]
    assert lines[2].endswith("| 0.850 ± 0.071 / 0.43 ± 0.04 | 0.900 / 0.45 | 2.0 |")


def test_a_delayed_cell_does_not_change_the_cost() -> None:
    delayed = compared("cifar10", "uniform:0.1", 2, 0.8)
    delayed["methods"]["default"]["cost"] = 9.0
    assert all_methods_table([*CELLS, delayed]).splitlines()[2].endswith("| 2.0 |")


def test_method_of_some_cells_only() -> None:
    more = compared("mnist", "uniform:0.1", 1, 0.7)
    more["methods"]["ssft"] = {"detection": {"auroc": 0.6, "average_precision": 0.5}, "cost": 4.0}
    lines = all_methods_table([*CELLS, more]).splitlines()
    assert lines[-1] == "| ssft | n/a / n/a | n/a / n/a | 0.600 / 0.50 | 4.0 |"


def test_variants_by_setting() -> None:
    def cell(decay: float, augmentation: bool, **aurocs: float) -> dict[str, Any]:
        variants = {name: {"mean": {"auroc": auroc}} for name, auroc in aurocs.items()}
        return {"cell": {"weight_decay": decay, "augmentation": augmentation}, "variants": variants}

    lines = estimator_table([cell(0.0, True, a=0.5), cell(5e-4, True, a=0.7, b=0.6), cell(5e-4, True, a=0.9, b=0.6)]).splitlines()
    assert lines[0] == "| variant | decay 0.0005, augmented (2) | decay 0, augmented (1) |"
    assert lines[2:] == ["| a | 0.800 ± 0.141 | 0.500 |", "| b | 0.600 ± 0.000 |  |"]


def test_variants_by_epoch() -> None:
    def cell(decay: float, **aurocs: list[float]) -> dict[str, Any]:
        variants = {name: {"by_epoch": [{"auroc": auroc} for auroc in values]} for name, values in aurocs.items()}
        where = {"weight_decay": decay, "augmentation": True}
        return {"cell": where, "variants": variants, "scored_epochs": [1, 3], "epochs": 4}

    lines = estimator_epochs_table([cell(0.0, a=[0.1, 0.2]), cell(5e-4, a=[0.3, 0.5], b=[0.9, 0.9])]).splitlines()
    assert lines[0] == "| variant, epoch | decay 0.0005, augmented (1) | decay 0, augmented (1) |"
    assert lines[2:] == ["| a, 2 of 4 | 0.300 | 0.100 |", "| a, 4 of 4 | 0.500 | 0.200 |"]


def studied(seed: int, free: tuple[float, float], forms: tuple[float, float]) -> dict[str, Any]:
    detection = dict(zip(("margin", "residual", "sharp", "flat", "training_gradient"), (*free, *forms, 0.95), strict=True))
    counts = {"within_bins": 0.5, "gain_in_rank_mean": {"auroc": 0.01}, "gain_at_best": {"auroc": 0.02, "average_precision": 0.03}}
    return {
        "cell": {"setting": "late", "seed": seed},
        "detection": {name: {"auroc": auroc, "average_precision": auroc / 2} for name, auroc in detection.items()},
        "forms": {"sharp": counts, "flat": counts, "training_gradient": counts},
    }


def test_forms_are_chosen_on_one_seed_and_reported_on_others() -> None:
    cells = [studied(100, (0.9, 0.8), (0.6, 0.7)), studied(0, (0.5, 0.99), (0.99, 0.4)), studied(1, (0.7, 0.99), (0.99, 0.6))]
    line, control = beyond_table(cells).splitlines()[2:]
    start = "| late | 2 | margin: 0.600 ± 0.141 | curvature | flat: 0.500 ± 0.141 | 0.500 ± 0.000 | 0.0100 ± 0.0000 |"
    assert line.startswith(start)
    assert control.startswith("| | | | gradient norm | training_gradient: 0.950 ± 0.000 | 0.500")
    assert len(beyond_table(cells[:1]).splitlines()) == 2  # nothing to report yet


def test_every_form_on_the_reported_seeds() -> None:
    lines = forms_table(
        [studied(100, (0.1, 0.1), (0.1, 0.1)), studied(0, (0.5, 0.9), (0.9, 0.4)), studied(1, (0.7, 0.9), (0.9, 0.6))]
    )
    assert lines.splitlines()[0] == "| | late (2) |"
    assert lines.splitlines()[2] == "| margin | 0.600 / 0.30 |"
    assert lines.splitlines()[-1] == "| training_gradient | 0.950 / 0.47 |"


def test_memorization() -> None:
    cells = [{"cell": {"seed": seed}, "spearman": {"a": 0.1, "b": 0.5}} for seed in (100, 0)]
    assert memorization_table(cells).splitlines()[2:] == ["| b | 0.500 |", "| a | 0.100 |"]


def test_tables_without_results() -> None:
    for made in (
        comparison_table,
        flags_table,
        all_methods_table,
        estimator_table,
        estimator_epochs_table,
        beyond_table,
        forms_table,
        memorization_table,
        rates_table,
    ):
        assert made([]) == NOTHING


def test_ranking_table() -> None:
    def ranked(noise: str, seed: int, auroc: float) -> dict[str, Any]:
        ways = {"one": {"auroc": auroc, "average_precision": auroc / 2}, "other": {"auroc": 0.5, "average_precision": 0.25}}
        return {"cell": {"dataset": "digits", "size": 500, "noise": noise, "seed": seed}, "n": 500, "ways": ways}

    lines = ranking_table(
        [ranked("uniform:0.1", 100, 0.8), ranked("uniform:0.1", 101, 0.92), ranked("none", 100, 0.64)]
    ).splitlines()
    assert lines[0] == "|  | seeds | one | other |"
    assert lines[2] == "| digits, none, n = 500 | 1 | 0.640 / 0.32 | 0.500 / 0.25 |"
    assert lines[3] == "| digits, uniform:0.1, n = 500 | 2 | 0.860 / 0.43 | 0.500 / 0.25 |"
    assert lines[4] == "| mean | | 0.7500 / 0.375 | 0.5000 / 0.250 |"
    assert ranking_table([]) == NOTHING


def test_watch_table() -> None:
    assert watch_table([]) == NOTHING
    measured = {
        "cell": {"batch": 128, "resolution": 32, "classes": 1000, "device": "cpu"},
        "step_seconds": 0.25,
        "observe_seconds": 1e-4,
        "end_epoch_seconds_per_step": 4e-4,
        "added_within": 0.002,
        "added_paired": -0.001,
        "added_paired_interval": [-0.01, 0.008],
    }
    assert watch_table([measured]).splitlines()[2] == (
        "| ResNet-18, 128 images of 32 px, 1,000 classes | cpu | 250 ms | 0.50 ms | 0.20% | -0.10% (-1.00% to 0.80%) |"
    )
