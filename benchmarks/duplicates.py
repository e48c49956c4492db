"""Conflicting duplicates: planted ones of every kind, those in the unmodified datasets, other splits, other methods.

    python -m benchmarks.duplicates DATASETS                    all cells: about 6 hours on one idle core
    python -m benchmarks.duplicates DATASETS --group planted    one of: planted, natural, against, protocol, highest
    python -m benchmarks.duplicates DATASETS --smoke            the same code on digits: under a minute

`planted`: 500 pairs in all of CIFAR-10, each with an altered copy that has a different label. `natural`: the conflict groups of
the unmodified datasets, with a contact sheet next to the results. `against`: CIFAR-10's training images in its test set, and the
pairs judged by people. `protocol`: 250 exact pairs, compared with other methods. `highest`: how many of the 60 images of
CIFAR-100 with the highest curvature are conflicting duplicates, with and without weight decay.

Seeds of 100 and above were used to tune the search; the seeds here were not.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from benchmarks import rows
from benchmarks.altered import ALTERED
from benchmarks.common import load, make_cells, run_cell
from curv_issues.auditing.audit import audit_data, compare_images
from curv_issues.auditing.leakage import find_leakage
from curv_issues.baselines.confident_learning import confident_learning
from curv_issues.bench.cell import EVERY_EPOCH
from curv_issues.bench.metrics import detection
from curv_issues.data.base import LabeledData, hash_pixels
from curv_issues.data.loading import load_data
from curv_issues.findings.duplicate_conflict import find_duplicate_conflicts
from curv_issues.noise.duplicates import plant_conflicting_duplicates
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.results.result import AuditResult
from curv_issues.training.run import run_probe

STUDY = "duplicates"
SEEDS = (0, 1, 2)
KINDS = (
    ("exact", "brightness", "contrast", "mirror"),
    ("jpeg", "shift", "crop"),
    ("crop with mirror", "rotate", "grey", "border"),
)
PAIRS = 500
SCORES = ("cumulative_loss", "margin", "input_curvature", "label_contrast", "training_gradient")
SHOWN = 30  # groups and pairs on a contact sheet
JUDGED = 50  # pairs across splits to inspect
HIGHEST = 60
QUALITY = 75  # JPEG quality of the contact sheets, which keeps them below 150 kB
LONG = {
    "epochs": 24,
    "curvature_epochs": 8,
    "flip": False,
    "shift": 0,
}  # memorises; curvature after every third epoch
SETTINGS: dict[str, dict[str, Any]] = {
    "recipe": {},
    "no weight decay": {"weight_decay": 0.0},
    "long": LONG,
    "long, no weight decay": {**LONG, "weight_decay": 0.0},
}


def cells() -> list[dict[str, Any]]:
    """Return all cells, most informative first."""
    planted = [
        {"group": "planted", "dataset": "cifar10", "kinds": "+".join(kinds), "pairs": PAIRS, "seed": seed}
        for seed in SEEDS
        for kinds in KINDS
    ]
    natural = [natural_cell(name) for name in ("cifar10", "cifar100", "mnist")]
    protocol = [{"group": "protocol", "dataset": "cifar10", "pairs": 250, "seed": seed} for seed in SEEDS]
    highest = [
        {"group": "highest", "dataset": "cifar100", "setting": setting, "seed": seed} for seed in SEEDS for setting in SETTINGS
    ]
    leakage = {"group": "against", "dataset": "cifar10"}
    first = len(SETTINGS)
    return [
        *natural[:1],
        *planted[:3],
        leakage,
        *natural[1:],
        *protocol[:1],
        *highest[:first],
        *planted[3:],
        *protocol[1:],
        *highest[first:],
    ]


def natural_cell(dataset: str) -> dict[str, Any]:
    """Return the cell of an unmodified dataset."""
    return {"group": "natural", "dataset": dataset, "seed": 0}


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Measure one cell, by its group."""
    if cell["group"] == "planted":
        known = run_natural(cell, root)
        return measure_planted(load(cell["dataset"], root), known, cell["kinds"].split("+"), cell["pairs"], cell["seed"])
    if cell["group"] == "natural":
        return measure_natural(load(cell["dataset"], root), cell)
    if cell["group"] == "against":
        return measure_leakage(root, cell)
    if cell["group"] == "protocol":
        known = run_natural(cell, root)
        return measure_protocol(load(cell["dataset"], root), known, cell["pairs"], cell["seed"], epochs=cell.get("epochs"))
    return measure_highest(load(cell["dataset"], root), cell)


