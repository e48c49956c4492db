from __future__ import annotations

import builtins
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curv_issues import memory
from curv_issues.memory import peak_memory, total_memory

MIB = 1 << 20


def test_peak_memory_is_bytes_and_rises() -> None:
    before = peak_memory()
    assert before is not None
    assert 10 * MIB < before < 1 << 40
    block = np.ones(before // 8 + 8 * MIB)  # as much memory again
    after = peak_memory()
    assert after is not None
    assert after >= before + 32 * MIB
    del block
    assert peak_memory() == pytest.approx(after, rel=0.01)  # a peak does not fall


@pytest.mark.parametrize(("system", "factor"), [("Linux", 1024), ("Darwin", 1)])
def test_units_of_the_operating_system(system: str, factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_total_memory_of_the_machine_or_container(monkeypatch: pytest.MonkeyPatch) -> None:
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
