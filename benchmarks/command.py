"""Time and memory of the whole command on CIFAR-10 with 10% flipped labels, compared with plain training of the same probe.

    python -m benchmarks.command DATASETS            about 8 minutes on 2 idle cores
    python -m benchmarks.command DATASETS --smoke    the same code on digits: three minutes

The noisy dataset is written to disk and audited with `curv-issues audit` in a separate process, with and without the search for
duplicates. Then another process trains the same probe for the same epochs on the same decoded images, without trackers and
scoring passes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import datasets

from benchmarks.common import load, make_cells

COMMANDS = {"audit": [], "audit --no-duplicates": ["--no-duplicates"]}
PLAIN = """
import sys, time, json
from pathlib import Path
import torch
from benchmarks.common import load, plant
from curv_issues.options import TrainingOptions
from curv_issues.device import limit_threads_for_small_batches
from curv_issues.training.recipe import make_recipe
from curv_issues.training.run import build_probe
from curv_issues.training.loop import train_probe
from curv_issues.training.state import TrainingState
name, root, rate, seed = sys.argv[1:]
data, _ = plant(load(name, Path(root)), float(rate), int(seed))
inputs = data.inputs()
recipe = make_recipe(TrainingOptions(), num_samples=len(data), shape=inputs.shape)
probe = build_probe("convnet", inputs.spec(data.num_classes)).to(memory_format=torch.channels_last)
with limit_threads_for_small_batches(recipe.batch_size, inputs.shape):
    start = time.perf_counter()
    train_probe(TrainingState(probe, recipe, seed=0), inputs, torch.from_numpy(data.labels),
                device=torch.device("cpu"))
    print(json.dumps(time.perf_counter() - start))
"""


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Run the command with and without the duplicate search, then the plain training."""
    name, root = cell["dataset"], root.resolve()
    rate, seed = str(cell["rate"]), str(cell["seed"])
    with tempfile.TemporaryDirectory() as scratch:
        planted = Path(scratch) / "planted.parquet"
        script = Path(__file__).parents[1] / "examples" / "plant_errors.py"
        source = write_digits(Path(scratch)) if name == "digits" else root / name
        subprocess.run([sys.executable, str(script), str(source), str(planted), "--rate", rate, "--seed", seed], check=True)
        command = [sys.executable, "-m", "curv_issues", "audit", str(planted), "--label-column", "label"]
        runs = {label: run([*command, *options], Path(scratch) / label) for label, options in COMMANDS.items()}
        training = [sys.executable, "-c", PLAIN, name, str(root), rate, seed]
        plain = subprocess.run(training, check=True, capture_output=True, text=True)
        imports = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import curv_issues.training.run, curv_issues.data.loading"], check=True)
        imports = time.perf_counter() - imports
    plain_seconds = json.loads(plain.stdout.splitlines()[-1])
    for found in runs.values():
        found["ratio_imports_apart"] = (found["whole_command_seconds"] - imports) / plain_seconds
    return {"import_seconds": imports, "plain_training_seconds": plain_seconds, "runs": runs}


def run(command: list[str], folder: Path) -> dict[str, Any]:
    """Return wall time, peak memory and summary of one audit with an empty cache."""
    environment = {**os.environ, "HF_HOME": str(folder / "huggingface")}
    output = folder / "result"
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--output", str(output)], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    whole = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed.")
    summary = json.loads((output / "summary.json").read_text())
    return {
        "whole_command_seconds": whole,
        "peak_memory": usage.ru_maxrss * 1024,
        "seconds": summary["seconds"],
        "recipe": summary["recipe"],
    }


def write_digits(folder: Path) -> Path:
    """Write scikit-learn's digits as a dataset on disk."""
    data = load("digits", folder)
    assert data.images is not None
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(data.class_names))})
    table = datasets.Dataset.from_dict({"image": list(data.images[..., 0]), "label": data.labels.tolist()}, features=features)
    (folder / "digits").mkdir()
    table.to_parquet(folder / "digits" / "train.parquet")
    return folder / "digits"


def main() -> None:
    """Measure the cell if it is missing."""
    make_cells(
        __doc__,
        "command",
        [{"dataset": "cifar10", "rate": 0.1, "seed": 0}],
        measure,
        smoke=[{"dataset": "digits", "rate": 0.1, "seed": 0}],
        show=lambda result: {
            name: (found["whole_command_seconds"], found["peak_memory"]) for name, found in result["runs"].items()
        },
    )


if __name__ == "__main__":
    main()
