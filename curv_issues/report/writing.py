"""Write the page of a report: result -> view -> page -> file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curv_issues.errors import AuditError, UsageError
from curv_issues.report.html.page import render_page
from curv_issues.report.view import make_view
from curv_issues.results.atomic_files import write_shared_file
from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import Decision, read_decisions


def report_page(result: AuditResult, *, decisions: Sequence[Decision] = (), with_images: bool = True) -> bytes:
    """Return the page of a result as HTML, UTF-8: one file that needs no network and has at most about 15 MB.

    Args:
        result: an audit.
        decisions: of a person, which the page shows and extends.
        with_images: False: leave out all images.
    """
    view = make_view(result, decisions=decisions, with_images=with_images)
    return render_page(view).encode("utf-8", "backslashreplace")


def write_report(
    result: AuditResult, path: str | Path, *, decisions: str | Path | Sequence[Decision] = (), with_images: bool = True
) -> Path:
    """Write the page of a result into a file, which is replaced if it exists.

    Images are those that the audit stored; `audit(images=False)` stores none.

    Args:
        result: an audit, or a loaded result.
        path: of the HTML file.
        decisions: a file decisions.json, or what `read_decisions` returns.
        with_images: False: leave out all images.

    Returns:
        The path.

    Raises:
        UsageError: the file of decisions cannot be read, or the folder of `path` does not exist.
        AuditError: the file cannot be written.
    """
    path = Path(path).expanduser()
    known = read_decisions(decisions) if isinstance(decisions, str | Path) else decisions
    if not path.parent.is_dir() or path.is_dir():
        raise UsageError(f"The report cannot be written to {path}; expected the name of a file in an existing folder.")
    page = report_page(result, decisions=known, with_images=with_images)
    try:
        write_shared_file(path, page)
    except OSError as error:
        raise AuditError(f"The report cannot be written to {path} ({error.strerror or error}).") from None
    return path
