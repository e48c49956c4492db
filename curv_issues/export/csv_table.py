"""The format `csv`: one table, for spreadsheets and programs."""

from __future__ import annotations

from pathlib import Path

from curv_issues.export.base import Export
from curv_issues.export.samples import COLUMNS
from curv_issues.report.csv_format import csv_lines


def write(export: Export, folder: Path) -> None:
    """Write `findings.csv`: one row per sample, without images; text that a spreadsheet would run as a formula is defused."""
    rows = [sample.table_row() for sample in export.samples]
    (folder / "findings.csv").write_text(csv_lines(list(COLUMNS), rows) + "\n", encoding="utf-8", newline="")
