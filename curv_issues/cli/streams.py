"""Standard streams of the command. Writing to them never raises; the first failure is recorded and reported once, at exit."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any


class TolerantFile(io.RawIOBase):
    """A binary file that accepts every write and keeps the first error.

    Args:
        raw: the unbuffered file to write to; None if it was closed before the command started.

    Attributes:
        error: the first error; None if there was none. Data written after it is dropped.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def write(self, data: Any) -> int | None:
        """Write data and return the number of bytes written; after a failure, drop the data and return its size."""
        if self._raw is None:
            self.error = OSError(errno.EBADF, "it is closed")
        if self.error is None:
            try:
                return self._raw.write(data)
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the file is a terminal."""
        return self._raw is not None and self._raw.isatty()

    def fileno(self) -> int:
        """Return the file descriptor."""
        return super().fileno() if self._raw is None else self._raw.fileno()


def protect_streams() -> TolerantFile | None:
    """Replace this process's stdout and stderr by tolerant streams that can print any text.

    Returns:
        The file below stdout; None if stdout is not the one that the process started with.
    """
    _occupy_closed_descriptors()
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(TolerantFile(_raw(sys.stderr)), sys.stderr, line_buffering=True)
    if sys.stdout is not sys.__stdout__:
        return None
    file = TolerantFile(_raw(sys.stdout))
    sys.stdout = _text(file, sys.stdout, line_buffering=file.isatty())
    return file


def stdout_failure(file: TolerantFile | None) -> str | None:
    """Return why stdout could not be written, or None. A reader that has closed the pipe (`| head`) is not a failure."""
    sys.stdout.flush()
    if file is None or file.error is None or isinstance(file.error, BrokenPipeError):
        return None
    return file.error.strerror


def _occupy_closed_descriptors() -> None:
    """Open the null device on closed descriptors 0 to 2, so that no file gets these numbers and the output of libraries."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def _raw(stream: Any) -> Any:
    """Return the unbuffered file of a text stream; None if there is no stream."""
    if stream is None:
        return None
    stream.flush()
    return getattr(stream.buffer, "raw", stream.buffer)  # with python -u, `buffer` is unbuffered itself


def _text(file: TolerantFile, old: Any, *, line_buffering: bool) -> io.TextIOWrapper:
    """Return a text stream on a file, with the encoding of the old stream; characters that it lacks are escaped."""
    encoding = "utf-8" if old is None else old.encoding
    return io.TextIOWrapper(io.BufferedWriter(file), encoding, "backslashreplace", line_buffering=line_buffering)
