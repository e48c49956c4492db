"""The search for duplicates without labels, compared with that of the audit and with perceptual hashes; its time and memory.

    pip install imagehash imagededup                               the other methods, which the package does not need
    python -m benchmarks.duplicate_finders DATASETS                all cells: about 50 minutes on one idle core
    python -m benchmarks.duplicate_finders DATASETS --group photos    one of: photos, leakage, command
    python -m benchmarks.duplicate_finders DATASETS --smoke        the same code on digits, without other methods: a minute

`photos`: copies of photos of clothing, altered in several ways, written as files into the same folder. `leakage`: the images of
CIFAR-10's test set that also appear in its training set, and the pairs judged by people. `command`: the whole command on all 60,000
images of CIFAR-10.

Hashes are compared at every threshold, and those of turned and mirrored images are made too where this is noted. "Best" thresholds
are chosen on the same images, by the F1 of all copies, in favour of the method. The default of the search is chosen without labels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance, ImageOps

from benchmarks.common import load, make_cells
from benchmarks.duplicates import audit_for_duplicates, draw, same_pairs
from curv_issues.auditing.duplicates import find_copies
from curv_issues.data.base import LabeledData
from curv_issues.data.image_loading import load_images
from curv_issues.data.loading import load_data
from curv_issues.duplicates.search import compare_within

STUDY = "duplicate_finders"
SEEDS = (0, 1, 2)
COPIES = 50  # per kind and seed
MOST_BITS = 20  # largest threshold of a hash of 64 bits
LEVELS = tuple(round(0.99 - 0.01 * step, 2) for step in range(10))  # thresholds of the search, from 0.99 to 0.9
SHOWN = 50  # pairs on a contact sheet
SAME = (
    ("02341619-2fa3-42d4-bb5e-689518228e67", "78b7da73-ca6c-4e99-b88d-a9f358e7f0f2"),
    (
        "6075b4a5-5b1a-4ce0-aea0-9dbfbca7c35c",
        "637a56e4-7fa6-4f75-8859-0f8902461554",
    ),
)
"""The duplicates that the photos have already: those among the 118 most similar pairs by the search and by pHash, seen by eye."""

Alter = Callable[[Image.Image, np.random.Generator], Image.Image]
Pairs = dict[tuple[int, int], float]
"""Pairs of positions, the smaller one first, with their similarity, or minus the number of different bits of their hashes."""


def cropped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a part with 90% of each side, at a random place."""
    width, height = (round(0.9 * side) for side in image.size)
    left, top = (int(rng.integers(0, side - part + 1)) for side, part in zip(image.size, (width, height), strict=True))
    return image.crop((left, top, left + width, top + height))


def resized(image: Image.Image, _rng: np.random.Generator) -> Image.Image:
    """Return the image at 60% of each side."""
    return image.resize((round(0.6 * image.width), round(0.6 * image.height)), Image.Resampling.LANCZOS)


KINDS: dict[str, tuple[Alter, int]] = {
    "re-encoded": (lambda image, _rng: image, 40),
    "resized": (resized, 90),
    "cropped": (cropped, 90),
    "brightened": (lambda image, _rng: ImageEnhance.Brightness(image).enhance(1.3), 90),
    "mirrored": (lambda image, _rng: ImageOps.mirror(image), 90),
    "turned by 90": (lambda image, _rng: image.transpose(Image.Transpose.ROTATE_90), 90),
    "turned by 180": (lambda image, _rng: image.transpose(Image.Transpose.ROTATE_180), 90),
    "turned by 270": (lambda image, _rng: image.transpose(Image.Transpose.ROTATE_270), 90),
    "upside down": (lambda image, _rng: ImageOps.flip(image), 90),
}
"""What is done to a copy, and the JPEG quality it is saved with."""
UPRIGHT = ("re-encoded", "resized", "cropped", "brightened")


