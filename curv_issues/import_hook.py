"""Run a function when a module is first imported."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


def when_imported(name: str, action: Callable[[], object]) -> None:
    """Call `action` after the first import of a module; now if the module is already imported.

    Args:
        name: full name of the module; its package need not be installed.
        action: called once, without arguments.
    """
    if name in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Watcher(name, action))


class _Watcher:
    """A module finder that delegates to the other finders and calls `action` after one import."""

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self._name = name
        self._action = action

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        place = sys.meta_path.index(self)
        del sys.meta_path[place]  # so that only the other finders search
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(place, self)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_act(module: ModuleType) -> None:
                execute(module)
                if self in sys.meta_path:  # still there if an earlier import failed
                    sys.meta_path.remove(self)
                    self._action()

            spec.loader.exec_module = execute_and_act  # type: ignore[method-assign]
        return spec
