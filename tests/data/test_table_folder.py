"""Folders of tables: splits, configurations, shards, and files left out."""

from __future__ import annotations

from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curv_issues.data.loading import load_data
from curv_issues.data.sources import open_source
from curv_issues.errors import DatasetError
from tests.data.images import pngs, write_image_folder, write_parquet


def write_all(root: Path, *paths: str) -> Path:
    for path in paths:
        write_parquet(root / path, ["a", "b"])
    return root


def files_of(root: Path, **options: str) -> dict[str, list[str]]:
    return {split: [table.name for table in tables] for split, tables in open_source(root, **options).splits.items()}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["train.parquet", "Test.parquet"], {"train": ["train.parquet"], "test": ["Test.parquet"]}),
        (["train/a.parquet", "val/a.parquet"], {"train": ["train/a.parquet"], "validation": ["val/a.parquet"]}),
        (
            ["default/train/0000.parquet", "default/test/0000.parquet"],
            {"train": ["default/train/0000.parquet"], "test": ["default/test/0000.parquet"]},
        ),
        (
            ["test/data-00000-of-00001.parquet", "train/data-00000-of-00001.parquet"],
            {"train": ["train/data-00000-of-00001.parquet"], "test": ["test/data-00000-of-00001.parquet"]},
        ),
        (
            ["data/train-00001-of-00002-a1.parquet", "data/train-00000-of-00002-b2.parquet"],
            {"train": ["data/train-00000-of-00002-b2.parquet", "data/train-00001-of-00002-a1.parquet"]},
        ),
        (
            ["data/cats-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"],
            {"train": ["data/train-00000-of-00001.parquet"], "cats": ["data/cats-00000-of-00001.parquet"]},
        ),
        (
            ["train_1.parquet", "train-2.parquet", "test.0.parquet"],
            {"train": ["train-2.parquet", "train_1.parquet"], "test": ["test.0.parquet"]},
        ),
        (["a.parquet", "b/c.parquet"], {"train": ["a.parquet", "b/c.parquet"]}),
        (["retrain.parquet", "attest/contest.parquet"], {"train": ["retrain.parquet", "attest/contest.parquet"]}),
    ],
)
def test_splits(tmp_path, paths, expected):
    assert files_of(write_all(tmp_path, *paths)) == expected


def test_tables_without_split_names_are_one_dataset(tmp_path):
    data = load_data(write_all(tmp_path, "cifar-train.parquet", "cifar-test.parquet"))
    assert (len(data), data.source.split) == (4, None)
    (note,) = data.source.notes
    assert note.startswith("2 tables without a split name are read as one dataset: cifar-test.parquet, cifar-train.")
    assert load_data(write_all(tmp_path / "one", "x.parquet")).source.notes == ()
    notes = load_data(write_all(tmp_path / "two", "cat/x.parquet", "dog/x.parquet")).source.notes
    assert "The names of table folders (cat, dog) are not read as labels." in notes


def test_tables_without_split_names_beside_splits_are_left_out(tmp_path):
    data = load_data(write_all(tmp_path, "train.parquet", "more.parquet"))
    assert (len(data), data.source.split) == (2, "train")
    assert data.source.files.by_reason() == {"in no split": ["more.parquet"]}
    assert data.source.notes[0] == "Files without a split name (train) are left out: more.parquet."


def test_configurations_by_folder(tmp_path):
    root = write_all(tmp_path, "x/train.parquet", "x/test.parquet", "y/train.parquet")
    with pytest.raises(DatasetError, match=r"has the configurations x, y; choose one with --config-name \(config_name=\.\.\.\)\.$"):
        load_data(root)
    data = load_data(root, config_name="y")
    assert data.source.config_name == "y"
    assert data.source.files.by_reason() == {"in another configuration": ["x/test.parquet", "x/train.parquet"]}
    assert files_of(root, config_name="x") == {"train": ["x/train.parquet"], "test": ["x/test.parquet"]}


def test_folder_of_a_configuration_may_have_splits(tmp_path):
    root = write_all(tmp_path, "x/train.parquet", "x/test.parquet", "y.parquet")
    (root / "README.md").write_text("---\nconfigs:\n- config_name: c\n  data_dir: x\n---\n")
    assert files_of(root) == {"train": ["x/train.parquet"], "test": ["x/test.parquet"]}
    assert load_data(root).source.files.by_reason() == {
        "in another configuration": ["y.parquet"],
        "in another split (test)": ["x/test.parquet"],
        "not an image (.md)": ["README.md"],
    }


