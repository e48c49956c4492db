"""The benchmark of duplicate finders: what it plants, what it counts as right, its tables, and a small run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks import duplicate_finders, duplicate_tables, finder_tables, rows
from benchmarks.duplicate_finders import KINDS, SAME, Pairs, above, best, judge, judge_leakage, near_pairs, pack
from curv_issues import from_arrays
from tests.duplicates.photos import photo


class Data:
    """Images of which only the paths matter."""

    def __init__(self, *stems: str) -> None:
        self.paths = [f"class/{stem}.jpg" for stem in stems]


DATA: Any = Data("a", "b", "copy", SAME[0][0], SAME[0][1], "copy2")
PLANTED = {"copy": ("a", "cropped"), "copy2": ("b", "resized")}


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_images_of_the_right_size(kind: str) -> None:
    image = photo(0).resize((100, 60))
    copy = KINDS[kind][0](image, np.random.default_rng(0))
    sizes = {"resized": (60, 36), "cropped": (90, 54), "turned by 90": (60, 100), "turned by 270": (60, 100)}
    assert copy.size == sizes.get(kind, (100, 60))
    assert (copy.tobytes() == image.tobytes()) == (kind == "re-encoded")


def test_copies_are_written_beside_all_images(tmp_path: Path) -> None:
    images = np.stack([np.asarray(photo(number % 12)) for number in range(30)])
    data = duplicate_finders.with_names(from_arrays(images, np.arange(30) % 2))
    planted = duplicate_finders.write_copies(data, tmp_path, 2, 0)
    assert len(planted) == 2 * len(KINDS)
    assert [kind for _, kind in planted.values()].count("cropped") == 2
    assert len({source for source, _ in planted.values()}) == len(planted)  # disjoint
    files = {path.stem: path for path in tmp_path.rglob("*.jpg")}
    assert set(files) == {*map(str, range(30)), *planted}
    for copy, (source, kind) in planted.items():
        assert files[copy].parent == files[source].parent
        with Image.open(files[copy]) as image:
            assert image.size == ((38, 38) if kind == "resized" else (58, 58) if kind == "cropped" else (64, 64))


def test_pairs_that_count_as_right() -> None:
    pairs: Pairs = {(0, 2): 0.9, (3, 4): 0.95, (0, 1): 0.91, (1, 2): 0.99}
    found = judge(pairs, DATA, PLANTED)
    assert (found["pairs"], found["precision"]) == (4, 0.5)  # the planted pair, and the duplicates that were there
    assert (found["recall"]["cropped"], found["recall"]["resized"]) == (1, 0)
    assert judge({}, DATA, PLANTED)["precision"] == 0
    assert above(pairs, 0.95) == {(3, 4): 0.95, (1, 2): 0.99}


def test_the_best_threshold_has_the_best_f1() -> None:
    planted = {f"copy{index}": (f"source{index}", kind) for index, kind in enumerate(KINDS)}
    data: Any = Data(*(name for copy, (source, _) in planted.items() for name in (source, copy)))
    pairs: Pairs = {(2 * index, 2 * index + 1): -float(index) for index in range(len(KINDS))}
    pairs |= {(0, 3): -5.0, (0, 5): -7.0, (0, 7): -7.0, (0, 9): -7.0, (0, 11): -7.0}
    found = best(pairs, range(0, -9, -1), data, planted)
    assert found["threshold"] == -6
    assert (found["precision"], found["recall_all"]) == (7 / 8, 7 / 9)
    assert list(found["by_threshold"]) == [str(bits) for bits in range(0, -9, -1)]


def test_hashes_are_compared_bit_by_bit() -> None:
    hashes = np.random.default_rng(0).integers(0, 2, (20, 64)).astype(bool)
    hashes[7] = hashes[3] ^ (np.arange(64) < 5)
    turned = hashes.copy()
    turned[11] = hashes[15] ^ (np.arange(64) == 9)
    found = near_pairs(pack(list(hashes)), [pack(list(hashes)), pack(list(turned))])
    expected = {
        (i, j): -min(int((hashes[i] ^ hashes[j]).sum()), int((hashes[i] ^ turned[j]).sum()), int((hashes[j] ^ turned[i]).sum()))
        for i in range(20)
        for j in range(i + 1, 20)
    }
    assert found == {pair: float(bits) for pair, bits in expected.items() if bits >= -duplicate_finders.MOST_BITS}
    assert (found[3, 7], found[11, 15]) == (-5, -1)


def test_judged_images_that_are_found() -> None:
    judged = pd.DataFrame({"test_row": [1, 2, 3, 9], "judgment": [1, 1, 1, 2]})
    found = judge_leakage({1: (5, 0.0), 3: (7, 0.1), 30: (2, 0.2)}, judged)
    assert found == {"images": 3, "recall_by_judgment": {"1": [pytest.approx(2 / 3), 3], "2": [0.0, 1]}}


def test_cells_differ() -> None:
    cells = duplicate_finders.cells()
    assert len({json.dumps(cell, sort_keys=True) for cell in cells}) == len(cells) == 6


class TestTables:
    def test_photos(self) -> None:
        def cell(recall: float, precision: float) -> dict[str, Any]:
            found = {"threshold": -4, "precision": precision, "recall": {**dict.fromkeys(KINDS, 0.5), "turned by 90": recall}}
            return {"cell": {"group": "photos"}, "methods": {"pHash": {**found, "seconds": 3}}}

        lines = finder_tables.photos_table([cell(0.5, 0.9), cell(0.2, 1.0)]).splitlines()
        assert lines[0].startswith(
            "| | threshold | pairs that are right | re-encoded | resized | cropped | brightened | mirrored | turned |"
        )
        assert lines[2].startswith("| pHash | 4 | 0.950 ± 0.071 | 0.50 ± 0.00 |")
        assert "| 0.45 ± 0.07 | 0.50 ± 0.00 | 3 s |" in lines[2]

    def test_leakage(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "verdicts.csv"
        path.write_text("sheet,rows,same,remark\ncopies-search,1 2,yes,\ncopies-search,3 4,no,\ncopies-phash,8 9,yes,\n")
        monkeypatch.setattr(duplicate_tables, "VERDICTS", path)
        entry = {"images": 1_500, "recall_by_judgment": {"1": [0.9, 249], "2": [0.2, 37]}, "threshold": 0.912}
        bits = {"0": {**entry, "images": 7}, "2": {**entry, "images": 1_400}}
        cell = {
            "cell": {"group": "leakage"},
            "methods": {"search": entry, "pHash (imagehash)": {**entry, "threshold": 2, "by_threshold": bits}},
            "samples": {"copies-search": [[1, 2], [3, 4]], "copies-phash": [[8, 9], [5, 5]]},
        }
        assert finder_tables.leakage_table([cell]).splitlines()[2:] == [
            "| **search** | 0.912 | 1,500 | 0.900 | 0.200 | 1 of 2 |",
            "| pHash (imagehash) | 0 | 7 | 0.900 | 0.200 |  |",
            "| pHash (imagehash) | 2 | 1,400 | 0.900 | 0.200 | 1 of 1, 1 not looked at |",
        ]

    def test_command(self) -> None:
        def cell(turned: bool) -> dict[str, Any]:
            counts = {"n": 60_000, "num_groups": 1_467, "num_removable": 1_918}
            return {"cell": {"group": "command", "turned": turned}, **counts, "processor_seconds": 91.4, "peak_memory": 1.5e9}

        assert finder_tables.command_table([cell(True), cell(False)]).splitlines()[2:] == [
            "| `duplicates` | 60,000 | 1,467 | 1,918 | 91 s | 1.50 GB |",
            "| `duplicates --turned` | 60,000 | 1,467 | 1,918 | 91 s | 1.50 GB |",
        ]


@pytest.mark.slow
def test_smoke_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["duplicate_finders", str(tmp_path), "--smoke"])
    duplicate_finders.main()
    (found,) = rows.read("smoke/duplicate_finders")
    assert set(found["methods"]) == {"search", "search, best", "search, turned", "search, turned, best"}
    assert found["n"] == 1797 + 5 * len(KINDS)
    recall = {name: method["recall"]["turned by 90"] for name, method in found["methods"].items()}
    assert recall["search"] == 0
    assert recall["search, turned, best"] >= 0.8
