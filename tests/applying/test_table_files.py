"""Parquet and Arrow files: rows, columns, types, splits and descriptions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curv_issues.applying.apply import apply_decisions
from curv_issues.applying.edits import TableEdits
from curv_issues.applying.table_file import rewrite_table
from curv_issues.data.loading import load_data
from curv_issues.errors import UsageError
from tests.applying.audited import audited, decide, named, tree_of
from tests.data.folders import write
from tests.data.images import colour_image, pngs, write_parquet

NAMES = ["cat", "dog", "fox"]
FEATURES = datasets.Features(
    {
        "id": datasets.Value("int32"),
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=NAMES),
        "boxes": datasets.List({"x": datasets.Value("float32")}),
    }
)


def rows(n: int, start: int = 0) -> datasets.Dataset:
    """Row i has class i mod 3, an image of its own, and other columns."""
    columns = {
        "id": range(start, start + n),
        "image": [colour_image(start + number) for number in range(n)],
        "label": [number % 3 for number in range(n)],
        "boxes": [[{"x": number / 2}] * (number % 3) for number in range(n)],
    }
    return datasets.Dataset.from_dict({name: list(values) for name, values in columns.items()}, features=FEATURES)


@pytest.fixture
def hub_folder(tmp_path: Path) -> Path:
    """data/train in two files, data/test in one, as push_to_hub writes them."""
    data = tmp_path / "source" / "data"
    data.mkdir(parents=True)
    rows(5).to_parquet(data / "train-00000-of-00002.parquet")
    rows(4, 5).to_parquet(data / "train-00001-of-00002.parquet")
    rows(3, 9).to_parquet(data / "test-00000-of-00001.parquet")
    return tmp_path / "source"


def read(folder: Path, split: str = "train") -> datasets.Dataset:
    loaded = datasets.load_dataset(str(folder), split=split, cache_dir=str(folder.parent / "cache"))
    assert isinstance(loaded, datasets.Dataset)
    return loaded


def encoded(dataset: datasets.Dataset) -> list[bytes]:
    return [row["image"]["bytes"] for row in dataset.cast_column("image", datasets.Image(decode=False))]


def test_a_hub_folder_keeps_splits_files_features_and_columns(hub_folder: Path, tmp_path: Path) -> None:
    before = tree_of(hub_folder)
    result = audited(str(hub_folder))
    decisions = [decide(result, 1, "relabel", "cat"), decide(result, 4, "remove"), decide(result, 7, "relabel", "dog")]
    applied = apply_decisions(result, decisions, tmp_path / "new")
    assert tree_of(hub_folder) == before
    assert set(tree_of(tmp_path / "new")) == {*before, "changes.csv", "applied.json"}
    new, old = read(tmp_path / "new"), read(hub_folder)
    kept = [0, 1, 2, 3, 5, 6, 7, 8]
    assert new["id"] == kept
    assert new["label"] == [0, 0, 2, 0, 0, 1, 1, 0]  # the second file starts with class 0 again
    assert new["label_original"] == [0, 1, 2, 0, 0, 1, 2, 0]
    assert new["boxes"] == [old["boxes"][row] for row in kept]
    assert encoded(new) == [encoded(old)[row] for row in kept]
    assert new.features == {**FEATURES, "label_original": FEATURES["label"]}
    assert list(new.features) == [*FEATURES, "label_original"]
    test = read(tmp_path / "new", "test")
    assert (test["id"], test["label"], test["label_original"]) == ([9, 10, 11], [0, 1, 2], [0, 1, 2])
    loaded = load_data(str(tmp_path / "new"))
    assert loaded.fingerprint == applied.fingerprint
    assert loaded.class_names == tuple(NAMES)


def test_new_classes_are_added_at_the_end_in_all_files(hub_folder: Path, tmp_path: Path) -> None:
    result = audited(str(hub_folder))
    apply_decisions(result, [decide(result, 6, "relabel", "owl")], tmp_path / "new", new_classes=True)
    for split in ("train", "test"):
        assert read(tmp_path / "new", split).features["label"].names == [*NAMES, "owl"]
    assert named(load_data(str(tmp_path / "new")))[6] == "owl"
    again = audited(str(tmp_path / "new"))
    apply_decisions(again, [decide(again, 0, "relabel", "owl")], tmp_path / "newer")
    newer = read(tmp_path / "newer")
    assert newer["label"][0] == newer["label"][6] == 3
    assert newer["label_original"] == read(tmp_path / "new")["label_original"]  # the first labels stay


def test_row_groups_compression_and_metadata_stay(tmp_path: Path) -> None:
    table = pa.table(
        {
            "image": pa.array([{"bytes": content, "path": None} for content in pngs(6)]),
            "label": pa.array(["a", "b", "c"] * 2).dictionary_encode(),
            "text": pa.array(list("uvwxyz"), pa.large_string()),
        }
    ).replace_schema_metadata({"mine": "kept"})
    source = tmp_path / "part.parquet"
    pq.write_table(table, source, row_group_size=2, compression={"image.bytes": "zstd", "label": "gzip", "text": "none"})
    result = audited(str(source))
    apply_decisions(
        result, [decide(result, 1, "relabel", "a"), decide(result, 2, "remove"), decide(result, 3, "remove")], tmp_path / "new"
    )
    with pq.ParquetFile(tmp_path / "new" / "part.parquet") as file:
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        assert [group.num_rows for group in groups] == [2, 2]
        codecs = {groups[0].column(number).path_in_schema: groups[0].column(number).compression for number in range(5)}
        assert codecs["image.bytes"] == "ZSTD"
        assert codecs["label"] == codecs["label_original"] == "GZIP"
        assert codecs["text"] == "UNCOMPRESSED"
        assert file.schema_arrow.metadata[b"mine"] == b"kept"
        read_back = file.read()
    assert read_back.schema.field("text").type == pa.large_string()
    assert pa.types.is_dictionary(read_back.schema.field("label").type)
    assert read_back.column("label").to_pylist() == ["a", "a", "b", "c"]
    assert read_back.column("label_original").to_pylist() == ["a", "b", "b", "c"]
    assert read_back.column("text").to_pylist() == list("uvyz")


@pytest.mark.parametrize(
    ("labels", "label", "expected"),
    [
        (pa.array([1, 2, 3, 1], pa.uint8()), "2", 2),
        (pa.array([1.0, 2.0, 3.0, 1.0]), "2", 2.0),
        (pa.array([True, False, True, True]), "False", False),
        (pa.array(["a", "b", "c", "a"], pa.string_view()), "b", "b"),
        (pa.array(["a", "b", "c", "a"], pa.large_string()), "b", "b"),
        (pa.array([-1, 7, 2, -1], pa.int64()), "7", 7),
    ],
)
def test_labels_keep_their_type(labels: pa.Array, label: str, expected: Any, tmp_path: Path) -> None:
    images = pa.array([{"bytes": content, "path": None} for content in pngs(4)])
    pq.write_table(pa.table({"image": images, "label": labels}), tmp_path / "x.parquet")
    result = audited(str(tmp_path / "x.parquet"))
    apply_decisions(result, [decide(result, 0, "relabel", label), decide(result, 2, "remove")], tmp_path / "new")
    found = pq.read_table(tmp_path / "new" / "x.parquet")
    assert found.schema.field("label") == found.schema.field("label_original").with_name("label")
    assert found.schema.field("label").type == labels.type
    assert found.column("label").to_pylist() == [expected, *(labels[row].as_py() for row in (1, 3))]
    assert found.column("label_original").to_pylist() == [labels[row].as_py() for row in (0, 1, 3)]


@pytest.mark.parametrize(("labels", "label"), [(pa.array([1, 2, 1]), "dog"), (pa.array([1, 2, 1], pa.int8()), "300")])
def test_classes_that_a_column_cannot_hold_are_refused(labels: pa.Array, label: str, tmp_path: Path) -> None:
    images = pa.array([{"bytes": content, "path": None} for content in pngs(3)])
    pq.write_table(pa.table({"image": images, "label": labels}), tmp_path / "x.parquet")
    result = audited(str(tmp_path / "x.parquet"))
    with pytest.raises(UsageError, match=f"The class '?{label}'? cannot be stored in column 'label' of x.parquet, which holds int"):
        apply_decisions(result, [decide(result, 0, "relabel", label)], tmp_path / "new", new_classes=True)
    assert not (tmp_path / "new").exists()


def test_files_with_other_names_of_classes_keep_them(tmp_path: Path) -> None:
    for number, names in enumerate((["cat", "dog"], ["dog", "cat", "owl"])):
        features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=names)})
        images = [colour_image(10 * number + index) for index in range(4)]
        table = datasets.Dataset.from_dict({"image": images, "label": [0, 1, 0, 1]}, features=features)
        table.to_parquet(tmp_path / f"{number}.parquet")
    files = [str(tmp_path / f"{number}.parquet") for number in (0, 1)]
    result = audited(files)
    assert result.scores["given"].tolist() == ["cat", "dog"] * 2 + ["dog", "cat"] * 2
    apply_decisions(result, [decide(result, 0, "relabel", "owl"), decide(result, 4, "relabel", "cat")], tmp_path / "new")
    first, second = (pq.read_table(tmp_path / "new" / f"{number}.parquet") for number in (0, 1))
    assert first.column("label").to_pylist() == [2, 1, 0, 1]
    assert second.column("label").to_pylist() == [1, 1, 0, 1]
    assert json.loads(first.schema.metadata[b"huggingface"])["info"]["features"]["label"]["names"] == ["cat", "dog", "owl"]
    loaded = load_data([str(tmp_path / "new" / f"{number}.parquet") for number in (0, 1)])
    assert named(loaded) == ["owl", "dog", "cat", "dog", "cat", "cat", "dog", "cat"]


def test_image_files_beside_a_table_are_copied_or_put_into_it(tmp_path: Path) -> None:
    root = tmp_path / "source"
    write(root / "images", *(f"{number}.png" for number in range(4)))
    paths = [f"images/{number}.png" for number in range(3)] + [str(root / "images" / "3.png")]
    images = pa.array([{"bytes": None, "path": path} for path in paths], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    schema = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")}).arrow_schema
    pq.write_table(pa.table({"image": images, "label": pa.array(list("abab"))}, schema=schema), root / "train.parquet")
    for dataset in (str(root), str(root / "train.parquet")):
        result = audited(dataset)
        target = tmp_path / f"new{len(dataset)}"
        applied = apply_decisions(result, [decide(result, 0, "relabel", "b"), decide(result, 1, "remove")], target)
        new = load_data(str(target if dataset == str(root) else target / "train.parquet"))
        assert (named(new), new.fingerprint) == (["b", "a", "b"], applied.fingerprint)
        cells = pq.read_table(target / "train.parquet").column("image").to_pylist()
        assert [cell["bytes"] is None for cell in cells] == ([True, True, False] if dataset == str(root) else [False] * 3)
        assert cells[2] == {"bytes": (root / "images" / "3.png").read_bytes(), "path": "3.png"}


def test_private_files_that_a_table_names_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(pngs(1)[0])
    cells = [{"bytes": pngs(3)[2], "path": None}, {"bytes": pngs(2)[1], "path": None}, {"bytes": None, "path": str(secret)}]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    (tmp_path / "source").mkdir()
    pq.write_table(pa.table({"image": pa.array(cells, kind), "label": list("aba")}), tmp_path / "source" / "train.parquet")
    result = audited(str(tmp_path / "source"), skip_unreadable=True)
    apply_decisions(result, [decide(result, 0, "relabel", "b")], tmp_path / "new")
    assert pq.read_table(tmp_path / "new" / "train.parquet").column("image")[2].as_py() == cells[2]


CARD = """---
license: cc0-1.0
language: [no]  # Norwegian
dataset_info:
  features:
  - name: image
    dtype: image
  - name: label
    dtype:
      class_label:
        names:
          '0': cat
          '1': dog
          '2': fox
  splits:
  - name: train
    num_bytes: 999
    num_examples: 9
  - name: test
    num_bytes: 333
    num_examples: 3
  download_size: 1234
  dataset_size: 1332

