"""Read results of schema_version 1, which uses different names, and 2, which has fewer columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from curv_issues.results.kinds import LABEL_ISSUE

if TYPE_CHECKING:
    import pandas as pd

OLDER_FILES = ("overlap.parquet",)
"""Files of older results that are not in `FILES`."""

_FILES = {"overlap.parquet": "leakage.parquet"}
_KINDS = {"label_error": LABEL_ISSUE}
_ADDED = {"scores": ("verdict",), "findings": ("p_wrong", "verdict")}  # in version 3


def rename_files(files: Mapping[str, BinaryIO], version: int) -> Mapping[str, BinaryIO]:
    """Return the files of a result under their current names."""
    return files if version > 1 else {_FILES.get(name, name): file for name, file in files.items()}


def older_schema(table: str, schema: pa.Schema, version: int) -> pa.Schema:
    """Return the schema that a table had in this version."""
    added = () if version > 2 else _ADDED.get(table, ())
    return pa.schema([field for field in schema if field.name not in added])


def with_added_columns(table: str, found: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns that it lacks, null, in the places that the current schema gives them."""
    for place, field in enumerate(schema):
        if field.name in _ADDED.get(table, ()) and field.name not in found.column_names:
            found = found.add_column(place, field, pa.nulls(len(found), field.type))
    return found


def upgrade_findings(findings: pd.DataFrame, version: int) -> pd.DataFrame:
    """Return the findings with the current names of their kinds."""
    return findings if version > 1 else findings.assign(kind=findings["kind"].replace(_KINDS))


def upgrade_summary(summary: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Return the entries of a summary, without its version, under their current names."""
    found = {name: value for name, value in summary.items() if name != "schema_version"}
    if version > 1:
        return found
    for old, new in (("against", "other_split"),):
        if old in found:
            found[new] = found.pop(old)
    if isinstance(counts := found.get("num_findings"), dict):
        found["num_findings"] = {_KINDS.get(kind, kind): count for kind, count in counts.items()}
    if isinstance(ranking := found.get("ranking"), dict) and "memorised_share" in ranking:
        found["ranking"] = {**ranking, "memorised_fraction": ranking["memorised_share"]}
        del found["ranking"]["memorised_share"]
    if isinstance(cut_off := found.get("cut_off"), dict) and cut_off.get("rule") == "share":
        found["cut_off"] = {**cut_off, "rule": "fraction"}
    return found
