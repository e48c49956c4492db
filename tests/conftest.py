"""Shared by all tests: a temporary Hugging Face cache, no network, and a local Hub server on request."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

# Read by the Hugging Face libraries when they are imported, so set before any test module is.
_CACHE = tempfile.TemporaryDirectory(prefix="curv-issues-tests-", ignore_cleanup_errors=True)
for _name in [name for name in os.environ if name.startswith("HF_")]:
    del os.environ[_name]
os.environ["HF_HOME"] = _CACHE.name
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CURV_ISSUES_CACHE"] = str(Path(_CACHE.name) / "curv-issues")
# Tests run in parallel, so more threads than cores would only wait. Read by torch when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.hub_server import HubServer  # noqa: E402

# The same examples on every machine, however slow it is.
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tests")


# Tests send Ctrl-C, which background processes of a shell ignore by default.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Hub(HubServer):
    """A local Hub server, with the environment for subprocesses that use it."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home

    def environment(self, *, offline: bool = False) -> dict[str, str]:
        """Return the environment of a subprocess: this Hub, a separate cache, and this source tree."""
        root = str(Path(__file__).parents[1])
        return {
            **os.environ,
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self.home),
            "HF_HUB_OFFLINE": "1" if offline else "0",
            "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        }


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A running local Hub without datasets; add some with `hub.add_dataset("org/name", folder)`."""
    with Hub(tmp_path / "hf_home") as server:
        yield server


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    """A function that sets torch's number of threads for one test."""
    import torch

    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def pytest_unconfigure() -> None:
    """Remove the cache, also in xdist workers."""
    _CACHE.cleanup()
