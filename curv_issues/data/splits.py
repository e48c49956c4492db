"""Split expressions ("train+test", "train[:10%]") for every kind of source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curv_issues.data.decoding import EncodedImages
from curv_issues.data.table import JoinedImages, Table
from curv_issues.errors import DatasetError, UsageError


@dataclass(frozen=True, eq=False)
class Piece:
    """Rows of one table.

    Attributes:
        split: name of the split that the table belongs to.
        table: the table.
        rows: int64, (m,): rows of the table, increasing.
    """

    split: str
    table: Table
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class Selection:
    """The n rows of a split expression, numbered across its pieces.

    Attributes:
        pieces: in expression order, none of them empty.
        expression: the split expression; the default is written out.
    """

    pieces: tuple[Piece, ...]
    expression: str

    def __len__(self) -> int:
        return sum(len(piece.rows) for piece in self.pieces)

    @property
    def splits(self) -> np.ndarray:
        """Object, (n,): split name of each row."""
        return np.concatenate([np.full(len(piece.rows), piece.split, dtype=object) for piece in self.pieces])

    def images(self, column: str, rows: np.ndarray) -> EncodedImages:
        """Return the encoded images in the given rows of this selection; rows are int64 and increasing."""
        parts, start = [], 0
        for piece in self.pieces:
            stop = start + len(piece.rows)
            inside = rows[(rows >= start) & (rows < stop)] - start
            if len(inside):
                parts.append(piece.table.images(column, piece.rows[inside]))
            start = stop
        return parts[0] if len(parts) == 1 else JoinedImages(parts)


def select_split(
    by_name: Mapping[str, Sequence[Table]],
    expression: str | None,
    *,
    source: str,
    aliases: Mapping[str, str] | None = None,
) -> Selection:
    """Return the rows of a split expression.

    Args:
        by_name: the available splits, each with at least one table.
        expression: any `load_dataset(split=...)` expression; None: "train", or the only split.
        source: name of the dataset in messages.
        aliases: alternative split name -> split name.

    Returns:
        The rows in expression order.

    Raises:
        DatasetError: the split does not exist, there is no default, or it has no rows.
        UsageError: the expression is invalid.
    """
    if expression is None:
        expression = _default_split(by_name, source)
    elif expression == "all" and "all" not in by_name:
        expression = "+".join(by_name)
    expression = _translate(expression, by_name, aliases or {})

    slices = [(expression, 0, None)] if expression in by_name else _slices(by_name, expression, source)
    pieces = [piece for name, start, stop in slices for piece in _cut(name, by_name[name], start, stop)]
    if not pieces:
        raise DatasetError(f"Split {expression!r} of {source} is empty; expected images with labels.")
    return Selection(tuple(pieces), expression)


def _cut(split: str, tables: Sequence[Table], start: int, stop: int | None) -> list[Piece]:
    """Return the rows from start to stop (None: the end) of a split, table by table."""
    pieces, first = [], 0
    for table in tables:
        rows = np.arange(max(start - first, 0), len(table) if stop is None else min(stop - first, len(table)), dtype=np.int64)
        if len(rows):
            pieces.append(Piece(split, table, rows))
        first += len(table)
    return pieces


def _default_split(by_name: Mapping[str, Sequence[Table]], source: str) -> str:
    if "train" in by_name:
        return "train"
    if len(by_name) == 1:
        return next(iter(by_name))
    raise DatasetError(f"{source} has the splits {', '.join(by_name) or '(none)'}; choose one with --split (split=...).")


def _translate(expression: str, by_name: Mapping[str, Sequence[Table]], aliases: Mapping[str, str]) -> str:
    terms = []
    for term in expression.split("+"):
        name, bracket, rest = term.strip().partition("[")
        terms.append((name if name in by_name else aliases.get(name.lower(), name)) + bracket + rest)
    return "+".join(terms)


def _slices(by_name: Mapping[str, Sequence[Table]], expression: str, source: str) -> list[tuple[str, int, int | None]]:
    lengths = {name: sum(map(len, tables)) for name, tables in by_name.items()}
    import datasets  # takes a second; a plain split name does not need it

    try:
        instruction = datasets.ReadInstruction.from_spec(expression)
    except ValueError as error:
        raise UsageError(
            f"--split {expression!r} is invalid; expected split names with optional slices, "
            "such as train, train+test, train[:10%] or train[100:200]."
        ) from error
    unknown = [name for name in names_in(expression) if name not in by_name]
    if unknown:
        raise DatasetError(f"{source} has no split {unknown[0]!r}; its splits are {', '.join(by_name)}.")
    try:
        slices = instruction.to_absolute(lengths)
    except ValueError as error:
        raise UsageError(f"--split {expression!r} cannot be taken from {source}: {error}") from error
    return [(piece.splitname, piece.from_, piece.to) for piece in slices]


def names_in(expression: str) -> list[str]:
    """Return the split names in an expression, in order: train and test of train[:10%]+test."""
    return [part.split("[")[0].strip() for part in expression.split("+")]
