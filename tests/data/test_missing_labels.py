"""Text without a visible character is a missing label, wherever the labels come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
from cleanlab import Datalab

from curv_issues.data.arrays import from_arrays
from curv_issues.data.loading import load_data
from curv_issues.datalab.samples import read_lab
from curv_issues.errors import DatasetError
from curv_issues.noise.label_file import labels_from_file
from tests.data.images import colour_image, encode, pngs, write_parquet

LABELS = ["cat", "", "dog", "  "]


def _list(folder: Path) -> dict[str, Any]:
    paths = [folder / f"{value}.png" for value in range(4)]
    for value, path in enumerate(paths):
        path.write_bytes(encode(colour_image(value)))
    return {"dataset": paths, "labels": LABELS}


def _folder(folder: Path, name: str, lines: list[str]) -> dict[str, Any]:
    _list(folder)
    (folder / name).write_text("\n".join(lines) + "\n")
    return {"dataset": folder}


def _csv(folder: Path) -> dict[str, Any]:
    return _folder(folder, "metadata.csv", ["file,label", *(f"{value}.png,{label}" for value, label in enumerate(LABELS))])


def _json(folder: Path) -> dict[str, Any]:
    lines = [f'{{"file": "{value}.png", "label": "{label}"}}' for value, label in enumerate(LABELS)]
    return _folder(folder, "metadata.jsonl", lines)


SOURCES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "list": _list,
    "csv": _csv,
    "json": _json,
    "parquet": lambda folder: {"dataset": write_parquet(folder / "a.parquet", LABELS)},
    "frame": lambda folder: {"dataset": pd.DataFrame({"image": pngs(4), "label": LABELS})},
    "dataset": lambda folder: {"dataset": datasets.Dataset.from_dict({"image": pngs(4), "label": LABELS})},
}


@pytest.mark.parametrize("source", SOURCES)
def test_empty_text_is_a_missing_label(tmp_path: Path, source: str) -> None:
    given = SOURCES[source](tmp_path)
    with pytest.raises(DatasetError, match=r"^2 of 4 samples have no label in .* \(rows 1, 3\); label them, or leave them out"):
        load_data(**given)
    data = load_data(**given, skip_unlabelled=True)
    assert (data.class_names, data.rows.tolist(), data.source.num_unlabelled) == (("cat", "dog"), [0, 2], 2)


def test_empty_names_of_a_class_label_in_joined_parts(tmp_path: Path) -> None:
    rows = datasets.Dataset.from_dict({"image": pngs(4), "label": LABELS})
    rows.class_encode_column("label").to_parquet(tmp_path / "1.parquet")
    parts = [tmp_path / "1.parquet", write_parquet(tmp_path / "2.parquet", LABELS)]
    assert load_data(parts, skip_unlabelled=True).rows.tolist() == [0, 2, 4, 6]


def test_empty_text_in_arrays_datalabs_and_label_files(tmp_path: Path) -> None:
    images = np.zeros((4, 8, 8), np.uint8)
    with pytest.raises(DatasetError, match=r"^2 of 4 samples have no label"):
        from_arrays(images, LABELS)
    rows = datasets.Dataset.from_dict({"image": [colour_image(value) for value in range(4)], "label": LABELS})
    with pytest.raises(DatasetError, match=r"^2 of 4 samples .* no label in column 'label'"):
        read_lab(Datalab(rows, label_name="label"))
    (tmp_path / "other.jsonl").write_text("".join(f'{{"mine": "{label}"}}\n' for label in LABELS))
    with pytest.raises(DatasetError, match=r"^2 of 4 samples .* no label in column 'mine'"):
        labels_from_file(from_arrays(images, ["cat", "dog"] * 2), tmp_path / "other.jsonl", "mine")
