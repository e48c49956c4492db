"""Keep the decisions about one result in its file decisions.json; each is on the disk before it is called saved."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from curv_issues.errors import AuditError, UsageError
from curv_issues.results.folder import resolve
from curv_issues.results.lock import locked_output
from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import DECISIONS, Decision, decisions_json, match_result, read_decisions


class DecisionStore:
    """The decisions about a result, by row; safe to use from several threads.

    Attributes:
        path: of the file.
    """

    def __init__(self, result: AuditResult, folder: Path) -> None:
        """Read the file of decisions in a folder of results, which need not exist.

        Raises:
            UsageError: it is not a file of decisions.
        """
        self.path = folder / DECISIONS
        self._dataset = result.summary["dataset"]
        self._lock = threading.Lock()
        known = read_decisions(self.path) if self.path.exists() else []
        matched = match_result(known, result)
        self._by_row = {row: replace(decision, row=row) for row, decision in matched.by_row.items()}
        self._unmatched = [decision for decision, _ in matched.unmatched]
        scores = result.scores
        self._samples = dict(zip(scores["row"], zip(result.images["image_sha256"], scores["given"], strict=True), strict=True))
        self._classes = set(result.class_names)

    @property
    def decisions(self) -> list[Decision]:
        """Return all decisions, in the order in which they were made; first those that fit no sample."""
        with self._lock:
            return [*self._unmatched, *self._by_row.values()]

    @property
    def by_row(self) -> dict[int, Decision]:
        """Return the decisions about samples of the result, by row."""
        with self._lock:
            return dict(self._by_row)

    def set(self, row: int, decision: Decision | None) -> None:
        """Write a decision about a row, or take it back; it is on the disk when this returns.

        Raises:
            UsageError: the row or the class does not exist, or the decision is about another image or label.
            AuditError: the file cannot be written; nothing has changed.
        """
        if row not in self._samples:
            raise UsageError(f"Row {row} is not a row of this result.")
        if decision is not None:
            if (decision.image_sha256, decision.given) != self._samples[row]:
                raise UsageError(f"The decision about row {row} is about another image or label; reload the page.")
            if decision.label is not None and decision.label not in self._classes:
                raise UsageError(f"There is no class {decision.label!r}.")
        with self._lock:
            changed = {known: each for known, each in self._by_row.items() if known != row}
            if decision is not None:
                changed[row] = replace(decision, row=row)
            self._write([*self._unmatched, *changed.values()])
            self._by_row = changed

    def _write(self, decisions: list[Decision]) -> None:
        """Replace the file as a whole, so that a killed process leaves the old or the new one."""
        partial = None
        try:
            descriptor, partial = tempfile.mkstemp(prefix=f".{DECISIONS}.", suffix=".partial", dir=self.path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(decisions_json(decisions, self._dataset))
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path)
            _flush_folder(self.path.parent)
        except OSError as error:
            if partial is not None:
                with contextlib.suppress(OSError):
                    os.unlink(partial)
            raise AuditError(f"The decision cannot be written to {self.path} ({error.strerror or error}).") from None


@contextlib.contextmanager
def opened_store(result: AuditResult, folder: Path) -> Iterator[DecisionStore]:
    """Open the decisions of a folder of results, which no other process may change meanwhile.

    Raises:
        UsageError: another process reviews or writes the folder, or the folder is not writable.
    """
    try:
        with locked_output(resolve(folder)):
            for left in folder.glob(f".{DECISIONS}.*.partial"):  # of a killed process
                left.unlink()
            yield DecisionStore(result, folder)
    except OSError as error:
        raise UsageError(f"The decisions cannot be kept in {folder} ({error.strerror or error}).") from None


def _flush_folder(folder: Path) -> None:
    """Make the replacement of a file survive a power failure, where folders can be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