def cells() -> list[dict[str, Any]]:
    """Return all cells, most informative first."""
    photos = [{"group": "photos", "dataset": "clothing", "copies": COPIES, "seed": seed} for seed in SEEDS]
    leakage = {"group": "leakage", "dataset": "cifar10"}
    command = [{"group": "command", "dataset": "cifar10", "turned": turned} for turned in (False, True)]
    return [photos[0], leakage, *command, *photos[1:]]


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Measure one cell, by its group."""
    if cell["group"] == "photos":
        return measure_photos(root, cell)
    return measure_leakage(root, cell) if cell["group"] == "leakage" else measure_command(root, cell)


def write_copies(photos: LabeledData, folder: Path, copies: int, seed: int) -> dict[str, tuple[str, str]]:
    """Write all photos and altered copies of some of them into class folders, and return copy -> (source, kind), by stem."""
    rng = np.random.default_rng(seed)
    stems = {Path(path).stem: index for index, path in enumerate(photos.paths)}
    known = {stems[stem] for pair in SAME for stem in pair if stem in stems}
    sources = rng.permutation([index for index in range(len(photos)) if index not in known])[: copies * len(KINDS)]
    kind_of = dict(zip(sources.tolist(), np.repeat(list(KINDS), copies).tolist(), strict=True))
    planted = {}
    for index in range(len(photos)):
        image, stem = photos.image(index), Path(photos.paths[index]).stem
        place = folder / photos.class_names[photos.labels[index]]
        place.mkdir(parents=True, exist_ok=True)
        image.save(place / f"{stem}.jpg", quality=95)
        if index in kind_of:
            alter, quality = KINDS[kind_of[index]]
            copy = f"{int(rng.integers(0, 2**62)):x}"  # so that its name tells nothing
            alter(image, rng).save(place / f"{copy}.jpg", quality=quality)
            planted[copy] = stem, kind_of[index]
    return planted


def measure_photos(root: Path, cell: dict[str, Any]) -> dict[str, Any]:
    """Return recall by kind, precision and seconds of every method, and the best threshold of every hash."""
    photos = load(cell["dataset"], root)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if cell["dataset"] == "digits":
            photos = with_names(photos)
        planted = write_copies(photos, folder, cell["copies"], cell["seed"])
        data = load_images(folder)
        methods: dict[str, Any] = {}
        for name, turned in (("search", False), ("search, turned", True)):
            start = time.process_time()
            compared = compare_within(data, turned=turned)
            seconds = time.process_time() - start
            values = compared.similarity.tolist()
            pairs = dict(zip(zip(compared.first.tolist(), compared.second.tolist(), strict=True), values, strict=True))
            own = {"threshold": compared.threshold, **judge(above(pairs, compared.threshold), data, planted)}
            methods[name] = {**own, "seconds": seconds}
            methods[f"{name}, best"] = {**best(pairs, LEVELS, data, planted), "seconds": seconds}
        if cell["dataset"] != "digits":
            methods["audit"] = audited(folder, data, planted, cell["seed"])
            for name, pairs, seconds in hashed(folder, data):
                methods[f"{name}, best"] = {**best(pairs, range(0, -MOST_BITS - 1, -1), data, planted), "seconds": seconds}
                if "imagededup" in name:
                    methods[f"{name}, default"] = {**judge(above(pairs, -10), data, planted), "threshold": -10, "seconds": seconds}
    return {"n": len(data), "copies": cell["copies"], "methods": methods}


def with_names(data: LabeledData) -> LabeledData:
    """Return arrays with a path each."""
    data.paths[:] = [f"{index}.png" for index in range(len(data))]
    return data


def audited(folder: Path, data: LabeledData, planted: dict[str, tuple[str, str]], seed: int) -> dict[str, Any]:
    """Return what the audit of the labelled folder finds."""
    labelled = load_data(folder)
    result = audit_for_duplicates(labelled, seed)
    place = {path: index for index, path in enumerate(data.paths)}
    rows = same_pairs(result)[["first", "second"]].to_numpy()  # rows of a whole folder are positions
    found = np.sort([[place[labelled.paths[row]] for row in pair] for pair in rows.tolist()], axis=1)
    seconds = result.summary["seconds"]
    return {
        "threshold": result.summary["duplicates"]["threshold"],
        **judge(dict.fromkeys(map(tuple, found.tolist()), 0.0), data, planted),
        "seconds": seconds["train"] + seconds["score"] + seconds["compare"],
    }


def hashed(folder: Path, data: LabeledData) -> Iterator[tuple[str, Pairs, float]]:
    """Yield the name of each hash, the pairs within its largest threshold, and the processor seconds that the hashes took."""
    import imagehash
    from imagededup.methods import PHash

    def of_image(image: Image.Image) -> np.ndarray:
        return imagehash.phash(image).hash.ravel()

    images = [Image.open(folder / path).convert("RGB") for path in data.paths]
    start = time.process_time()
    plain = pack([of_image(image) for image in images])
    yield "pHash (imagehash)", near_pairs(plain, [plain]), time.process_time() - start
    start = time.process_time()
    turned = [pack([of_image(image.transpose(how)) for image in images]) for how in Image.Transpose]
    yield "pHash (imagehash), all orientations", near_pairs(plain, [plain, *turned]), time.process_time() - start
    start, encoder = time.process_time(), PHash(verbose=False)
    codes = [encoder.encode_image(image_array=np.asarray(image)) for image in images]
    bits = pack([np.array([int(digit, 16) >> shift & 1 for digit in code for shift in (3, 2, 1, 0)], dtype=bool) for code in codes])
    yield "pHash (imagededup)", near_pairs(bits, [bits]), time.process_time() - start


def pack(hashes: list[np.ndarray]) -> np.ndarray:
    """Return hashes of 64 bits as uint64 (n,)."""
    return np.packbits(np.array(hashes, dtype=bool), axis=1).view(np.uint64)[:, 0]


def near_pairs(plain: np.ndarray, others: list[np.ndarray]) -> Pairs:
    """Return the pairs of images whose hashes differ in at most `MOST_BITS`, the second one in any orientation."""
    found: Pairs = {}
    for codes in others:
        for first, code in enumerate(plain):
            bits = np.bitwise_count(codes ^ code)
            for second in np.flatnonzero(bits <= MOST_BITS).tolist():
                if second != first:
                    pair = (min(first, second), max(first, second))
                    found[pair] = max(found.get(pair, -64.0), -float(bits[second]))
    return found


def above(pairs: Pairs, threshold: float) -> Pairs:
    """Return the pairs at or above a threshold."""
    return {pair: value for pair, value in pairs.items() if value >= threshold}


def judge(pairs: Pairs, data: LabeledData, planted: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Return the recall of planted copies by kind, and the precision of the pairs: a pair is right if its sources are the same."""
    stems = [Path(path).stem for path in data.paths]
    source = [planted[stem][0] if stem in planted else stem for stem in stems]
    name = dict(SAME)
    source = [name.get(stem, stem) for stem in source]
    right = [pair for pair in pairs if source[pair[0]] == source[pair[1]]]
    place = {stem: index for index, stem in enumerate(stems)}
    hit: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for copy, (original, kind) in planted.items():
        hit[kind].append((min(place[copy], place[original]), max(place[copy], place[original])) in pairs)
    recall = {kind: sum(found) / max(1, len(found)) for kind, found in hit.items()}
    precision = len(right) / max(1, len(pairs))
    found = {"upright": [recall[kind] for kind in UPRIGHT], "all": list(recall.values())}
    return {
        "pairs": len(pairs),
        "precision": precision,
        "recall": recall,
        **{f"recall_{which}": float(np.mean(values)) for which, values in found.items()},
    }


