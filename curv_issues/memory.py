"""Memory use and memory limit of this process."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path


def peak_memory() -> int | None:
    """Return the peak resident memory of this process in bytes; None if the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def total_memory() -> int | None:
    """Return the maximum memory of this process in bytes; None if the system does not report it."""
    sizes = []
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):  # limit of a container
        with suppress(OSError, ValueError):  # ValueError: "max"
            sizes.append(int(Path(limit).read_text()))
    return min((size for size in sizes if size > 0), default=None)
