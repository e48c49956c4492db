"""Keep freed memory in the process while a probe trains.

Every training step allocates and frees the same feature maps of tens of megabytes. By default glibc gives such blocks
back to the kernel each time and pays for fresh pages at the next step. Elsewhere than on glibc this does nothing.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of the options in malloc.h
_KEEP = 1 << 30
# the largest values that glibc reaches by itself once a program has freed large blocks
_LARGEST_DYNAMIC_MMAP, _LARGEST_DYNAMIC_TRIM = 32 << 20, 64 << 20


@contextmanager
def keeping_freed_memory() -> Iterator[None]:
    """Inside, blocks below 1 GiB are reused instead of returned to the kernel; afterwards unused memory is returned."""
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_THRESHOLD, _KEEP)
    libc.mallopt(_TRIM_THRESHOLD, _KEEP)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_DYNAMIC_MMAP)
        libc.mallopt(_TRIM_THRESHOLD, _LARGEST_DYNAMIC_TRIM)
        libc.malloc_trim(0)


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
