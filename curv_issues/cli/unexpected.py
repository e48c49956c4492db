"""Report errors that nothing else handles: one line for the user, and the traceback in a file."""

from __future__ import annotations

import errno
import platform
import sys
import tempfile
import traceback

from curv_issues.visible import visible

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # messages of torch, which raises RuntimeError


def describe_unexpected(error: BaseException) -> str:
    """Return what happened and, if known, what to do, in one or two sentences."""
    if isinstance(error, MemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY):
        return "Out of memory. Use fewer samples (--max-samples), smaller batches (--batch-size) or a lower --resolution."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f" for {error.filename}" if error.filename else ""
        return f"No space left on the disk{place}. Free some space, or set --output or TMPDIR to a folder on another disk."
    text = " ".join(str(error).split()).rstrip(".")
    return f"Unexpected {type(error).__name__}: {text}." if text else f"Unexpected {type(error).__name__}."


def save_traceback(error: BaseException) -> str:
    """Write the traceback, versions and arguments to a new temporary file, and return its path.

    Raises:
        OSError: the file cannot be written.
    """
    from curv_issues.version import __version__

    with tempfile.NamedTemporaryFile(
        "w", prefix="curv-issues-error-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write(f"curv-issues {__version__}, Python {platform.python_version()}, {platform.platform()}\n{sys.argv[1:]!r}\n\n")
        file.writelines(traceback.format_exception(error))
    return file.name


def report_unexpected(error: BaseException, *, debug: bool) -> str:
    """Return what the command prints: one line with the path of the traceback file; with `debug`, the traceback itself."""
    if debug:
        return "\n".join(map(visible, "".join(traceback.format_exception(error)).splitlines()))
    try:
        where = f"The traceback is in {save_traceback(error)}."
    except OSError:
        where = "Use --debug to print the traceback."
    return visible(f"Error: {describe_unexpected(error)} {where}")
