"""The benchmark of duplicates: what it plants, what it counts as wrong, and a small run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import altered, duplicates, rows
from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import hash_pixels
from tests.duplicates.images import textured

DATA = from_arrays(textured(80), np.arange(80) % 4)


@pytest.mark.parametrize("kind", altered.ALTERED)
def test_altered_copies_are_images(kind: str) -> None:
    image = textured(1)[0]
    before = image.copy()
    copy = altered.ALTERED[kind](image, np.random.default_rng(0))
    assert (copy.shape, copy.dtype) == (image.shape, np.uint8)
    np.testing.assert_array_equal(image, before)
    assert (copy == image).all() == (kind == "exact")
    assert not np.shares_memory(copy, image)


def test_planted_pairs_cycle_through_the_kinds() -> None:
    kinds = ["exact", "mirror", "grey"]
    changed, pairs, kind = duplicates.plant_altered(DATA, kinds, 9, 0)
    assert kind.tolist() == kinds * 3
    untouched = np.setdiff1d(np.arange(80), pairs[:, 0])
    np.testing.assert_array_equal(changed.images[untouched], DATA.images[untouched])
    for (copy, source), name in zip(pairs, kind, strict=True):
        assert changed.labels[copy] != changed.labels[source]
        assert changed.image_sha256[copy] == (
            changed.image_sha256[source] if name == "exact" else hash_pixels(changed.images[copy])
        )
        if name == "mirror":
            np.testing.assert_array_equal(changed.images[copy], DATA.images[source][:, ::-1])


def test_pairs_that_count_as_wrong_conflicts() -> None:
    found = [
        (1, 2),  # planted
        (1, 5),  # the copy and a duplicate of its source
        (6, 7),  # of the unmodified dataset
        (3, 9),  # neither
        (1, 9),  # a planted image and an unrelated one
        (1, 4),  # two copies of the same source
        (1, 8),  # the copy and a duplicate of a duplicate of its source
    ]
    natural = [[2, 5], [6, 7], [5, 8]]
    planted = np.array([[1, 2], [4, 2]])
    assert duplicates.wrong_pairs(found, natural, planted) == [(3, 9), (1, 9)]
    assert duplicates.wrong_pairs([], [], planted) == []


def test_cleanlab_finds_the_same_rows() -> None:
    features = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    features[7] = features[30]
    suspect, pairs = duplicates.ask_cleanlab(features)
    assert set(np.argsort(-suspect)[:2]) == {7, 30}
    assert (7, 30) in pairs


def test_cells_cover_all_kinds_and_seeds() -> None:
    cells = duplicates.cells()
    assert len({json.dumps(cell, sort_keys=True) for cell in cells}) == len(cells)
    kinds = {kind for cell in cells if cell["group"] == "planted" for kind in cell["kinds"].split("+")}
    assert kinds == set(altered.ALTERED)
    assert {cell["seed"] for cell in cells if cell["group"] in ("planted", "protocol")} == {0, 1, 2}


@pytest.mark.slow
def test_smoke_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["duplicates", str(tmp_path), "--smoke"])
    duplicates.main()
    natural, protocol = rows.read("smoke/duplicates")
    assert (natural["cell"]["group"], protocol["cell"]["group"]) == ("natural", "protocol")
    assert len(natural["groups"]) <= 3
    assert protocol["pairs"]["duplicate_conflict"]["recall"] == 1
    assert protocol["pairs"]["duplicate_conflict"]["precision"] >= protocol["pairs"]["duplicate_conflict"]["planted"] > 0.9
    assert protocol["methods"]["conflict_similarity"]["auroc"] > 0.99
    assert set(duplicates.SCORES) < set(protocol["methods"])


def test_contact_sheets_are_saved_beside_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    duplicates.draw([(DATA.images[0], DATA.images[1])] * 7, "natural-some")
    with Image.open(tmp_path / "natural-some.jpg") as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (6 * (2 * 64 + 6), 2 * (64 + 6)))
