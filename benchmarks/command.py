"""Time and memory of the whole command on CIFAR-10 with 10% flipped labels, beside the plain training of the same probe.

    python -m benchmarks.command DATASETS        about 8 minutes on 2 idle cores

The noisy dataset is written to disk and audited with `curv-issues audit` in a process of its own, with and without the search for
duplicates; then the same probe is trained in another process for the same epochs on the same decoded pictures without any
tracker or scoring pass.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import run_cell

PLAIN = """
import sys, time, json
from pathlib import Path
import torch
from benchmarks.common import load, plant
from curv_issues.batches import as_pictures
from curv_issues.config import TrainingOptions
from curv_issues.device import sensible_threads
from curv_issues.memory import keeping_freed_memory
from curv_issues.recipe import make_recipe
from curv_issues.run import build_probe, make_spec
from curv_issues.training import train_probe
data, _ = plant(load("cifar10", Path(sys.argv[1])), 0.1, 0)
options = TrainingOptions()
recipe = make_recipe(options, num_samples=len(data), resolution=32, grey=False)
probe = build_probe("convnet", make_spec(data)).to(memory_format=torch.channels_last)
with sensible_threads(recipe.batch_size, 32), keeping_freed_memory():
    start = time.perf_counter()
    train_probe(probe, as_pictures(data.images), torch.from_numpy(data.labels), recipe,
                device=torch.device("cpu"), generator=torch.Generator().manual_seed(0))
    print(json.dumps(time.perf_counter() - start))
"""


COMMANDS = {"audit": [], "audit --no-duplicates": ["--no-duplicates"]}


def measure(root: Path) -> dict[str, Any]:
    """Run the command both ways, then the plain training."""
    with tempfile.TemporaryDirectory() as scratch:
        planted = Path(scratch) / "planted.parquet"
        script = Path(__file__).parents[1] / "examples" / "plant_errors.py"
        subprocess.run([sys.executable, str(script), str(root / "cifar10"), str(planted), "--rate", "0.1"], check=True)
        command = [str(Path(sys.executable).parent / "curv-issues"), "audit", str(planted), "--label-column", "label"]
        runs = {name: run([*command, *options], Path(scratch) / name) for name, options in COMMANDS.items()}
        plain = subprocess.run([sys.executable, "-c", PLAIN, str(root)], check=True, capture_output=True, text=True)
        imports = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import curv_issues.run, curv_issues.data.huggingface"], check=True)
        imports = time.perf_counter() - imports
    plain_seconds = json.loads(plain.stdout.splitlines()[-1])
    for found in runs.values():
        found["ratio_imports_apart"] = (found["whole_command_seconds"] - imports) / plain_seconds
    return {"import_seconds": imports, "plain_training_seconds": plain_seconds, "runs": runs}


def run(command: list[str], folder: Path) -> dict[str, Any]:
    """One audit, with an empty cache: its wall time, the peak memory of its process, and what its summary tells."""
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


def main() -> None:
    """Measure once and keep the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path)
    options = parser.parse_args()
    result = run_cell("command", {"dataset": "cifar10", "rate": 0.1, "seed": 0}, lambda: measure(options.datasets.resolve()))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
