"""The search for duplicates among 50,000 and 500,000 generated images, stage by stage, exact and approximate.

    python -m benchmarks.duplicates_scale DATASETS            about 20 minutes on one idle core, 6 GB of memory
    python -m benchmarks.duplicates_scale DATASETS --smoke    the same code on 2,000 images

The images are random fields with the spectrum of photos, all distinct. One in a hundred is replaced by an altered copy of
another. No probe is trained, as the search uses only the images. DATASETS is not read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from scipy.fft import irfft2

from benchmarks.altered import ALTERED
from benchmarks.common import make_cells
from curv_issues.device import choose_device
from curv_issues.duplicates import candidates as search_for_candidates
from curv_issues.duplicates.alignment import Details
from curv_issues.duplicates.search import compare_candidates
from curv_issues.inputs.images import as_pixels
from curv_issues.memory import peak_memory

CHUNK = 5_000
KINDS = tuple(name for name in ALTERED if name != "border")


def generate(n: int, seed: int) -> np.ndarray:
    """Return random fields whose amplitude falls with the frequency, uint8 (n, 32, 32, 3)."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.rfftfreq(64)).astype(np.float32) + 1 / 64
    images = np.empty((n, 32, 32, 3), dtype=np.uint8)
    for start in range(0, n, CHUNK):
        count = min(CHUNK, n - start)
        noise = rng.standard_normal((count, 3, *frequency.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
        fields = irfft2(noise / frequency**1.3, workers=-1)[:, :, :32, :32]  # the fields are periodic, so show half of each
        fields += fields.mean(1, keepdims=True)  # the channels of a photo are correlated
        low, high = fields.min((1, 2, 3), keepdims=True), fields.max((1, 2, 3), keepdims=True)
        images[start : start + count] = (255 * (fields - low) / (high - low)).round().transpose(0, 2, 3, 1)
    return images


def plant_copies(images: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Replace one image in a hundred by an altered copy, in place; return the pairs (p, 2), copy and source, and their kinds."""
    rng = np.random.default_rng((seed, 1))
    count = len(images) // 100
    pairs = rng.permutation(len(images))[: 2 * count].reshape(-1, 2)
    kinds = np.array(KINDS, dtype=object)[np.arange(count) % len(KINDS)]
    for (copy, source), kind in zip(pairs, kinds, strict=True):
        images[copy] = ALTERED[kind](images[source], rng)
    return pairs, kinds


def measure(cell: dict[str, Any], _root: Path) -> dict[str, Any]:
    """Return seconds by stage, the recall of the copies, and the recall of the approximate search relative to the exact one."""
    images = generate(cell["n"], cell["seed"])
    pairs, kinds = plant_copies(images, cell["seed"])
    searches = {name: search(images, approximate=name == "approximate") for name in cell["searches"]}
    same = {name: found.pop("same") for name, found in searches.items()}
    for name, found in searches.items():
        hit = np.array([(min(pair), max(pair)) in same[name] for pair in pairs.tolist()])
        found["recall"] = {kind: float(hit[kinds == kind].mean()) for kind in KINDS}
        found["pairs"] = len(same[name])
        found["wrong_pairs"] = len(same[name]) - int(hit.sum())
    both = len(same) == 2
    return {
        "copies": len(pairs),
        "searches": searches,
        "recall_of_exact": len(same["exact"] & same["approximate"]) / max(1, len(same["exact"])) if both else None,
        "peak_memory": peak_memory(),
    }


def search(images: np.ndarray, *, approximate: bool) -> dict[str, Any]:
    """Return one search with its wall-clock and processor seconds by stage."""
    device = choose_device("auto")
    pixels, index = as_pixels(images), torch.arange(len(images))
    seconds: dict[str, list[float]] = {}

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        wall, processor = time.perf_counter(), time.process_time()
        yield
        seconds[stage] = [round(time.perf_counter() - wall, 2), round(time.process_time() - processor, 2)]

    with timed("details"):
        details = Details(pixels, index, device=device)
    with timed("candidates"), patch.object(search_for_candidates, "APPROXIMATE_FROM", 0 if approximate else len(images) + 1):
        found = search_for_candidates.candidates_within(pixels, index, None, device=device)
    with timed("comparison"):
        compared = compare_candidates(details, details, found, None)
    same = compared.same()
    return {
        "threshold": compared.threshold,
        "compared": len(compared),
        "seconds": {stage: wall for stage, (wall, _) in seconds.items()},
        "processor_seconds": {stage: processor for stage, (_, processor) in seconds.items()},
        "same": set(zip(same.first.tolist(), same.second.tolist(), strict=True)),
    }


def cells() -> list[dict[str, Any]]:
    """Return all cells."""
    return [
        {"group": "scale", "dataset": "generated", "n": n, "searches": ["approximate", "exact"], "seed": 0}
        for n in (50_000, 500_000)
    ]


def main() -> None:
    """Measure the missing cells."""
    smoke = [{"group": "scale", "dataset": "generated", "n": 2_000, "searches": ["approximate", "exact"], "seed": 0}]
    make_cells(
        __doc__,
        "duplicates",
        cells(),
        measure,
        smoke=smoke,
        show=lambda result: (result["recall_of_exact"], {name: found["seconds"] for name, found in result["searches"].items()}),
    )


if __name__ == "__main__":
    main()
