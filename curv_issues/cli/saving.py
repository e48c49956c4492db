"""Save the result of a command early, and never replace a complete older result by an interrupted one."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from curv_issues.cli.shared import Ending
from curv_issues.errors import CurvIssuesError, UsageError
from curv_issues.results.folder import check_output, read_summary, resolve
from curv_issues.review.decisions import DECISIONS, Decision, read_decisions
from curv_issues.visible import visible

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

_LONGEST_NAME = 200  # bytes; file systems allow 255, and a suffix is added


class ResultSaver:
    """Saves the result of one audit, and its report with the decisions about it.

    Attributes:
        folder: folder of the result. If it contains a complete older result, an incomplete one is saved beside it.
        result: the saved result; None until it is saved.
    """

    def __init__(
        self, folder: Path, *, overwrite: bool, ending: Ending, report: bool = True, decisions: Sequence[Decision] = ()
    ) -> None:
        self.folder = folder
        self._report = report
        self._decisions = decisions
        self._ending = ending
        self.result: AuditResult | None = None
        self._overwrite = overwrite
        self._tried = False

    def save(self, result: AuditResult) -> None:
        """Save the result; a second call replaces the result of the first."""
        is_incomplete = not result.complete or _lacks_duplicates(result.summary)
        if is_incomplete and not self._tried and (read_summary(self.folder) or {}).get("complete"):
            self.folder, self._overwrite = folder_for_interrupted(self.folder), False
        overwrite = self._overwrite or self._tried  # the folder is locked, so after a first try its content is ours
        self._tried = True
        result.save(self.folder, overwrite=overwrite)
        self.result, self._ending.saved_in = result, self.folder

    def add_images(self, result: AuditResult) -> None:
        """Save the images, which are drawn after the result is saved, and the report; a failure only prints a note."""
        if self.result is None:
            return
        try:
            result.save_images(self.folder, report=self._page(result) if self._report else None)
        except CurvIssuesError as error:
            typer.echo(visible(f"Note: The contact sheet and the report are missing. {' '.join(str(error).split())}"), err=True)

    def _page(self, result: AuditResult) -> bytes:
        """Return the page of the result, with the decisions about it."""
        from curv_issues.report.writing import report_page  # imports jinja2

        return report_page(result, decisions=self._decisions)


def decisions_for(folder: Path, path: str | None) -> list[Decision]:
    """Return the decisions in a file; without a path, those in the folder of results, if there are any."""
    if path is not None:
        return read_decisions(path)
    there = os.path.exists(folder / DECISIONS)  # Path.exists raises an error if the name is too long
    return read_decisions(folder / DECISIONS) if there else []


def _lacks_duplicates(summary: Mapping[str, Any]) -> bool:
    """Return whether the search for duplicates was requested but not finished."""
    return summary["options"]["duplicates"] and summary["duplicates"] is None


def folder_for_interrupted(folder: Path) -> Path:
    """Return a new folder for an incomplete result: NAME-interrupted, NAME-interrupted-2, ...

    It is beside the folder, or inside it if the parent folder is not writable.

    Raises:
        UsageError: neither place is writable.
    """
    beside = folder if folder.name not in ("", "..") else resolve(folder)  # a folder such as "." has no name
    name = os.fsdecode(os.fsencode(beside.name)[:_LONGEST_NAME])
    for start in (beside.with_name(f"{name}-interrupted"), folder / "interrupted"):
        numbered = (start.with_name(f"{start.name}-{number}") for number in itertools.count(2))
        candidate = next(path for path in itertools.chain([start], numbered) if not os.path.lexists(path))
        with contextlib.suppress(CurvIssuesError):  # not writable
            check_output(candidate, overwrite=False)
            return candidate
    raise UsageError(f"The incomplete result cannot be written beside or within {folder}; neither is writable.")
