"""curv-issues audit --against: images that also appear in another split."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from tests.cli.running import check_error, run
from tests.duplicates.images import textured

QUICK = ("--epochs", "1", "--device", "cpu")


@pytest.fixture
def shots(here: Path) -> Path:
    """Two splits; images 3 and 8 appear in both, 3 with another label."""
    images = textured(24)
    for split, rows in (("train", range(20)), ("test", (3, 8, 20, 21, 22, 23))):
        for row in rows:
            label = "odd" if row % 2 and (split, row) != ("test", 3) else "even"
            (here / "shots" / split / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[row]).save(here / "shots" / split / label / f"{row:02}.png")
    return here / "shots"


def test_table_and_saved_file(shots: Path) -> None:
    result = run("audit", str(shots), "--against", "test", *QUICK)
    assert result.exit_code == 0, result.stderr
    title = "Images that also appear in the other split, with a different label:"
    table = result.stdout[result.stdout.index(title) :]
    assert {"given", "path", "similarity", "test"} <= set(table.split())
    assert "03.png" in table
    assert "08.png" not in table
    folder = Path("curv-issues-shots-train")
    assert (
        f"Images that also appear in test: 2, with a different label: 1; all of them are in {folder / 'leakage.parquet'}."
        in result.stdout
    )
    saved = pd.read_parquet(folder / "leakage.parquet")
    assert saved["agree"].tolist() == [False, True]
    assert [Path(path).name for path in saved["other_path"]] == ["03.png", "08.png"]
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["other_split"]["rows"], summary["other_split"]["differing_rows"]) == (2, 1)


def test_other_formats(shots: Path) -> None:
    found = json.loads(run("audit", str(shots), "--against", "test", "--format", "json", "--quiet", *QUICK).stdout)
    assert [pair["agree"] for pair in found["leakage"]] == [False, True]
    shown = run("audit", str(shots), "--against", "test", "--format", "md", "--overwrite", *QUICK).stdout
    assert "Images that also appear in the other split, with a different label:" in shown
    assert "leakage" not in json.loads(run("audit", str(shots), "--format", "json", "--overwrite", "--quiet", *QUICK).stdout)
    assert not Path("curv-issues-shots-train/leakage.parquet").exists()  # of the result that was replaced


def test_invalid_splits_are_refused(shots: Path) -> None:
    check_error(run("audit", str(shots), "--against", "train", *QUICK), 2, "The split 'train' is the one that is audited")
    check_error(run("audit", str(shots), "--against", "nowhere", *QUICK), 3, "nowhere")
    assert not Path("curv-issues-shots-train").exists()


def test_no_image_in_both_splits(shots: Path) -> None:
    for name in ("03.png", "08.png"):
        next((shots / "test").glob(f"*/{name}")).unlink()
    result = run("audit", str(shots), "--against", "test", *QUICK)
    assert "No image also appears in test." in result.stdout.splitlines()
    assert "Images that also" not in result.stdout
