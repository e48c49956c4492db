"""Features on the command line and beside a dataset: which numbers belong to which row, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from curv_issues import DatasetError, UsageError, from_features, load_data
from curv_issues.data import parquet, pixel_storage
from curv_issues.data.features import hash_rows
from tests.data.images import encode
from tests.small import make_arrays

N, D = 40, 6
VALUES = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
LABELS = ["cat", "dog", "owl", "cat"] * 10
FRAME = pd.DataFrame({"emb": list(VALUES), "label": LABELS})


def write_json(path: Path) -> Path:
    frame = FRAME.assign(emb=[list(map(float, row)) for row in VALUES])
    frame.to_json(path.with_suffix(".jsonl"), orient="records", lines=True, double_precision=15)
    return path.with_suffix(".jsonl")


def write_text(path: Path) -> Path:
    frame = FRAME.assign(emb=[str(list(map(float, row))) for row in VALUES])
    frame.to_csv(path.with_suffix(".csv"), index=False)
    return path.with_suffix(".csv")


def write_parquet(path: Path, kind: pa.DataType | None = None, **options: Any) -> Path:
    column = pa.array(list(VALUES), kind or pa.list_(pa.float32()))
    pq.write_table(pa.table({"emb": column, "label": LABELS}), path.with_suffix(".parquet"), **options)
    return path.with_suffix(".parquet")


def as_dataset(feature: Any) -> datasets.Dataset:
    rows = [row.reshape(2, 3) if isinstance(feature, datasets.Array2D) else row for row in VALUES]
    types = datasets.Features({"emb": feature, "label": datasets.Value("string")})
    return datasets.Dataset.from_dict({"emb": rows, "label": LABELS}, features=types)


def save_dataset(path: Path) -> Path:
    as_dataset(datasets.Sequence(datasets.Value("float32"))).save_to_disk(path)
    return path


def write_folder_of_tables(path: Path) -> Path:
    path.mkdir()
    for number, rows in enumerate((slice(0, 15), slice(15, N))):
        FRAME[rows].to_parquet(path / f"train-{number:05}-of-00002.parquet")
    return path


@pytest.mark.parametrize(
    "make",
    [
        write_parquet,
        lambda path: write_parquet(path, row_group_size=7),
        lambda path: write_parquet(path, pa.list_(pa.float32(), D)),
        lambda path: write_parquet(path, pa.large_list(pa.float32())),
        write_folder_of_tables,
        save_dataset,
        write_json,
        write_text,
        lambda path: as_dataset(datasets.Sequence(datasets.Value("float32"), length=D)),
        lambda path: as_dataset(datasets.Array2D((2, 3), "float32")),
        lambda path: FRAME.set_index(np.arange(N) + 100),
        lambda path: FRAME.assign(emb=VALUES.tolist()),
    ],
)
def test_a_column_of_lists_in_any_table(make: Callable[[Path], Any], tmp_path: Path) -> None:
    data = load_data(make(tmp_path / "data"), features_column="emb")
    assert data.features is not None
    assert np.array_equal(data.features.astype(np.float32), VALUES)
    assert [data.class_names[label] for label in data.labels] == LABELS
    assert (data.images, data.open_image, data.rows.tolist()) == (None, None, list(range(N)))


@pytest.mark.parametrize("kind", [pa.float16(), pa.float64(), pa.int32(), pa.bool_()])
def test_types_of_numbers(kind: pa.DataType, tmp_path: Path) -> None:
    given = (VALUES > 0).astype(np.float32) if pa.types.is_boolean(kind) else np.round(VALUES * 8)
    numpy = np.dtype(kind.to_pandas_dtype())
    column = pa.array(list(given.astype(numpy)), pa.list_(kind))
    pq.write_table(pa.table({"emb": column, "label": LABELS}), tmp_path / "x.parquet")
    features = load_data(tmp_path / "x.parquet", features_column="emb").features
    assert features is not None
    assert np.array_equal(features, given)
    assert features.dtype == from_features(given.astype(numpy), LABELS).features.dtype  # type: ignore[union-attr]


def test_sample_and_split_take_the_features_of_their_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_MOST_ROWS", 7)  # several chunks
    path = write_parquet(tmp_path / "data", row_group_size=7)
    np.save(tmp_path / "x.npy", VALUES)
    for options in ({"features_column": "emb"}, {"features": tmp_path / "x.npy"}):
        data = load_data(path, max_samples=11, seed=3, **options)
        assert data.features is not None
        assert len(data) == 11
        assert np.array_equal(data.features, VALUES[data.rows])
        assert data.image_sha256.tolist() == hash_rows(VALUES[data.rows]).tolist()
    part = load_data(path, split="train[10:25]", features_column="emb")
    assert part.features is not None
    assert np.array_equal(part.features, VALUES[10:25])
    assert part.rows.tolist() == list(range(15))


def test_rows_without_usable_features_or_labels_are_left_out(tmp_path: Path) -> None:
    rows: list[Any] = [row.tolist() for row in VALUES]
    rows[0], rows[7] = None, [None, *rows[7][1:]]
    rows[9] = [np.inf, *rows[9][1:]]
    labels: list[Any] = list(LABELS)
    labels[3] = None
    pq.write_table(pa.table({"emb": rows, "label": labels}), tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match=r"^3 rows of 39 have NaN or infinite features: 0, 7, 9; correct them"):
        load_data(tmp_path / "x.parquet", features_column="emb", skip_unlabelled=True)
    data = load_data(tmp_path / "x.parquet", features_column="emb", skip_unlabelled=True, skip_unreadable=True)
    assert data.features is not None
    assert data.rows.tolist() == sorted(set(range(N)) - {0, 3, 7, 9})
    assert np.array_equal(data.features, VALUES[data.rows])
    assert [entry["row"] for entry in data.source.unreadable] == [0, 7, 9]
    assert data.source.num_unlabelled == 1


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "only.npz", "x.parquet", "columns.parquet"])
def test_a_file_of_features_beside_labels(name: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", VALUES)
    np.savez(tmp_path / "x.npz", features=VALUES, ids=np.arange(N))
    np.savez_compressed(tmp_path / "only.npz", VALUES)
    write_parquet(tmp_path / "x")
    pd.DataFrame(VALUES, columns=list("abcdef")).to_parquet(tmp_path / "columns.parquet")
    pd.DataFrame({"label": LABELS}).to_csv(tmp_path / "labels.csv", index=False)
    data = load_data(tmp_path / "labels.csv", features=tmp_path / name)
    assert data.features is not None
    assert np.array_equal(data.features, VALUES)
    assert data.class_names == ("cat", "dog", "owl")


@pytest.mark.parametrize("wrap", [lambda x: x, torch.tensor, pd.DataFrame, lambda x: pa.array(x.tolist())])
def test_features_in_memory_beside_labels(wrap: Callable[[np.ndarray], Any], tmp_path: Path) -> None:
    data = load_data(pd.DataFrame({"label": LABELS}), features=wrap(VALUES))
    assert data.features is not None
    assert np.array_equal(data.features.astype(np.float32), VALUES)


def test_a_memory_map_is_not_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", VALUES.astype(np.float16))
    frame = pd.DataFrame({"label": LABELS})
    features = load_data(frame, features=tmp_path / "x.npy").features
    assert isinstance(features, np.memmap)
    assert features.dtype == np.float16
    assert not features.flags.writeable


def test_large_columns_go_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_storage, "_MEMORY_LIMIT", 100)
    features = load_data(write_parquet(tmp_path / "data"), features_column="emb").features
    assert isinstance(features, np.memmap)
    assert np.array_equal(features, VALUES)


def test_several_columns_and_patterns(tmp_path: Path) -> None:
    columns = {f"f{i}": VALUES[:, i] for i in range(D)}
    frame = pd.DataFrame({"id": [f"s{i}" for i in range(N)], **columns, "split": 0, "target": 1, "label": LABELS})
    frame.to_csv(tmp_path / "table.csv", index=False)
    for dataset in (frame, tmp_path / "table.csv"):
        for wanted in ("f?", "*", [f"f{i}" for i in range(D)]):
            data = load_data(dataset, features_column=wanted, label_column="label")
            assert data.features is not None
            assert np.allclose(data.features, VALUES, rtol=1e-5)
        assert load_data(dataset, features_column="*", label_column="label").source.notes[0] == (
            "The features are 6 columns: f0, f1, f2, f3, f4, f5; left out: split, target (labels, splits or an index by name); id "
            "(no numbers: encode categories to use them)."
        )
    some = load_data(frame, features_column=["f3", "f1"], label_column="label").features
    assert some is not None
    assert np.array_equal(some, VALUES[:, [1, 3]])


@pytest.mark.parametrize(
    ("name", "values", "is_left_out"),
    [
        ("anything", np.arange(N) + 5, True),
        ("image_id", np.random.default_rng(0).permutation(N), True),
        ("PassengerId", np.random.default_rng(0).permutation(N), True),
        ("image_id", np.arange(N) // 2, False),
        ("age", np.random.default_rng(0).permutation(N), False),
        ("seconds", np.arange(N) + 0.5, False),
    ],
)
def test_patterns_leave_out_numbers_of_rows(name: str, values: np.ndarray, is_left_out: bool, tmp_path: Path) -> None:
    frame = pd.DataFrame({name: values, "f0": VALUES[:, 0], "f1": VALUES[:, 1], "label": LABELS})
    frame.to_csv(tmp_path / "x.csv", index=False)
    for dataset in (frame, tmp_path / "x.csv"):
        data = load_data(dataset, features_column="*", label_column="label")
        assert data.features is not None
        assert data.features.shape[1] == (2 if is_left_out else 3)
        assert (f"left out: {name} (row numbers or ids)." in data.source.notes[0]) == is_left_out
    by_name = load_data(frame, features_column=[name, "f0"], label_column="label")
    assert by_name.features is not None
    assert np.array_equal(by_name.features[:, 0], values)
    frame.drop(columns="label").to_parquet(tmp_path / "x.parquet")
    if is_left_out:
        with pytest.raises(DatasetError, match=f"columns that are not features: {name}; choose"):
            load_data(pd.DataFrame({"label": LABELS}), features=tmp_path / "x.parquet")
    else:
        assert load_data(pd.DataFrame({"label": LABELS}), features=tmp_path / "x.parquet").features is not None


def test_numbers_and_lists_are_joined() -> None:
    frame = FRAME.assign(age=np.arange(N))
    features = load_data(frame, features_column=["age", "emb"]).features
    assert features is not None
    assert np.array_equal(features, np.column_stack([VALUES, np.arange(N)]))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    images, labels = make_arrays(12, 3, side=8)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = tmp_path / "photos" / "abc"[label] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(Image.fromarray(image[..., 0])))
    return tmp_path / "photos"


def test_images_and_features_of_the_same_rows(photos: Path) -> None:
    data = load_data(photos, features=VALUES[:12], max_samples=9)
    assert data.features is not None
    assert data.images is not None
    assert np.array_equal(data.features, VALUES[data.rows])
    assert data.inputs("features").shape == (D,)
    first = np.asarray(Image.open(photos / data.paths[2]))
    assert np.array_equal(np.asarray(data.image(2))[..., 0], first)
    assert data.source.notes[-1].startswith(
        "The features (features) are joined with the images in the order of their paths: row 0 belongs to a/00.png, row 11 to "
        "c/11.png."
    )


def test_unreadable_images_and_features_are_left_out_together(photos: Path) -> None:
    (photos / "a" / "03.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    values = VALUES[:12].copy()
    values[5, 0] = np.nan
    data = load_data(photos, features=values, skip_unreadable=True)
    assert data.features is not None
    assert data.rows.tolist() == [0, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert np.array_equal(data.features, values[data.rows])
    assert [entry["row"] for entry in data.source.unreadable] == [5, 1]
    assert data.source.files is not None
    assert {file.reason for file in data.source.files.left_out} == {"NaN or infinite features", "cannot be decoded"}


def test_a_table_with_images_and_features(tmp_path: Path) -> None:
    images, _ = make_arrays(N, 3)
    cells = [{"bytes": encode(Image.fromarray(image[..., 0])), "path": None} for image in images]
    pq.write_table(pa.table({"image": cells, "emb": list(VALUES), "label": LABELS}), tmp_path / "x.parquet")
    data = load_data(tmp_path / "x.parquet", features_column="emb", resolution=8)
    assert data.images is not None
    assert np.array_equal(data.images, images)
    assert np.array_equal(data.features, VALUES)  # type: ignore[arg-type]


def refused(dataset: Any, **options: Any) -> str:
    with pytest.raises((DatasetError, UsageError)) as caught:
        load_data(dataset, **options)
    return str(caught.value)


def test_lengths_that_differ() -> None:
    frame = pd.DataFrame({"label": LABELS})
    expected = "The features (features) have 39 rows, and DataFrame has 40 in the split 'train'"
    assert refused(frame, features=VALUES[:39]).startswith(expected)
    assert refused(frame, features=VALUES[:39], max_samples=20).startswith(expected)
    assert "have 40 rows, and DataFrame has 20 in the split 'train[:20]'" in refused(frame, features=VALUES, split="train[:20]")


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    def message(name: str) -> str:
        return refused(pd.DataFrame({"label": LABELS}), features=str(tmp_path / name)).replace(f"{tmp_path}/", "")

    np.save(tmp_path / "object.npy", np.array([None] * N, dtype=object), allow_pickle=True)
    np.savez(tmp_path / "object.npz", np.array([None] * N, dtype=object))
    np.savez(tmp_path / "two.npz", a=VALUES, b=VALUES)
    np.save(tmp_path / "flat.npy", VALUES.ravel())
    np.save(tmp_path / "text.npy", np.array([["a"]] * N))
    (tmp_path / "fake.npy").write_text("no array")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "flat.npy").read_bytes()[:200])
    FRAME.assign(other=list(VALUES)).to_parquet(tmp_path / "two.parquet")
    pd.DataFrame({"a": VALUES[:, 0], "label": 1}).to_parquet(tmp_path / "leak.parquet")
    pickled = "cannot be read as a numpy file: it holds Python objects (pickle), which are not loaded; save an array of numbers"
    assert message("object.npy").startswith(f"object.npy {pickled}")
    assert message("object.npz").startswith(f"object.npz {pickled}")
    assert message("two.npz") == "two.npz holds the arrays a, b; expected a single array, or one called features or embeddings."
    assert message("flat.npy") == "flat.npy holds float32 of shape (240,); expected numbers of shape (n, d)."
    assert message("text.npy").startswith("text.npy holds <U1 of shape (40, 1); expected numbers")
    assert message("fake.npy").startswith("fake.npy is not a numpy file; expected an array saved with numpy.save")
    assert message("cut.npy").startswith("cut.npy cannot be read as a numpy file: ")
    assert message("none.npy") == "File none.npy does not exist."
    assert message("x.pt") == "Expected features as a file .npy, .npz, .parquet, but got x.pt."
    assert "holds several columns of lists: emb, other; choose" in message("two.parquet")
    assert "holds columns that are not features: label; choose" in message("leak.parquet")


def test_columns_that_cannot_be_used(tmp_path: Path, photos: Path) -> None:
    ragged = FRAME.assign(emb=[row[: 5 if i == 8 else 6] for i, row in enumerate(VALUES)], text="x")
    ragged.to_parquet(tmp_path / "r.parquet")
    path = str(tmp_path / "r.parquet")
    assert refused(path, features_column="emb") == (
        f"Row 8 of {path} has 5 numbers in column 'emb'; expected 6 in every row, as in the first."
    )
    assert "string; expected numbers or lists of numbers as features." in refused(path, features_column="text")
    assert "Column 'none' (--features-column, features_column) does not exist" in refused(path, features_column="none")
    assert "Column 'z*' (--features-column, features_column) matches no column of numbers" in refused(path, features_column="z*")
    assert refused(path, features_column="label") == (
        "Column 'label' holds the labels; expected another --features-column (features_column)."
    )
    assert "is a list of images: pass --features FILE" in refused(photos, features_column="emb")
    assert refused(FRAME, features=VALUES, features_column="emb") == (
        "--features-column (features_column) names columns of a table, and the features (ndarray) have none."
    )
    named = as_dataset(datasets.Sequence(datasets.Value("float32"))).class_encode_column("label")
    assert "holds ClassLabel; expected numbers" in refused(
        named.add_column("other", [str(i % 3) for i in range(N)]), features_column="label", label_column="other"
    )


@pytest.mark.parametrize("cell", ["x", "1_0", "1,5", "[1, 'a']", "[0.1 0.2]"])
def test_text_that_is_no_number(cell: str, tmp_path: Path) -> None:
    pd.DataFrame({"a": ["1", cell, "2"], "label": list("xyx")}).to_csv(tmp_path / "x.csv", index=False)
    message = refused(tmp_path / "x.csv", features_column="a")
    assert message.startswith(f"Column 'a' of {tmp_path / 'x.csv'}")


def test_wrong_types_of_the_options() -> None:
    assert refused(FRAME, features_column=3) == "features_column must be the name of a column or a list of names, got 3."
    assert refused(FRAME, features=3).startswith("Expected features as numbers of shape (n, d), got int.")
