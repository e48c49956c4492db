"""Run the missing cells of a benchmark: every noise with every seed."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from curv_issues.auditing.summary import plain_options, versions
from curv_issues.backbones.identity import identify
from curv_issues.backbones.loading import load_backbone
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
        noises: errors to plant, each in separate cells.
        seeds: number of seeds of noise and trainings, which are 0 to seeds - 1.
        methods: methods to compare.
        options: training options.
        finding: cut-off of the default ranking.
    """

    noises: tuple[NoiseSpec, ...]
    seeds: int
    methods: Methods
    options: TrainingOptions
    finding: FindingOptions = field(default_factory=FindingOptions)

    def cells(self) -> list[tuple[NoiseSpec, int]]:
        """Return every noise with the first seed, then with the next, so that an interrupted benchmark covers all noises."""
        return [(noise, seed) for seed in range(self.seeds) for noise in self.noises]


def run_bench(
    data: LabeledData,
    plan: Plan,
    folder: Path,
    *,
    progress: ProgressCallback | None = None,
    on_cell: Callable[[], None] | None = None,
) -> list[dict[str, Any]]:
    """Run the missing cells of a plan, one file each, and return all cells.

    Args:
        data: n samples with their own labels.
        plan: the benchmark.
        folder: folder of the results; finished cells in it are read, not run again.
        progress: called for the stage "cells" and for the stages of each cell.
        on_cell: called after every cell that was run.

    Raises:
        KeyboardInterrupt: Ctrl-C; finished cells are kept.
        UsageError: one of the noises does not fit the data.
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
                LOG.info("%s is corrupt or has another version: renamed to %s, run again.", path, set_aside(path).name)
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
    """Plant every noise once, to report a noise that does not fit the data before hours of training.

    Raises:
        UsageError: one of the noises does not fit the data.
        DatasetError: a file of labels cannot be used.
    """
    for noise in plan.noises:
        apply_noise(data, noise, seed=0)


def finished_cells(data: LabeledData, plan: Plan, folder: Path) -> list[dict[str, Any]]:
    """Return the finished cells of a plan."""
    paths = [cell_path(folder, describe_cell(data, plan, noise, seed)) for noise, seed in plan.cells()]
    return [cell for cell in map(read_cell, paths) if cell is not None]


def describe_cell(data: LabeledData, plan: Plan, noise: NoiseSpec, seed: int) -> dict[str, Any]:
    """Return everything that the results of a cell depend on, as JSON values."""
    options = {name: getattr(plan.options, name) for name in option_names(TrainingOptions) if name not in ("seed", "measure")}
    options["probe"] = plain_options(plan.options)["probe"]
    del options["backbone"]  # cells without one keep the name that they had before there were backbones
    if data.source.backbone is not None:
        options["backbone"] = data.source.backbone
    if not plan.options.fine_tune:
        del options["fine_tune"]
    else:
        loaded = load_backbone(plan.options.backbone)
        options["backbone"] = identify(loaded) or loaded.title
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
        **({} if plan.finding.precision is None else {"precision": plan.finding.precision}),
    }


def machine() -> dict[str, Any]:
    """Return processor, cores, threads and load; the load is None if the system does not report it."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    """Return the name of the processor; "" if unknown."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
