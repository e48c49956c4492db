"""Run the cells of a benchmark: every noise with every seed, those that are there already left out."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from curv_issues.auditing.summary import versions
from curv_issues.bench.cell import measure_cell
from curv_issues.bench.costs import PassCosts
from curv_issues.bench.methods import Methods
from curv_issues.bench.results import SCHEMA_VERSION, cell_path, configuration_hash, read_cell, set_aside, write_cell
from curv_issues.data.base import LabeledData
from curv_issues.noise.spec import NoiseSpec, apply_noise
from curv_issues.option import option_names
from curv_issues.options import FindingOptions, TrainingOptions
from curv_issues.progress import Progress, ProgressCallback
from curv_issues.results.arrow import json_ready

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """A benchmark.

    Attributes:
        noises: what to plant, each in cells of its own.
        seeds: of noise and trainings; 0 to seeds - 1.
        methods: what to compare.
        options: of the training.
        finding: the cut-off of the default ranking.
    """

    noises: tuple[NoiseSpec, ...]
    seeds: int
    methods: Methods
    options: TrainingOptions
    finding: FindingOptions = field(default_factory=FindingOptions)

    def cells(self) -> list[tuple[NoiseSpec, int]]:
        """Every noise with the first seed, then with the next: an interrupted benchmark has something of everything."""
        return [(noise, seed) for seed in range(self.seeds) for noise in self.noises]


def run_bench(
    data: LabeledData,
    plan: Plan,
    folder: Path,
    *,
    progress: ProgressCallback | None = None,
    on_cell: Callable[[], None] | None = None,
) -> list[dict[str, Any]]:
    """Make the missing cells of a plan, one file each, and give all of them.

    Args:
        data: n samples with their own labels.
        plan: what to run.
        folder: of the results; finished cells in it are read, not made again.
        progress: told of the stage "cells" and of the stages within each.
        on_cell: called after every cell that was made.

    Raises:
        KeyboardInterrupt: Ctrl-C; finished cells are kept.
        UsageError: the data cannot take one of the noises.
        AuditError: the loss became NaN, or a cell cannot be written; finished cells are kept.
    """
    found = []
    cells = plan.cells()
    costs = PassCosts()
    for number, (noise, seed) in enumerate(cells):
        if progress:
            progress(Progress("cells", number, len(cells)))
        configuration = describe_cell(data, plan, noise, seed)
        path = cell_path(folder, configuration)
        result = read_cell(path)
        if result is None:
            if os.path.lexists(path):
                LOG.info("%s is damaged or of another version: renamed to %s, measured again.", path, set_aside(path).name)
            measured = measure_cell(
                data,
                noise,
                seed,
                options=plan.options,
                methods=plan.methods,
                finding=plan.finding,
                measure=costs,
                progress=progress,
            )
            result = {
                "schema_version": SCHEMA_VERSION,
                "cell": configuration,
                "config_hash": configuration_hash(configuration),
                **measured,
                "made_by": {"versions": versions(), "machine": machine()},
            }
            write_cell(path, result)
            if on_cell:
                on_cell()
        found.append(result)
    if progress:
        progress(Progress("cells", len(cells), len(cells)))
    return found


def check_noises(data: LabeledData, plan: Plan) -> None:
    """Plant every noise once, so that one that the data cannot take is told before hours of training.

    Raises:
        UsageError: the data cannot take one of the noises.
        DatasetError: a file of labels cannot be used.
    """
    for noise in plan.noises:
        apply_noise(data, noise, seed=0)


def finished_cells(data: LabeledData, plan: Plan, folder: Path) -> list[dict[str, Any]]:
    """The cells of a plan that are there."""
    paths = [cell_path(folder, describe_cell(data, plan, noise, seed)) for noise, seed in plan.cells()]
    return [cell for cell in map(read_cell, paths) if cell is not None]


def describe_cell(data: LabeledData, plan: Plan, noise: NoiseSpec, seed: int) -> dict[str, Any]:
    """Everything that the numbers of a cell depend on, as JSON values."""
    options = {name: getattr(plan.options, name) for name in option_names(TrainingOptions) if name not in ("seed", "measure")}
    if not isinstance(plan.options.probe, str):
        options["probe"] = getattr(plan.options.probe, "__qualname__", type(plan.options.probe).__qualname__)
    return {
        "dataset": {
            "source": data.source.source,
            "split": data.source.split,
            "revision": data.source.revision,
            "label_column": data.source.label_column,
            "fingerprint": data.fingerprint,
            "n": len(data),
            "classes": data.num_classes,
        },
        "noise": noise.text,
        "seed": seed,
        "methods": list(plan.methods.names),
        "options": json_ready(options),
        "cut_off": plan.finding.cut_off,
    }


def machine() -> dict[str, Any]:
    """Processor, cores, threads and load, as far as the system tells."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
