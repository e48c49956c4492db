"""Kinds of known errors to plant, one per file. Register a new kind in the table below only; the table imports nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class NoiseInfo:
    """What is known about a noise kind without importing it.

    Attributes:
        target: "module:function" of the function that plants it: (data, argument, *, seed) -> Planted.
        argument: the argument after the colon: a fraction in [0, 1], a ratio >= 1, a number of pairs, or a column of a file.
        description: what is planted, in one line.
        source: the paper it comes from.
    """

    target: str
    argument: Literal["RATE", "RATIO", "PAIRS", "PATH:COLUMN"]
    description: str
    source: str


NOISES: dict[str, NoiseInfo] = {
    "uniform": NoiseInfo(
        target="curv_issues.noise.uniform:plant",
        argument="RATE",
        description="the same fraction of every class gets another class, uniformly at random",
        source="Garg, Ravikumar, Roy 2023, arXiv 2307.05831",
    ),
    "asymmetric": NoiseInfo(
        target="curv_issues.noise.asymmetric:plant",
        argument="RATE",
        description="a fraction of each affected class gets its confusable class (CIFAR-10: the known map; else: the next class)",
        source="Patrini et al. 2017, CVPR",
    ),
    "instance": NoiseInfo(
        target="curv_issues.noise.instance:plant",
        argument="RATE",
        description="a fraction of all samples, preferring hard ones, gets a class that a small model confuses them with",
        source="after Chen et al. 2021, AAAI",
    ),
    "file": NoiseInfo(
        target="curv_issues.noise.label_file:plant",
        argument="PATH:COLUMN",
        description="labels from a column of a table (CSV, JSON lines, parquet); the dataset's own labels are the truth",
        source="such as CIFAR-10N, Wei et al. 2022, ICLR",
    ),
    "longtail": NoiseInfo(
        target="curv_issues.noise.long_tail:plant",
        argument="RATIO",
        description="class sizes fall geometrically; RATIO is largest to smallest; another kind may follow",
        source="Cui et al. 2019, CVPR",
    ),
    "duplicates": NoiseInfo(
        target="curv_issues.noise.duplicates:plant_conflicting_duplicates",
        argument="PAIRS",
        description="images replaced by copies of others, with a different label; both count as errors",
        source="Ravikumar et al. 2025, ICML",
    ),
}
