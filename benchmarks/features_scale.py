"""Time and memory of audits of 50,000 to 1,000,000 generated feature vectors.

    python -m benchmarks.features_scale DATASETS            about 15 minutes on two idle cores, 2 GB of disk
    python -m benchmarks.features_scale DATASETS --smoke    the same code on 2,000 vectors

The vectors are float16 in a memory map: class means plus noise. Memory is what the audit adds to anonymous memory, so without
pages of the map. DATASETS is not read.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import make_cells
from curv_issues import audit_features

CHUNK = 10_000
NUM_FEATURES, NUM_CLASSES = 768, 10


def generate(path: Path, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors, a float16 memory map (n, 768), and labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, NUM_CLASSES, n)
    means = rng.standard_normal((NUM_CLASSES, NUM_FEATURES), dtype=np.float32) / 2
    vectors = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(n, NUM_FEATURES))
    for start in range(0, n, CHUNK):
        part = labels[start : start + CHUNK]
        vectors[start : start + CHUNK] = means[part] + rng.standard_normal((len(part), NUM_FEATURES), dtype=np.float32)
    vectors.flush()
    return np.load(path, mmap_mode="r"), labels


def anonymous_memory() -> int:
    """Return the resident memory of this process that is not of files, in bytes (Linux)."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def measure(cell: dict[str, Any], _root: Path) -> dict[str, Any]:
    """Return the seconds by stage and the largest anonymous memory beyond that before the audit."""
    with tempfile.TemporaryDirectory() as folder:
        vectors, labels = generate(Path(folder) / "vectors.npy", cell["n"])
        audit_features(vectors[:1_000], labels[:1_000], progress=False, duplicates=cell["duplicates"])  # imports what is needed
        before, largest, done = anonymous_memory(), 0, threading.Event()

        def watch() -> None:
            nonlocal largest
            while not done.wait(0.05):
                largest = max(largest, anonymous_memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        start, processor = time.perf_counter(), time.process_time()
        result = audit_features(vectors, labels, progress=False, duplicates=cell["duplicates"])
        wall, processor = time.perf_counter() - start, time.process_time() - processor
        done.set()
        watcher.join()
    recipe = result.summary["recipe"]
    return {
        "wall": round(wall, 2),
        "processor": round(processor, 2),
        "seconds": result.summary["seconds"],
        "memory": largest - before,
        "recipe": {"epochs": recipe["epochs"], "batch_size": recipe["batch_size"]},
    }


def cells() -> list[dict[str, Any]]:
    """Return all cells."""
    sizes = ((50_000, False), (50_000, True), (200_000, False), (1_000_000, False))
    return [{"dataset": "generated", "n": n, "duplicates": duplicates} for n, duplicates in sizes]


def main() -> None:
    """Measure the missing cells."""
    make_cells(
        __doc__,
        "features_scale",
        cells(),
        measure,
        smoke=[{"dataset": "generated", "n": 2_000, "duplicates": False}],
        show=lambda result: (result["wall"], result["processor"], f"{result['memory'] / 1e9:.2f} GB", result["seconds"]),
    )


if __name__ == "__main__":
    main()
