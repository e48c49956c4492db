from __future__ import annotations

from pathlib import Path

import pytest

from curv_issues.results.result import AuditResult
from tests.export.audited import audited_photos


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image folder that `result` is about. It must not be changed."""
    return tmp_path_factory.mktemp("export") / "photos"


@pytest.fixture(scope="session")
def result(photos: Path) -> AuditResult:
    """A result of nine photos: three label issues, and one group of two duplicates with different labels."""
    return audited_photos(photos)


@pytest.fixture
def own_result(tmp_path: Path) -> AuditResult:
    """The same about an image folder of the test, `tmp_path / "own" / "photos"`, which it may change."""
    return audited_photos(tmp_path / "own" / "photos")