def test_card_that_lists_missing_files(tmp_path):
    root = write_all(tmp_path, "a.parquet", "b.parquet")
    entries = "- {split: train, path: a.parquet}\n  - {split: test, path: 'c-*'}"
    (root / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n  {entries}\n---\n")
    data = load_data(root)
    assert data.source.notes == (
        "The split 'test' of README.md is left out: no file with images matches c-*.",
        "1 file that looks like an image was left out: not named by README.md (b.parquet).",
    )
    (root / "a.parquet").unlink()
    with pytest.raises(DatasetError, match=r"has no data files for the configuration 'default' described in its README\.md\.$"):
        load_data(root)


def test_class_names_of_the_card(tmp_path):
    write_parquet(tmp_path / "train.parquet", [1, 0])
    names = "features:\n  - name: label\n    dtype:\n      class_label:\n        names: {'0': dog, '1': cat}"
    (tmp_path / "README.md").write_text(f"---\ndataset_info:\n  {names}\n---\n")
    data = load_data(tmp_path)
    assert [data.class_names[label] for label in data.labels] == ["cat", "dog"]


def test_configurations_whose_names_are_patterns(tmp_path):
    root = write_all(tmp_path, "x[*]/train.parquet", "x[*]/test.parquet", "x?/train.parquet")
    assert files_of(root, config_name="x[*]") == {"train": ["x[*]/train.parquet"], "test": ["x[*]/test.parquet"]}
    assert files_of(root, config_name="x?") == {"train": ["x?/train.parquet"]}


@pytest.mark.parametrize(("rows", "expected"), [(6, "table"), (2, "folders")])
def test_images_beside_tables_of_images(tmp_path, rows, expected):
    """Documentation images beside a large table are not the dataset; a small table beside an image folder is not."""
    write_image_folder(tmp_path, {"assets": 2, "docs": 2})
    write_parquet(tmp_path / "train.parquet", ["a", "b"] * (rows // 2))
    data = load_data(tmp_path)
    assert data.class_names == (("a", "b") if expected == "table" else ("assets", "docs"))
    assert any("looks like an image" in note or "look like images" in note for note in data.source.notes)
    assert data.source.files.found == 5
    assert load_data(tmp_path, labels="folders").class_names == ("assets", "docs")


def test_tables_without_images_are_left_out(tmp_path):
    write_all(tmp_path, "train.parquet")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "numbers.parquet")
    assert load_data(tmp_path).source.files.by_reason() == {"table without images": ["numbers.parquet"]}


def test_arrow_files(tmp_path):
    saved = datasets.Dataset.from_dict({"image": pngs(3), "label": ["x", "y", "x"]})
    saved.save_to_disk(tmp_path / "saved")
    (tmp_path / "data").mkdir()
    (tmp_path / "saved" / "data-00000-of-00001.arrow").rename(tmp_path / "data" / "train.arrow")
    with pa.OSFile(str(tmp_path / "data" / "test.arrow"), "wb") as sink, pa.ipc.new_file(sink, saved.data.schema) as writer:
        writer.write_table(saved.data.table.slice(0, 2))
    assert load_data(tmp_path / "data").labels.tolist() == [0, 1, 0]
    assert load_data(tmp_path / "data", split="test").labels.tolist() == [0, 1]
    (tmp_path / "data" / "test.arrow").write_bytes(b"garbage")
    with pytest.raises(DatasetError, match=r"^test\.arrow cannot be read as an Arrow file: [^\n]*\.$"):
        load_data(tmp_path / "data")


def test_columns_in_folder_names(tmp_path):
    write_parquet(tmp_path / "a" / "year=2024" / "0.parquet", [0, 1])
    write_parquet(tmp_path / "a" / "year=2025" / "0.parquet", [0, 1])
    assert "Columns in folder names are not read: year." in load_data(tmp_path / "a").source.notes
    write_parquet(tmp_path / "b" / "label=cat" / "0.parquet", [0, 1])
    with pytest.raises(DatasetError, match=r"are partitioned by 'label' \(label=cat/0\.parquet\); columns in folder names"):
        load_data(tmp_path / "b")