def run_natural(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return the findings in the unmodified dataset of a cell; measure and store them if they are missing."""
    natural = natural_cell(cell["dataset"]) | {name: value for name, value in cell.items() if name == "epochs"}
    return run_cell(f"smoke/{STUDY}" if cell["dataset"] == "digits" else STUDY, natural, lambda: measure(natural, root))


def plant_altered(data: LabeledData, kinds: list[str], pairs: int, seed: int) -> tuple[LabeledData, np.ndarray, np.ndarray]:
    """Return the data with altered copies that have different labels; the pairs (p, 2), copy and source; and their kinds (p,)."""
    planted = plant_conflicting_duplicates(data, pairs, seed=seed)
    assert planted.pairs is not None
    assert planted.data.images is not None
    rng = np.random.default_rng((seed, 1))
    kind = np.array(kinds, dtype=object)[np.arange(pairs) % len(kinds)]
    images, hashes = planted.data.images.copy(), planted.data.image_sha256.copy()
    files = planted.data.file_sha256.copy()
    for (copy, _), name in zip(planted.pairs, kind, strict=True):
        if name != "exact":
            images[copy] = ALTERED[name](images[copy], rng)
            hashes[copy], files[copy] = hash_pixels(images[copy]), ""
    changed = replace(planted.data, images=images, image_sha256=hashes, file_sha256=files, open_image=None)
    return changed, planted.pairs, kind


def audit_for_duplicates(data: LabeledData, seed: int, **training: Any) -> AuditResult:
    """Run the audit as the command does."""
    return audit_data(data, TrainingOptions(seed=seed, **training), FindingOptions(), DuplicateOptions())


def same_pairs(result: AuditResult) -> pd.DataFrame:
    """Return the pairs of duplicates with both labels; positions are row numbers of whole splits."""
    pairs = result.pairs[result.pairs["similarity"] >= result.summary["duplicates"]["threshold"]]
    given = result.scores.set_index("row")["given"]
    return pairs.assign(given=given[pairs["first"]].to_numpy(), other_given=given[pairs["second"]].to_numpy())


def measure_planted(data: LabeledData, natural: dict[str, Any], kinds: list[str], pairs: int, seed: int) -> dict[str, Any]:
    """Return recall of planted pairs by kind, precision of all conflict pairs, and how often the correct side was named."""
    changed, planted, kind = plant_altered(data, kinds, pairs, seed)
    start = time.perf_counter()
    result = audit_for_duplicates(changed, seed)
    found = same_pairs(result)
    same = set(map(frozenset, found[["first", "second"]].to_numpy().tolist()))
    hit = np.array([frozenset(pair) in same for pair in planted.tolist()])
    copy, source = planted.T
    members = result.conflicts.set_index("row")
    suspect = members["suspect"].reindex(range(len(changed)), fill_value=False).to_numpy(dtype=bool)
    in_group = members["group"].reindex(range(len(changed)), fill_value=-1).to_numpy()
    together = hit | ((in_group[copy] >= 0) & (in_group[copy] == in_group[source]))
    conflicts = found.loc[found["given"] != found["other_given"], ["first", "second"]].to_numpy().tolist()
    wrong = wrong_pairs(conflicts, natural["same_pairs"], planted)
    return {
        "n": len(changed),
        "threshold": result.summary["duplicates"]["threshold"],
        "recall": {name: float(hit[kind == name].mean()) for name in kinds},
        "pairs": {name: int((kind == name).sum()) for name in kinds},
        "conflict_pairs": len(conflicts),
        "wrong_conflict_pairs": wrong,
        "precision": 1 - len(wrong) / max(1, len(conflicts)),
        "copy_suspect": float(suspect[copy[together]].mean()) if together.any() else None,
        "source_suspect": float(suspect[source[together]].mean()) if together.any() else None,
        "conflict_groups": result.summary["duplicates"]["conflict_groups"],
        "seconds": {**result.summary["seconds"], "audit": round(time.perf_counter() - start, 3)},
    }


def wrong_pairs(found: Sequence[Sequence[int]], natural: list[list[int]], planted: np.ndarray) -> list[Sequence[int]]:
    """Return the pairs that are neither copies of each other, nor natural duplicates, nor copies of natural duplicates.

    Natural duplicates are in one group of the unmodified dataset, that is, linked by a chain of pairs of duplicates.
    """
    source_of = dict(planted.tolist())
    n = 1 + max(max(pair) for pair in [[0], *found, *natural, *planted.tolist()])
    one, other = np.array(natural, dtype=np.int64).reshape(-1, 2).T
    _, group = connected_components(coo_matrix((np.ones(len(one)), (one, other)), shape=(n, n)), directed=False)
    return [pair for pair in found if len({group[source_of.get(row, row)] for row in pair}) > 1]


def measure_natural(data: LabeledData, cell: dict[str, Any]) -> dict[str, Any]:
    """Return all conflict groups of an unmodified dataset, and draw a contact sheet of the first ones."""
    result = audit_for_duplicates(data, cell["seed"], epochs=cell.get("epochs"))
    groups = [
        {"rows": part["row"].tolist(), "given": part["given"].tolist(), "similarity": float(part["similarity"].max())}
        for _, part in result.conflicts.groupby("group")
    ]
    assert data.images is not None
    draw([tuple(data.images[row] for row in group["rows"][:4]) for group in groups[:SHOWN]], f"natural-{cell['dataset']}")
    pairs = same_pairs(result)
    return {
        "n": len(data),
        "threshold": result.summary["duplicates"]["threshold"],
        "groups": groups,
        "same_label_groups": result.summary["duplicates"]["same_label_groups"],
        "same_pairs": pairs[["first", "second"]].to_numpy().tolist(),
        "conflict_pairs": pairs.loc[pairs["given"] != pairs["other_given"], ["first", "second"]].to_numpy().tolist(),
        "seconds": result.summary["seconds"],
    }


def measure_leakage(root: Path, cell: dict[str, Any]) -> dict[str, Any]:
    """Return training images that also appear in the test set, at the threshold of a search within the training set."""
    data = load(cell["dataset"], root)
    test = load_data(str(root / cell["dataset"]), split="test", label_column=data.source.label_column)
    threshold = audit_for_duplicates(data, 0, epochs=1).summary["duplicates"]["threshold"]
    start = time.perf_counter()
    table, _ = find_leakage(data, test, threshold=threshold)
    seconds = time.perf_counter() - start
    judged = pd.read_csv(root / "cifar10_near_duplicates.csv")
    found = set(zip(table["row"], table["other_row"], strict=True))
    is_found = [pair in found for pair in zip(judged["train_row"], judged["test_row"], strict=True)]
    recall = pd.Series(is_found).groupby(judged["judgment"]).agg(["mean", "size"])
    sample = table.sample(min(JUDGED, len(table)), random_state=0).sort_values("similarity")
    assert data.images is not None
    assert test.images is not None
    images = [(data.images[row], test.images[other]) for row, other in zip(sample["row"], sample["other_row"], strict=True)]
    draw(images, "against-cifar10")
    return {
        "threshold": threshold,
        "pairs": len(table),
        "test_pictures": int(table["other_row"].nunique()),
        "differing_labels": int((~table["agree"]).sum()),
        "recall_by_judgment": {str(judgment): [float(row["mean"]), int(row["size"])] for judgment, row in recall.iterrows()},
        "sample": sample[["row", "other_row", "similarity", "mirrored"]].to_numpy().tolist(),
        "seconds": round(seconds, 3),
    }


def measure_protocol(
    data: LabeledData, natural: dict[str, Any], pairs: int, seed: int, *, epochs: int | None = None
) -> dict[str, Any]:
    """Return the AUROC per image of every method, both images of a pair being errors; recall and precision of pairs."""
    planted = plant_conflicting_duplicates(data, pairs, seed=seed)
    assert planted.pairs is not None
    assert planted.data.images is not None
    options = TrainingOptions(seed=seed, measure=SCORES, curvature_epochs=EVERY_EPOCH, epochs=epochs)
    run = run_probe(planted.data, options, mirrored=True)
    assert run is not None
    compared = compare_images(planted.data, run)
    judged = find_duplicate_conflicts(compared, planted.data.labels, pred_probs=run.pred_probs, features=run.embeddings)
    same = compared.same()
    differ = planted.data.labels[same.first] != planted.data.labels[same.second]
    conflicts = set(map(tuple, np.stack([same.first, same.second], 1)[differ].tolist()))
    wanted = {(min(pair), max(pair)) for pair in planted.pairs.tolist()}
    suspects = {name: run.scores[name] * (1 if run.score_metadata[name]["direction"] == "high" else -1) for name in SCORES}
    suspects["conflict_similarity"] = judged.similarity
    suspects["confident_learning"] = -confident_learning(planted.data, options).scores["cl_self_confidence"]
    suspects["near_duplicate"], near = ask_cleanlab(run.embeddings.astype(np.float32))
    near_pairs = {pair for pair in near if planted.data.labels[pair[0]] != planted.data.labels[pair[1]]}
    return {
        "n": len(planted.data),
        "methods": {name: detection(planted.is_error, values) for name, values in suspects.items()},
        "pairs": {
            name: {
                "found": len(found),
                "recall": len(found & wanted) / len(wanted),
                "planted": len(found & wanted) / max(1, len(found)),
                "precision": 1 - len(wrong_pairs(sorted(found), natural["same_pairs"], planted.pairs)) / max(1, len(found)),
            }
            for name, found in (("duplicate_conflict", conflicts), ("near_duplicate", near_pairs))
        },
        "copy_suspect": float(judged.suspect[planted.pairs[:, 0]].mean()),
        "source_suspect": float(judged.suspect[planted.pairs[:, 1]].mean()),
    }


def ask_cleanlab(features: np.ndarray) -> tuple[np.ndarray, set[tuple[int, int]]]:
    """Return cleanlab's near_duplicate results from features: proximity of each sample's nearest (high = near), and pairs."""
    from cleanlab import Datalab

    with contextlib.redirect_stdout(io.StringIO()):
        lab = Datalab({"row": list(range(len(features)))}, verbosity=0)
        lab.find_issues(features=features, issue_types={"near_duplicate": {}})
    issues = lab.get_issues("near_duplicate")
    sets = issues.loc[issues["is_near_duplicate_issue"], "near_duplicate_sets"]
    pairs = {(min(row, other), max(row, other)) for row, others in sets.items() for other in map(int, others)}
    return -issues["near_duplicate_score"].to_numpy(dtype=np.float64), pairs


def measure_highest(data: LabeledData, cell: dict[str, Any]) -> dict[str, Any]:
    """Return how many of the images with the highest curvature are members of conflict groups."""
    scores = ("input_curvature", "label_contrast")
    options = {"measure": ("label_contrast",), "curvature_epochs": EVERY_EPOCH, **SETTINGS[cell["setting"]]}
    result = audit_for_duplicates(data, cell["seed"], **options)
    members = set(result.conflicts["row"])
    found: dict[str, Any] = {}
    for name in scores:
        top = result.scores.nlargest(HIGHEST, name)["row"].tolist()
        in_conflict = [row for row in top if row in members]
        found[name] = {"rows": top, "in_conflict": in_conflict, "count": len(in_conflict)}
    return {"n": len(data), "members": len(members), "groups": result.summary["duplicates"]["conflict_groups"], "scores": found}


def draw(strips: Sequence[tuple[np.ndarray, ...]], name: str, *, columns: int = 6, side: int = 64, gap: int = 6) -> None:
    """Write strips of adjacent images as a JPEG file next to the results."""
    if not strips:
        return
    width = max(len(strip) for strip in strips) * side + gap
    lines = -(-len(strips) // columns)
    sheet = Image.new("RGB", (columns * width, lines * (side + gap)), "white")
    for number, strip in enumerate(strips):
        for place, pixels in enumerate(strip):
            image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).resize((side, side))
            sheet.paste(image, (number % columns * width + place * side, number // columns * (side + gap)))
    path = rows.RESULTS / ("smoke" if "digits" in name else "") / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=QUALITY)


def show(result: dict[str, Any]) -> Any:
    """Return what the command prints for a cell."""
    if "recall" in result:
        return result["recall"], result["precision"], result["copy_suspect"]
    if "methods" in result:
        return {name: round(found["auroc"], 4) for name, found in result["methods"].items()}, result["pairs"]
    if "recall_by_judgment" in result:
        return result["pairs"], result["recall_by_judgment"]
    if "scores" in result:
        return {name: found["count"] for name, found in result["scores"].items()}
    return len(result["groups"])


def main() -> None:
    """Measure the missing cells."""
    smoke = [
        {**natural_cell("digits"), "epochs": 1},
        {"group": "protocol", "dataset": "digits", "pairs": 40, "seed": 0, "epochs": 1},
    ]
    make_cells(__doc__, STUDY, cells(), measure, smoke=smoke, show=show)


if __name__ == "__main__":
    main()