# by hand
version: 1.10
---
# Pets

Text of the card: `---`
"""


def test_the_card_says_what_the_files_hold(tmp_path: Path) -> None:
    data = tmp_path / "source" / "data"
    for split, n in (("train", 9), ("test", 3)):
        small = rows(n, 20 * n).remove_columns(["id", "boxes"]).cast_column("label", datasets.Value("int64"))
        data.mkdir(parents=True, exist_ok=True)
        pq.write_table(small.data.table.replace_schema_metadata(None), data / f"{split}-00000-of-00001.parquet")
    (tmp_path / "source" / "README.md").write_text(CARD)
    result = audited(str(tmp_path / "source"))
    assert result.class_names == tuple(NAMES)
    decisions = [decide(result, 0, "relabel", "owl"), decide(result, 1, "remove"), decide(result, 2, "relabel", "dog")]
    apply_decisions(result, decisions, tmp_path / "new", new_classes=True)
    card = (tmp_path / "new" / "README.md").read_text()
    before, after = CARD.split("dataset_info:")[0], CARD[CARD.index("\n# by hand") :]
    assert card.startswith(f"{before}dataset_info:")
    assert card.endswith(after)
    new = read(tmp_path / "new")  # the library checks the number of rows and the features
    assert len(new) == 8
    assert new.features["label"].names == [*NAMES, "owl"]
    assert new.features["label_original"].names == NAMES
    assert named(load_data(str(tmp_path / "new")))[:2] == ["owl", "dog"]


def test_other_configurations_stay_as_they_are(tmp_path: Path) -> None:
    for config in ("first", "second"):
        write_parquet(tmp_path / "source" / config / "train.parquet", list("abab"))
        write_parquet(tmp_path / "source" / config / "test.parquet", list("ab"))
    result = audited(str(tmp_path / "source"), config_name="second")
    apply_decisions(result, [decide(result, 0, "relabel", "b")], tmp_path / "new")
    before, after = tree_of(tmp_path / "source"), tree_of(tmp_path / "new")
    assert {path for path in before if before[path] != after[path]} == {"second/train.parquet", "second/test.parquet"}
    assert named(load_data(str(tmp_path / "new"), config_name="second")) == list("bbab")


def test_descriptions_of_other_configurations_stay_as_they_are(tmp_path: Path) -> None:
    root = tmp_path / "source"
    info = {"features": FEATURES.to_dict(), "splits": {"train": {"name": "train", "num_examples": 9}}}
    for config in ("a", "b"):
        (root / config).mkdir(parents=True)
        rows(9).to_parquet(root / config / "train-00000-of-00001.parquet")
        (root / config / "dataset_info.json").write_text(json.dumps(info))
    configs = [{"config_name": name, "data_files": f"{name}/train-*"} for name in ("a", "b")]
    described = {"config_name": "b", **datasets.DatasetInfo(features=FEATURES)._to_yaml_dict()}
    described["splits"] = [{"name": "train", "num_bytes": 1, "num_examples": 9}]
    (root / "README.md").write_text(f"---\n{json.dumps({'configs': configs, 'dataset_info': [described]})}\n---\n")
    (root / "dataset_infos.json").write_text(json.dumps({"a": info, "b": info}))
    result = audited(str(root), config_name="a")
    apply_decisions(result, [decide(result, 0, "remove")], tmp_path / "new")
    for place in ("README.md", "b/dataset_info.json"):
        assert (tmp_path / "new" / place).read_text() == (root / place).read_text()
    legacy = json.loads((tmp_path / "new" / "dataset_infos.json").read_text())
    assert [legacy[name]["splits"]["train"]["num_examples"] for name in "ab"] == [8, 9]
    assert ["label_original" in legacy[name]["features"] for name in "ab"] == [True, False]
    cache = str(tmp_path / "cache")
    assert datasets.load_dataset(str(tmp_path / "new"), "b", cache_dir=cache)["train"].num_rows == 9  # its sizes are checked


def test_a_saved_split_without_labels_keeps_its_columns(tmp_path: Path) -> None:
    test = rows(3).remove_columns("label").with_format("numpy", columns=["id"])
    train = rows(6).with_format("numpy", columns=["id"])
    datasets.DatasetDict({"train": train, "test": test}).save_to_disk(tmp_path / "source")
    result = audited(str(tmp_path / "source"))
    apply_decisions(result, [decide(result, 0, "remove")], tmp_path / "new")
    assert {split: found.format["columns"] for split, found in datasets.load_from_disk(tmp_path / "new").items()} == {
        "train": ["id"],
        "test": ["id"],
    }


@pytest.mark.parametrize("with_splits", [True, False])
def test_a_saved_dataset_is_saved_again(with_splits: bool, tmp_path: Path) -> None:
    train = rows(7).with_format("numpy", columns=["id", "label"])
    source = datasets.DatasetDict({"train": train, "test": rows(3, 7)}) if with_splits else train
    source.save_to_disk(tmp_path / "source", **({"num_shards": {"train": 2, "test": 1}} if with_splits else {"num_shards": 2}))
    (tmp_path / "source" / "cache-123.arrow").write_bytes(b"left by map")
    result = audited(str(tmp_path / "source"))
    decisions = [decide(result, 0, "relabel", "owl"), decide(result, 5, "relabel", "dog"), decide(result, 6, "remove")]
    applied = apply_decisions(result, decisions, tmp_path / "new", new_classes=True)
    loaded = datasets.load_from_disk(tmp_path / "new")
    new = loaded["train"] if isinstance(loaded, datasets.DatasetDict) else loaded
    assert new.format["columns"] == ["id", "label", "label_original"]
    plain = new.with_format(None)
    assert (plain["id"], plain["label"], plain["label_original"]) == ([*range(6)], [3, 1, 2, 0, 1, 1], [0, 1, 2, 0, 1, 2])
    assert plain.features["label"].names == [*NAMES, "owl"]
    assert encoded(plain) == encoded(train.with_format(None))[:6]
    if with_splits:
        assert loaded["test"]["label_original"] == [0, 1, 2]
    assert load_data(str(tmp_path / "new")).fingerprint == applied.fingerprint
    assert not (tmp_path / "new" / "cache-123.arrow").exists()
    folder = "train" if with_splits else "."
    states = [json.loads((tmp_path / name / folder / "state.json").read_text())["_fingerprint"] for name in ("source", "new")]
    assert states[0] != states[1]


@pytest.mark.parametrize("maker", [pa.ipc.new_stream, pa.ipc.new_file])
def test_arrow_files_keep_their_format(maker: Any, tmp_path: Path) -> None:
    table = pa.table({"label": list("abcd"), "x": [1, 2, 3, 4]})
    with (tmp_path / "a.arrow").open("wb") as out, maker(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    rewrite_table(tmp_path / "a.arrow", tmp_path / "b.arrow", TableEdits("label", {1: "z", 3: "y"}, frozenset({0})))
    opener = pa.ipc.open_stream if maker is pa.ipc.new_stream else pa.ipc.open_file
    found = opener(pa.memory_map(str(tmp_path / "b.arrow"))).read_all()
    assert found.to_pydict() == {"label": ["z", "c", "y"], "x": [2, 3, 4], "label_original": ["b", "c", "d"]}


def test_tables_with_features_keep_their_rows_in_step(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(6), "label": list("ababab"), "f1": np.arange(6) / 7, "f2": 1.0})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    np.save(tmp_path / "features.npy", np.arange(12, dtype=np.float32).reshape(6, 2))
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    by_column = audited(str(tmp_path / "rows.csv"), features_column=["f1", "f2"])
    decisions = [decide(by_column, 1, "relabel", "a"), decide(by_column, 2, "remove")]
    applied = apply_decisions(by_column, decisions, tmp_path / "new")
    kept = [f"{line},{line.split(',')[1]}" for row, line in enumerate(lines[1:]) if row != 2]
    kept[1] = kept[1].replace(",b,", ",a,", 1)
    assert (tmp_path / "new" / "rows.csv").read_text().splitlines() == [f"{lines[0]},label_original", *kept]
    again = load_data(str(tmp_path / "new" / "rows.csv"), features_column=["f1", "f2"])
    assert again.fingerprint == applied.fingerprint
    by_file = audited(str(tmp_path / "rows.csv"), features=str(tmp_path / "features.npy"))
    decisions = [decide(by_file, 1, "relabel", "a"), decide(by_file, 2, "remove")]
    applied = apply_decisions(by_file, decisions, tmp_path / "newer")
    np.testing.assert_array_equal(np.load(tmp_path / "newer" / "features.npy")[:, 0], [0, 2, 6, 8, 10])
    again = load_data(str(tmp_path / "newer" / "rows.csv"), features=str(tmp_path / "newer" / "features.npy"))
    assert (named(again), again.fingerprint) == (list("aabab"), applied.fingerprint)
    record = json.loads((tmp_path / "newer" / "applied.json").read_text())["open_with"]
    assert record == {"dataset": ["rows.csv"], "options": {"features": "features.npy"}}


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_other_files_of_features(kind: str, tmp_path: Path) -> None:
    features = np.arange(8, dtype=np.float64).reshape(4, 2)
    path = tmp_path / f"features.{kind}"
    np.savez(path, emb=features) if kind == "npz" else pd.DataFrame(features, columns=["a", "b"]).to_parquet(path)
    write_parquet(tmp_path / "rows.parquet", list("abab"))
    result = audited(str(tmp_path / "rows.parquet"), features=str(path))
    applied = apply_decisions(result, [decide(result, 1, "remove")], tmp_path / "new")
    new = load_data(str(tmp_path / "new" / "rows.parquet"), features=str(tmp_path / "new" / path.name))
    assert new.features is not None
    assert new.features[:, 0].tolist() == [0, 4, 6]
    assert new.fingerprint == applied.fingerprint


def test_features_follow_images_into_another_folder(tmp_path: Path) -> None:
    pets = write(tmp_path / "pets", "cat/1.png", "cat/2.png", "dog/0.png", "dog/3.png")
    np.save(tmp_path / "emb.npy", np.arange(4, dtype=np.float32).reshape(4, 1))
    result = audited(str(pets), features=str(tmp_path / "emb.npy"))
    apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new")
    new = load_data(str(tmp_path / "new"), features=str(tmp_path / "new" / "emb.npy"))
    assert new.features is not None
    assert dict(zip(new.paths, new.features[:, 0].tolist(), strict=True)) == {
        "cat/2.png": 1,
        "dog/0.png": 2,
        "dog/1.png": 0,
        "dog/3.png": 3,
    }


def test_features_of_a_slice_are_refused_if_its_rows_change(tmp_path: Path) -> None:
    write_parquet(tmp_path / "rows.parquet", list("ababab"))
    np.save(tmp_path / "emb.npy", np.arange(4, dtype=np.float32).reshape(4, 1))
    result = audited(str(tmp_path / "rows.parquet"), features=str(tmp_path / "emb.npy"), split="train[:4]")
    with pytest.raises(UsageError, match=r"The features belong to 'train\[:4\]', which selects other rows .*--format changes"):
        apply_decisions(result, [decide(result, 1, "remove")], tmp_path / "new")
    apply_decisions(result, [decide(result, 1, "relabel", "a")], tmp_path / "new")
    new = load_data(str(tmp_path / "new" / "rows.parquet"), features=str(tmp_path / "new" / "emb.npy"), split="train[:4]")
    assert named(new) == list("aaab")


def test_rows_of_slices_and_samples_are_found(tmp_path: Path) -> None:
    write_parquet(tmp_path / "rows.parquet", [*"ababababab", None, "a"])
    result = audited(str(tmp_path / "rows.parquet"), split="train[2:]", max_samples=6, skip_unlabelled=True)
    row = int(result.scores["row"].iloc[-1])
    given = result.scores["given"].iloc[-1]
    label = {"a": "b", "b": "a"}[given]
    apply_decisions(result, [decide(result, row, "relabel", label)], tmp_path / "new")
    found = pq.read_table(tmp_path / "new" / "rows.parquet")
    before = found.column("label_original").to_pylist()
    assert before == [*"ababababab", None, "a"]
    assert found.column("label").to_pylist() == [label if place == row + 2 else value for place, value in enumerate(before)]


def test_ordered_categories_stay(tmp_path: Path) -> None:
    kind = pd.CategoricalDtype(["c", "b", "a", "zz"], ordered=True)
    frame = pd.DataFrame({"label": pd.Series(list("abca"), dtype=kind), "image": [{"bytes": b, "path": None} for b in pngs(4)]})
    frame.index = pd.Index([10, 20, 30, 40])
    frame.to_parquet(tmp_path / "rows.parquet")
    result = audited(str(tmp_path / "rows.parquet"))
    apply_decisions(result, [decide(result, 0, "relabel", "b"), decide(result, 1, "remove")], tmp_path / "new")
    new = pd.read_parquet(tmp_path / "new" / "rows.parquet")
    assert (new["label"].tolist(), new["label_original"].tolist(), new.index.tolist()) == (list("bca"), list("aca"), [10, 30, 40])
    assert new["label"].dtype == new["label_original"].dtype == frame["label"].dtype


def test_a_column_of_another_kind_with_the_name_of_the_old_labels_is_refused(tmp_path: Path) -> None:
    table = pq.read_table(write_parquet(tmp_path / "rows.parquet", list("abab")))
    pq.write_table(table.append_column("label_original", pa.array([1, 2, 3, 4])), tmp_path / "rows.parquet")
    result = audited(str(tmp_path / "rows.parquet"))
    with pytest.raises(UsageError, match=r"Column 'label_original' of rows.parquet holds int64, .* rename it"):
        apply_decisions(result, [decide(result, 0, "relabel", "b")], tmp_path / "new")
    pq.write_table(table.append_column("label_original", pa.array(list("wxyz")).dictionary_encode()), tmp_path / "rows.parquet")
    result = audited(str(tmp_path / "rows.parquet"))
    apply_decisions(result, [decide(result, 0, "relabel", "b")], tmp_path / "new")
    assert pq.read_table(tmp_path / "new" / "rows.parquet").column("label_original").to_pylist() == list("wxyz")
