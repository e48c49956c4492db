from __future__ import annotations

import builtins
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curv_issues import memory
from curv_issues.memory import keeping_freed_memory, peak_memory, total_memory

MIB = 1 << 20
GLIBC = platform.libc_ver()[0] == "glibc"

# Resident memory in MiB: freed blocks of 8 MiB stay inside the context and are gone after it.
KEEPING = """
import numpy as np
from curv_issues.memory import keeping_freed_memory
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20
def use():
    blocks = [np.ones(2**20) for _ in range(20)]
    del blocks
start = resident()
with keeping_freed_memory():
    use()
    inside = resident()
after = resident()
use()
print(inside - start, after - start, resident() - start)
"""


class FakeLibc:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def mallopt(self, option: int, value: int) -> int:
        self.calls.append((option, value))
        return 1

    def malloc_trim(self, pad: int) -> int:
        self.calls.append(("trim", pad))
        return 1


def test_peak_memory_is_bytes_and_rises() -> None:
    before = peak_memory()
    assert before is not None
    assert 10 * MIB < before < 1 << 40
    block = np.ones(before // 8 + 8 * MIB)  # as much again
    after = peak_memory()
    assert after is not None
    assert after >= before + 32 * MIB
    del block
    assert peak_memory() == pytest.approx(after, rel=0.01)  # a peak does not fall


@pytest.mark.parametrize(("system", "factor"), [("Linux", 1024), ("Darwin", 1)])
def test_units_of_the_system(system: str, factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    class Usage:
        ru_maxrss = 5000

    monkeypatch.setattr(resource, "getrusage", lambda who: Usage)
    monkeypatch.setattr(platform, "system", lambda: system)
    assert peak_memory() == 5000 * factor


def test_peak_memory_is_none_without_the_resource_module(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def fail(name: str, *args: Any) -> Any:
        if name == "resource":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", fail)
    assert peak_memory() is None


@pytest.mark.skipif(not GLIBC, reason="glibc's allocator only")
def test_freed_memory_is_kept_inside_and_given_back_afterwards() -> None:
    run = subprocess.run([sys.executable, "-c", KEEPING], capture_output=True, text=True, check=True)
    inside, after, later = (float(value) for value in run.stdout.split())
    assert inside > 120
    assert after < 40
    assert later < 120


def test_thresholds_are_set_and_set_back_even_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    libc = FakeLibc()
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: libc)

    def interrupted() -> None:
        with keeping_freed_memory():
            assert libc.calls == [(-3, 1 << 30), (-1, 1 << 30)]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert libc.calls[2:] == [(-3, 32 * MIB), (-1, 64 * MIB), ("trim", 0)]


def test_elsewhere_than_on_glibc_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: pytest.fail("no C library was to be opened"))
    done = []
    with keeping_freed_memory():
        done.append(True)
    assert done


def test_total_memory_is_that_of_the_machine_or_of_its_container(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {"/sys/fs/cgroup/memory.max": "max\n"}

    def read_text(path: Path) -> str:
        if path.as_posix() not in contents:
            raise FileNotFoundError
        return contents[path.as_posix()]

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(memory.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.__getitem__, raising=False)
    assert total_memory() == 4_096_000
    contents["/sys/fs/cgroup/memory.max"] = "123456\n"
    assert total_memory() == 123_456
    contents.clear()
    monkeypatch.delattr(memory.os, "sysconf")
    assert total_memory() is None
