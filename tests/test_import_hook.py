from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from curv_issues.import_hook import when_imported


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_action_follows_the_import(folder: Path) -> None:
    (folder / "watched.py").write_text("value = 3")
    seen: list[int] = []
    before = list(sys.meta_path)
    when_imported("watched", lambda: seen.append(sys.modules["watched"].value))
    assert seen == []
    import watched  # type: ignore[import-not-found]

    assert (watched.value, seen, sys.meta_path) == (3, [3], before)
    when_imported("watched", lambda: seen.append(4))
    assert seen == [3, 4]


def test_other_and_missing_modules_do_not_run_the_action(folder: Path) -> None:
    (folder / "other.py").write_text("")
    seen: list[int] = []
    when_imported("not_installed", lambda: seen.append(1))
    when_imported("not_installed.inside", lambda: seen.append(2))
    importlib.import_module("other")
    with pytest.raises(ModuleNotFoundError, match="not_installed"):
        importlib.import_module("not_installed")
    with pytest.raises(ModuleNotFoundError, match="not_installed"):
        importlib.import_module("not_installed.inside")
    assert seen == []


def test_failed_import_may_be_tried_again(folder: Path) -> None:
    (folder / "fragile.py").write_text("import sys\nif not hasattr(sys, 'repaired'): raise ImportError('broken')")
    seen: list[int] = []
    when_imported("fragile", lambda: seen.append(1))
    with pytest.raises(ImportError, match="broken"):
        importlib.import_module("fragile")
    assert seen == []
    sys.repaired = True  # type: ignore[attr-defined]
    try:
        importlib.import_module("fragile")
    finally:
        del sys.repaired  # type: ignore[attr-defined]
    assert seen == [1]


def test_one_module_may_have_several_actions(folder: Path) -> None:
    (folder / "shared_module.py").write_text("")
    seen: list[int] = []
    when_imported("shared_module", lambda: seen.append(1))
    when_imported("shared_module", lambda: seen.append(2))
    importlib.import_module("shared_module")
    assert sorted(seen) == [1, 2]
