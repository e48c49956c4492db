"""Kinds of known errors to plant, one a file. The table below is the only place a new one is added to; it imports nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class NoiseInfo:
    """What is known of a noise kind without importing it.

    Attributes:
        target: "module:function" of what plants it: (data, argument, *, seed) -> Planted.
        argument: what stands behind the colon: a share in [0, 1], a ratio of at least 1, a number of pairs, or a column of
            a file.
        description: what is planted, in a line.
        source: the paper it is from.
    """

    target: str
    argument: Literal["RATE", "RATIO", "PAIRS", "PATH:COLUMN"]
    description: str
    source: str


NOISES: dict[str, NoiseInfo] = {
    "uniform": NoiseInfo(
        target="curv_issues.noise.uniform:plant",
        argument="RATE",
        description="the same share of every class gets another class, each alike likely",
        source="Garg, Ravikumar, Roy 2023, arXiv 2307.05831",
    ),
    "asymmetric": NoiseInfo(
        target="curv_issues.noise.asymmetric:plant",
        argument="RATE",
        description="a share of each affected class gets the class it is taken for (CIFAR-10: by the known map; else: the next)",
        source="Patrini et al. 2017, CVPR",
    ),
    "instance": NoiseInfo(
        target="curv_issues.noise.instance:plant",
        argument="RATE",
        description="a share of all samples, rather the hard ones, gets a class that a small model confuses them with",
        source="after Chen et al. 2021, AAAI",
    ),
    "file": NoiseInfo(
        target="curv_issues.noise.label_file:plant",
        argument="PATH:COLUMN",
        description="labels from a column of a table (CSV, JSON lines, parquet); the dataset's own are the truth",
        source="such as CIFAR-10N, Wei et al. 2022, ICLR",
    ),
    "longtail": NoiseInfo(
        target="curv_issues.noise.long_tail:plant",
        argument="RATIO",
        description="class sizes fall geometrically, the largest to the smallest as told; another kind may follow",
        source="Cui et al. 2019, CVPR",
    ),
    "duplicates": NoiseInfo(
        target="curv_issues.noise.duplicates:plant_conflicting_duplicates",
        argument="PAIRS",
        description="images replaced by copies of others under another label; both are to be found",
        source="Ravikumar et al. 2025, ICML",
    ),
}
