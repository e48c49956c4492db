"""Formats of a search for duplicates: table, Markdown, JSON, CSV, and the paths of the files to remove."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

import pandas as pd

from curv_issues.counting import counted
from curv_issues.errors import UsageError
from curv_issues.report.csv_format import csv_text
from curv_issues.report.markdown import markdown_table
from curv_issues.report.table import table_text
from curv_issues.results.arrow import as_objects
from curv_issues.visible import visible

TOP = 20
"""Number of groups, or of copies, in the formats for people."""

_SPLIT_BY_XARGS = frozenset(" \t\n\v\f\r\"'\\")
_SIZES = ("B", "kB", "MB", "GB", "TB")


def render_search(table: pd.DataFrame, summary: dict[str, Any], format: str) -> str:
    """Return a search for duplicates as text.

    Args:
        table: groups or copies, see `results.search_tables`.
        summary: its summary, for `json`.
        format: table, json, csv or md.
    """
    plain = as_objects(table)
    if format == "json":
        name = "groups" if "group" in table else "copies"
        return json.dumps({**summary, name: plain.to_dict("records")}, indent=2, allow_nan=False)
    if format == "csv":
        return csv_text(plain)
    rows = _for_people(plain)
    if format == "md":
        return markdown_table(rows)
    return f"{table_text(rows)}\n" if len(rows) else "No duplicates."


def describe_search(table: pd.DataFrame, summary: dict[str, Any], *, is_cut: bool) -> str:
    """Return one line: how many duplicates there are and what they take; if `is_cut`, also how many of them were shown."""
    size = f" ({readable_size(summary['removable_bytes'])})" if summary["removable_bytes"] else ""
    threshold = f"threshold {summary['threshold']:.3f}"
    if "group" in table:
        groups = summary["num_groups"]
        first = f"The first {TOP} of {groups:,} groups" if is_cut and groups > TOP else counted(groups, "group")
        return f"{first} of duplicates; {counted(summary['num_removable'], 'image')}{size} beside those to keep; {threshold}."
    number = len(table)
    first = f"The first {TOP} of {number:,} images" if is_cut and number > TOP else counted(number, "image")
    verb = "appears" if number == 1 else "appear"
    return f"{first}{size} of {summary['dataset']['source']} that also {verb} in {summary['other']['source']}; {threshold}."


def render_paths(files: Iterable[str], *, null: bool) -> bytes:
    """Return the paths of files, each with a line break or, for `null`, a null character after it.

    Raises:
        UsageError: xargs would split or change a path, and `null` is False.
    """
    paths = list(files)
    split = [path for path in paths if _SPLIT_BY_XARGS & set(path)]
    if split and not null:
        raise UsageError(
            f"{len(split):,} of {counted(len(paths), 'path')} contain spaces, line breaks, quotes or backslashes ({split[0]!r}), "
            "which xargs would split or change; use --format paths0 and xargs -0."
        )
    return b"".join(os.fsencode(path) + (b"\0" if null else b"\n") for path in paths)


def _for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Return the first groups, or the first copies, as text, without uninformative columns."""
    is_grouped = "group" in table
    first = table[table["group"] < TOP] if is_grouped else table.head(TOP)
    shown: dict[str, Iterable[str]] = {}
    if is_grouped:
        shown["group"] = first["group"].map(str)
        shown["keep"] = first["keep"].map({True: "keep", False: ""})
    for name in ("row", "split", "path", "other_row", "other_split", "other_path"):
        if name in table and (table[name].nunique() > 1 or not name.endswith("split")) and table[name].notna().any():
            shown[name] = ["" if value is None else visible(str(value)) for value in first[name]]
    shown["pixels"] = [f"{width} x {height}" for width, height in zip(first["width"], first["height"], strict=True)]
    shown["size"] = [readable_size(number) if number else "" for number in first["bytes"]]
    shown["similarity"] = ["" if value is None else f"{value:.3f}" for value in first["similarity"]]
    shown["test"] = ["" if value is None else value for value in first["test"]]
    if first["mirrored"].any() or first["turned"].any():
        shown["orientation"] = list(map(orientation_text, first["mirrored"], first["turned"]))
    return pd.DataFrame(shown, dtype=object).reset_index(drop=True)


def orientation_text(mirrored: bool, turned: int) -> str:
    """Return how an image lies, such as "mirrored, 90°"; "" for one that lies as the other."""
    return ", ".join([*(["mirrored"] if mirrored else []), *([f"{turned}°"] if turned else [])])


def readable_size(num_bytes: float) -> str:
    """Return a number of bytes for people: 512 B, 3.4 MB."""
    for unit in _SIZES:
        if num_bytes < 1000 or unit == _SIZES[-1]:
            break
        num_bytes /= 1000
    return f"{num_bytes:.0f} {unit}" if unit == "B" else f"{num_bytes:.1f} {unit}"