def best(pairs: Pairs, thresholds: Iterable[float], data: LabeledData, planted: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Return what the threshold with the best F1 of all copies finds, and briefly what every threshold does."""
    found = {threshold: judge(above(pairs, threshold), data, planted) for threshold in thresholds}

    def f1(threshold: float) -> float:
        precision, recall = (found[threshold][name] for name in ("precision", "recall_all"))
        return 2 * precision * recall / max(1e-12, precision + recall)

    chosen = max(found, key=f1)
    short = ("pairs", "precision", "recall_upright", "recall_all")
    curve = {str(threshold): {name: entry[name] for name in short} for threshold, entry in found.items()}
    return {"threshold": chosen, **found[chosen], "by_threshold": curve}


def measure_leakage(root: Path, cell: dict[str, Any]) -> dict[str, Any]:
    """Return the images of the test set that appear in the training set, by the search and by pHash at every threshold."""
    train, test = (load_images(str(root / cell["dataset"]), split=split) for split in ("train", "test"))
    judged = pd.read_csv(root / "cifar10_near_duplicates.csv")
    start = time.process_time()
    table, threshold = find_copies(test, train)
    seconds = time.process_time() - start
    found = dict(zip(table["row"], zip(table["other_row"], 1 - table["similarity"], strict=True), strict=True))
    methods = {"search": {"threshold": threshold, "seconds": seconds, **judge_leakage(found, judged)}}
    sample = draw_sample(found, test, train, "copies-search")
    start = time.process_time()
    nearest = nearest_by_hash(test, train)
    seconds = time.process_time() - start
    by_bits = {
        bits: judge_leakage({row: pair for row, pair in nearest.items() if pair[1] <= bits}, judged) for bits in range(0, 13, 2)
    }
    least = min(by_bits, key=lambda bits: abs(by_bits[bits]["images"] - len(found)))
    methods["pHash (imagehash)"] = {"threshold": least, "seconds": seconds, **by_bits[least], "by_threshold": by_bits}
    near = {row: pair for row, pair in nearest.items() if pair[1] <= least}
    return {
        "n": [len(test), len(train)],
        "methods": methods,
        "samples": {"copies-search": sample, "copies-phash": draw_sample(near, test, train, "copies-phash")},
    }


def judge_leakage(found: dict[int, tuple[int, float]], judged: pd.DataFrame) -> dict[str, Any]:
    """Return how many test images are found, and the fraction of the judged ones among them."""
    is_found = judged["test_row"].isin(found)
    recall = is_found.groupby(judged["judgment"]).agg(["mean", "size"])
    return {
        "images": len(found),
        "recall_by_judgment": {str(judgment): [float(row["mean"]), int(row["size"])] for judgment, row in recall.iterrows()},
    }


def nearest_by_hash(test: LabeledData, train: LabeledData) -> dict[int, tuple[int, float]]:
    """Return the training image with the nearest hash of each test image, mirrored or not, and the number of different bits."""
    import imagehash

    def codes(data: LabeledData, *, mirror: bool) -> np.ndarray:
        images = (data.image(index) for index in range(len(data)))
        return pack([imagehash.phash(ImageOps.mirror(image) if mirror else image).hash.ravel() for image in images])

    gallery = codes(train, mirror=False)
    found: dict[int, tuple[int, float]] = {}
    for mirror in (False, True):
        for row, code in enumerate(codes(test, mirror=mirror)):
            bits = np.bitwise_count(gallery ^ code)
            near = int(bits.argmin())
            if row not in found or bits[near] < found[row][1]:
                found[row] = near, float(bits[near])
    return found


def draw_sample(found: dict[int, tuple[int, float]], test: LabeledData, train: LabeledData, name: str) -> list[list[int]]:
    """Draw random pairs on a contact sheet, and return their rows: test and training image."""
    rows = sorted(found)
    chosen = np.random.default_rng(0).permutation(len(rows))[:SHOWN]
    pairs = [[int(rows[index]), int(found[rows[index]][0])] for index in sorted(chosen.tolist())]
    assert test.images is not None
    assert train.images is not None
    draw([(test.images[row], train.images[other]) for row, other in pairs], name, columns=10, side=48)
    return pairs


def measure_command(root: Path, cell: dict[str, Any]) -> dict[str, Any]:
    """Return wall seconds, seconds by stage and peak memory of the whole command."""
    line = [sys.executable, "-m", "curv_issues", "duplicates", str(root / cell["dataset"]), "--format", "json"]
    line += ["--turned"] if cell["turned"] else []
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(line, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        whole = time.perf_counter() - start
        if status:
            raise SystemExit(f"{' '.join(line)} failed.")
        output.seek(0)
        found = json.load(output)
    counts = {name: found[name] for name in ("threshold", "num_groups", "num_removable", "seconds")}
    processor = usage.ru_utime + usage.ru_stime
    memory = usage.ru_maxrss * 1024
    return {"n": found["dataset"]["n"], **counts, "wall_seconds": whole, "processor_seconds": processor, "peak_memory": memory}


def show(result: dict[str, Any]) -> Any:
    """Return what the command prints for a cell."""
    if "methods" not in result:
        return result["wall_seconds"], result["peak_memory"], result["num_groups"]
    if "samples" in result:
        return {name: (found["images"], found["recall_by_judgment"]) for name, found in result["methods"].items()}
    return {
        name: [found["threshold"], *(round(found[key], 3) for key in ("precision", "recall_upright", "recall_all"))]
        for name, found in result["methods"].items()
    }


def main() -> None:
    """Measure the missing cells."""
    smoke = [{"group": "photos", "dataset": "digits", "copies": 5, "seed": 0}]
    make_cells(__doc__, STUDY, cells(), measure, smoke=smoke, show=show)


if __name__ == "__main__":
    main()
