"""How much memory this process has taken, and may take."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path


def peak_memory() -> int | None:
    """Largest resident memory of this process so far, bytes; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def total_memory() -> int | None:
    """Return the memory that this process may use at most, bytes; None where the system does not tell."""
    sizes = []
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):  # of a container
        with suppress(OSError, ValueError):  # ValueError: "max"
            sizes.append(int(Path(limit).read_text()))
    return min((size for size in sizes if size > 0), default=None)
