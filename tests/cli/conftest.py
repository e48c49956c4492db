from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import tiny_parquet


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder. It is empty, so that it holds only what a command writes."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return folder


@pytest.fixture(scope="session")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parquet file of 24 images, cats and dogs in turn."""
    return tiny_parquet(tmp_path_factory.mktemp("data") / "pets.parquet")
