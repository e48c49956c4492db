"""Split expressions ("train+test", "train[:10%]"), the same for every kind of source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import datasets
import numpy as np

from curv_issues.errors import DatasetError, UsageError


@dataclass(frozen=True, eq=False)
class Selection:
    """The rows that a split expression names; row i of the audit is `dataset[i]`.

    Attributes:
        dataset: the rows, not copied.
        expression: the split expression, spelled out where it was the default.
        splits: object, (n,): name of the split each row is from.
    """

    dataset: datasets.Dataset
    expression: str
    splits: np.ndarray


def select_split(by_name: Mapping[str, datasets.Dataset], expression: str | None, *, source: str) -> Selection:
    """Take the rows of a split expression.

    Args:
        by_name: the splits there are.
        expression: what `load_dataset(split=...)` understands; None: "train", or the only split.
        source: what error messages call the dataset.

    Returns:
        The rows in the order of the expression.

    Raises:
        DatasetError: there is no such split, no default, or no rows in it.
        UsageError: the expression cannot be read.
    """
    if expression is None:
        expression = _default_split(by_name, source)
    elif expression == "all" and "all" not in by_name:
        expression = "+".join(by_name)

    whole = by_name.get(expression)
    parts = _take_slices(by_name, expression, source) if whole is None else [(expression, whole)]
    parts = [(name, part) for name, part in parts if len(part)]
    if not parts:
        raise DatasetError(f"Split {expression!r} of {source} is empty; expected pictures with labels.")
    splits = np.concatenate([np.full(len(part), name, dtype=object) for name, part in parts])
    if len(parts) == 1:
        return Selection(parts[0][1], expression, splits)
    try:
        joined = datasets.concatenate_datasets([part for _, part in parts])
    except ValueError as error:
        raise DatasetError(
            f"The splits in {expression!r} of {source} have different columns and cannot be audited together; "
            "audit them one by one."
        ) from error
    return Selection(joined, expression, splits)


def _default_split(by_name: Mapping[str, datasets.Dataset], source: str) -> str:
    if "train" in by_name:
        return "train"
    if len(by_name) == 1:
        return next(iter(by_name))
    raise DatasetError(f"{source} has the splits {', '.join(by_name) or '(none)'}; choose one with --split (split=...).")


def _take_slices(by_name: Mapping[str, datasets.Dataset], expression: str, source: str) -> list[tuple[str, datasets.Dataset]]:
    lengths = {name: len(split) for name, split in by_name.items()}
    try:
        instruction = datasets.ReadInstruction.from_spec(expression)
    except ValueError as error:
        raise UsageError(
            f"--split {expression!r} cannot be read; expected names of splits with slices, "
            "such as train, train+test, train[:10%] or train[100:200]."
        ) from error
    unknown = [name for name in _names_in(expression) if name not in by_name]
    if unknown:
        raise DatasetError(f"{source} has no split {unknown[0]!r}; its splits are {', '.join(by_name)}.")
    try:
        slices = instruction.to_absolute(lengths)
    except ValueError as error:
        raise UsageError(f"--split {expression!r} cannot be taken from {source}: {error}") from error
    return [(piece.splitname, by_name[piece.splitname].select(range(piece.from_, max(piece.from_, piece.to)))) for piece in slices]


def _names_in(expression: str) -> list[str]:
    return [part.split("[")[0].strip() for part in expression.split("+")]
