"""Local folders of every kind: only files inside them are read, and the network is never used."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError, UsageError
from tests.data.images import pngs, write_image_folder, write_parquet


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    asked: list[object] = []

    def refuse(_self: object, address: object) -> None:
        asked.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_: refuse(None, arguments))
    yield asked
    assert asked == []


def save_dataset(path: Path, labels: list[str], *, split: str | None = None) -> Path:
    rows = datasets.Dataset.from_dict({"image": pngs(len(labels)), "label": labels}, split=split)
    rows.cast_column("image", datasets.Image()).save_to_disk(path)
    return path


class TestSavedDatasets:
    def test_one_split_and_several_splits(self, tmp_path):
        data = load_data(save_dataset(tmp_path / "one", ["a", "b", "a"]))
        assert (data.labels.tolist(), data.source.split, data.source.label_column) == ([0, 1, 0], None, "label")
        assert load_data(save_dataset(tmp_path / "split", ["a", "b"], split="test")).source.split == "test"
        rows = datasets.load_from_disk(str(tmp_path / "one"))
        datasets.DatasetDict({"x": rows, "y": rows.select([1])}).save_to_disk(tmp_path / "dict")
        assert load_data(tmp_path / "dict", split="y").labels.tolist() == [0]
        assert load_data(tmp_path / "dict", split="x+y").labels.tolist() == [0, 1, 0, 1]

    def test_shards_and_class_names(self, tmp_path):
        rows = datasets.Dataset.from_dict({"image": pngs(6), "label": [0, 1, 2, 0, 1, 2]})
        rows = rows.cast_column("label", datasets.ClassLabel(names=["z", "y", "x"])).select([5, 4, 3, 2, 1, 0])
        rows.save_to_disk(tmp_path, num_shards=3)
        data = load_data(tmp_path)
        assert [data.class_names[label] for label in data.labels] == ["x", "y", "z", "x", "y", "z"]

    def test_class_names_are_not_read_from_other_files(self, tmp_path):
        folder = save_dataset(tmp_path / "one", ["a", "b"])
        info = json.loads((folder / "dataset_info.json").read_text())
        info["features"]["label"] = {"_type": "ClassLabel", "names_file": "/dev/zero"}
        (folder / "dataset_info.json").write_text(json.dumps(info))
        assert load_data(folder).class_names == ("a", "b")

    @pytest.mark.parametrize(
        "name", ["../two/data-00000-of-00001.arrow", "/etc/passwd", "..", "a\\b", "http://x/a", "", None, 3, {}]
    )
    def test_files_outside_are_refused(self, tmp_path, name):
        folder = save_dataset(tmp_path / "one", ["a", "b"])
        save_dataset(tmp_path / "two", ["a", "b"])
        state = json.loads((folder / "state.json").read_text())
        state["_data_files"] = [{"filename": name}]
        (folder / "state.json").write_text(json.dumps(state))
        with pytest.raises(DatasetError, match=r"^.*one cannot be read: it names a file outside its own folder \(.*\)\.$"):
            load_data(folder)
        datasets.DatasetDict({"x": datasets.load_from_disk(str(tmp_path / "two"))}).save_to_disk(tmp_path / "dict")
        (tmp_path / "dict" / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
        with pytest.raises(DatasetError, match=r"^.*dict cannot be read: it names a file outside its own folder \(.*\)\.$"):
            load_data(tmp_path / "dict")

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b"{}", b"[" * 100_000, b'{"_data_files": []}', b'{"_data_files": 3}', b"\xff\xfe"]
    )
    def test_broken_state_file(self, tmp_path, content):
        folder = save_dataset(tmp_path / "one", ["a", "b"])
        (folder / "state.json").write_bytes(content)
        with pytest.raises(DatasetError, match=r"^.*one cannot be read as a saved dataset: [^\n]*\.$"):
            load_data(folder)

    def test_broken_arrow_files(self, tmp_path):
        folder = save_dataset(tmp_path / "one", ["a", "b"])
        place = folder / "data-00000-of-00001.arrow"
        whole = place.read_bytes()
        for content in (b"", b"garbage", whole[: len(whole) // 2], whole.replace(b"\x00\x00\x00\x00", b"\xff\xff\xff\x7f")):
            place.write_bytes(content)
            with pytest.raises(DatasetError, match=r"cannot be read"):
                load_data(folder)
        place.unlink()
        with pytest.raises(DatasetError, match=r"^data-00000-of-00001\.arrow cannot be read as an Arrow file: .*\.$"):
            load_data(folder)
        if hasattr(os, "mkfifo"):
            os.mkfifo(place)
            with pytest.raises(DatasetError, match=r"it is not a regular file\.$"):
                load_data(folder)


def test_link_out_of_a_saved_dataset_is_refused(tmp_path):
    rows = datasets.load_from_disk(str(save_dataset(tmp_path / "one", ["a", "b"])))
    datasets.DatasetDict({"x": rows}).save_to_disk(tmp_path / "dict")
    (tmp_path / "dict" / "x").rename(tmp_path / "elsewhere")
    (tmp_path / "dict" / "x").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match=r"x/data-00000-of-00001\.arrow leads outside its own folder\.$"):
        load_data(tmp_path / "dict")


HOSTILE = "---\nconfigs:\n- config_name: default\n  data_files: '{place}'\n---\n"


@pytest.mark.parametrize("place", ["https://example.org/a.parquet", "hf://datasets/a/b/c.parquet", "../other/*.parquet", "/etc/*"])
def test_cards_with_files_outside_the_folder_are_refused(tmp_path, place):
    write_parquet(tmp_path / "other" / "a.parquet", ["a", "b"])
    write_parquet(tmp_path / "one" / "train.parquet", ["a", "b"])
    (tmp_path / "one" / "README.md").write_text(HOSTILE.format(place=place))
    with pytest.raises(DatasetError, match="names data files outside the folder"):
        load_data(tmp_path / "one")


def test_configuration_and_script_files_are_not_read(tmp_path):
    write_image_folder(tmp_path, {"${HOME}": 1, "$(id)": 1, "~": 1, "https:": 1, "a::b": 1})
    (tmp_path / ".huggingface.yaml").write_text("configs: [{data_files: 'https://example.org/*'}]")
    (tmp_path / "README.md").write_text(HOSTILE.format(place="https://example.org/a.parquet"))
    (tmp_path / "script.py").write_text("raise SystemExit")
    (tmp_path / "dataset_infos.json").write_text("{")
    assert load_data(tmp_path).class_names == ("$(id)", "${HOME}", "a::b", "https:", "~")


def test_urls_and_outside_paths_in_label_tables_are_not_read(tmp_path):
    write_image_folder(tmp_path, {"x": 1, "y": 1})
    (tmp_path / "metadata.csv").write_text(
        "file_name,label\nhttps://example.org/a.png,a\nx/0.png,b\n../x.png,c\n/etc/passwd,d\ny/0.png,e\n"
    )
    data = load_data(tmp_path)
    assert data.paths.tolist() == ["x/0.png", "y/0.png"]
    assert (
        "3 rows of metadata.csv without an image in the folder: https://example.org/a.png, ../x.png, /etc/passwd."
        in data.source.notes
    )


def test_image_paths_outside_the_folder_are_not_read(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(pngs(3)[2])
    root = tmp_path / "data"
    places = [
        "zip://a.png::https://example.org/a.zip",
        f"zip://a::{secret}",
        "x::git://y",
        "x::ftp://example.org",
        "x::/dev/zero",
        "/dev/zero",
        "/etc/passwd",
        str(secret),
        "../secret.png",
        "link/../../secret.png",
        f"file://{secret}",
        "~/x.png",
        "pipe",
        ".",
        "",
        "a\0b",
        "x" * 5000,
        "self",
    ]
    good = ["good.png", "./sub/../good.png"]
    write_parquet(root / "train.parquet", ["a", "b"] * 10, images=[None] * 20, paths=[*places, *good])
    (root / "good.png").write_bytes(pngs(1)[0])
    (root / "sub").mkdir()
    (root / "link").symlink_to("sub")
    (root / "self").symlink_to("self")
    if hasattr(os, "mkfifo"):
        os.mkfifo(root / "pipe")
    data = load_data(root, skip_unreadable=True)
    assert data.rows.tolist() == [18, 19]
    assert [entry["row"] for entry in data.source.unreadable] == list(range(18))


def test_links_of_the_user_are_followed(tmp_path):
    """The user's own links are followed, also to files outside the folder."""
    outside = write_image_folder(tmp_path / "outside", {"cat": 2})
    root = write_image_folder(tmp_path / "data", {"dog": 2})
    (root / "cat").symlink_to(outside / "cat")
    (root / "dog" / "2.png").symlink_to(outside / "cat" / "1.png")
    assert load_data(root).paths.tolist() == ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png", "dog/2.png"]


def test_links_that_double_the_files_at_each_level_are_refused(tmp_path):
    for level in range(40):
        folder = tmp_path / f"{level:02}"
        folder.mkdir()
        for name in "ab":
            (folder / name).symlink_to(f"../{level + 1:02}")
    (tmp_path / "40").mkdir()
    with pytest.raises(DatasetError, match=r"more than 100 paths lead through links to the folder [^\n]*; remove the links\.$"):
        load_data(tmp_path)


def test_pipe_named_like_a_table_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match=r"only other files: \.parquet \(not a regular file\); expected"):
        load_data(tmp_path)


def test_mnist_files_are_reported(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(DatasetError, match=r"holds files in MNIST format \(raw/train-images-idx3-ubyte\.gz\), which is not"):
        load_data(tmp_path)


def test_table_of_image_paths_is_not_a_dataset(tmp_path):
    pq.write_table(pa.table({"id": [7, 8], "path": ["a/1.png", "a/2.png"], "label": [0, 1]}), tmp_path / "x.parquet")
    with pytest.raises(
        DatasetError, match=r"^Column 'path' of .*x\.parquet names image files \(a/1\.png, a/2\.png\), but the table"
    ):
        load_data(tmp_path / "x.parquet")


def test_feature_table_beside_class_folders(tmp_path):
    write_image_folder(tmp_path, {"cat": 2, "dog": 2})
    pq.write_table(pa.table({"feature": [b"123"] * 9, "label": ["a", "b", "c"] * 3}), tmp_path / "features.parquet")
    data = load_data(tmp_path)
    assert (len(data), data.class_names) == (4, ("cat", "dog"))
    assert data.source.files.by_reason() == {"not an image (.parquet)": ["features.parquet"]}


def test_pipes_among_images_are_left_out(tmp_path):
    write_image_folder(tmp_path, {"cat": 1, "dog": 1})
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    os.mkfifo(tmp_path / "metadata.csv")
    os.mkfifo(tmp_path / "train.parquet")
    assert load_data(tmp_path).source.files.by_reason() == {"not a regular file": ["cat/pipe.png", "metadata.csv", "train.parquet"]}


def test_options_for_other_kinds_of_folders_are_refused(tmp_path):
    write_image_folder(tmp_path / "images", {"cat": 1, "dog": 1})
    with pytest.raises(UsageError, match=r"^--config-name \(config_name\) is for folders of parquet files; "):
        load_data(tmp_path / "images", config_name="x")
    write_parquet(tmp_path / "tables" / "train.parquet", ["a", "b"])
    with pytest.raises(
        UsageError, match=r"^--class-level \(class_level\) is for folders of image files; this is a folder of parquet"
    ):
        load_data(tmp_path / "tables", class_level=2)


def write_arrow(path: Path, label: pa.Array) -> Path:
    table = pa.table({"image": pngs(2), "label": label})
    path.parent.mkdir()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return path.parent


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (pa.nulls(2), r"2 of 2 samples have no label in column 'label' of train\.arrow"),
        (pa.array([[1], [2]]), r"Column 'label' holds list<item: int64>, which cannot be read as labels; .* \(multi-label data\)"),
        (pa.array([[("a", 1)]] * 2, pa.map_(pa.string(), pa.int64())), r"Column 'label' holds map<string, int64>, which cannot"),
        (pa.array([1, 2], pa.time64("us")), r"Column 'label' holds time64\[us\], which cannot be read as labels"),
    ],
    ids=["null", "list", "map", "time"],
)
def test_unusual_label_columns_are_refused(tmp_path, label, expected):
    with pytest.raises(DatasetError, match=rf"\A{expected}[^\n]*\Z"):
        load_data(write_arrow(tmp_path / "data" / "train.arrow", label))


def test_dictionary_encoded_labels(tmp_path):
    label = pa.array(["a", "b"]).dictionary_encode()
    assert load_data(write_arrow(tmp_path / "data" / "train.arrow", label)).class_names == ("a", "b")


def test_struct_that_is_not_an_image(tmp_path):
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.int64())])
    (tmp_path / "data").mkdir()
    with (
        pa.OSFile(str(tmp_path / "data" / "train.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, pa.schema([("image", struct), ("label", pa.string())])) as writer,
    ):
        cells = [{"bytes": pngs(1)[0], "path": 1}, {"bytes": None, "path": 2}]
        writer.write_table(pa.table({"image": pa.array(cells, struct), "label": ["a", "b"]}))
    (entry,) = load_data(tmp_path / "data", skip_unreadable=True).source.unreadable
    assert entry["reason"] == "its path has type int64; expected text"


def test_broken_links_beside_class_folders_are_noted(tmp_path):
    write_image_folder(tmp_path, {"cat": 1, "dog": 1})
    (tmp_path / "emu").symlink_to("gone")
    assert "1 file that looks like an image was left out: broken link (emu)." in load_data(tmp_path).source.notes


def test_paths_in_tables_do_not_follow_links_of_other_users(tmp_path, monkeypatch):
    """A path in a table may end in the user's own link, but may not go through another user's link."""
    outside = write_image_folder(tmp_path / "outside", {"cat": 1})
    root = tmp_path / "data"
    places = ["other/0.png", "own.png", "sub/1.png", "other/link.png"]
    write_parquet(root / "train.parquet", ["a", "b", "b", "a"], images=[None] * 4, paths=places)
    (outside / "cat" / "link.png").symlink_to("0.png")
    (root / "other").symlink_to(outside / "cat")
    (root / "own.png").symlink_to(outside / "cat" / "0.png")
    (root / "sub").mkdir()
    (root / "sub" / "1.png").write_bytes(pngs(2)[1])
    data = load_data(root, skip_unreadable=True)
    assert data.rows.tolist() == [1, 2]
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    data = load_data(root, skip_unreadable=True)
    assert data.rows.tolist() == ([2] if os.lstat(root / "own.png").st_uid not in (0, 12345) else [1, 2])


def test_state_file_of_another_program_is_ignored(tmp_path):
    write_image_folder(tmp_path, {"cat": 1, "dog": 1})
    (tmp_path / "state.json").write_text("{}")
    assert load_data(tmp_path).class_names == ("cat", "dog")


def save_alternating(folder: Path, count: int, **options: object) -> None:
    images = [{"bytes": content, "path": None} for content in pngs(count)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    rows = datasets.Dataset.from_dict({"image": images, "label": [index % 2 for index in range(count)]}, features=features)
    rows.save_to_disk(str(folder), **options)


@pytest.mark.parametrize("listed", ["5", "null", "[]", '[{"filename": "../x.arrow"}]', "[3]"])
def test_saved_splits_with_an_invalid_file_list(tmp_path, listed):
    save_alternating(tmp_path / "train", 4)
    (tmp_path / "train" / "state.json").write_text(f'{{"_data_files": {listed}}}')
    with pytest.raises(DatasetError, match=r"lists no files\.$|names a file outside its own folder"):
        load_data(tmp_path)


def test_splits_saved_one_by_one(tmp_path):
    """Caches of `map` and files of an older save are not read."""
    save_alternating(tmp_path / "train", 20, num_shards=2)
    save_alternating(tmp_path / "train", 10, num_shards=1)
    save_alternating(tmp_path / "test", 6)
    flipped = datasets.load_from_disk(str(tmp_path / "train")).map(lambda row: {"label": 1 - row["label"]})
    assert len(flipped) == 10
    assert list((tmp_path / "train").glob("cache-*.arrow"))
    data = load_data(tmp_path)
    assert data.labels.tolist() == [0, 1] * 5
    reasons = data.source.files.by_reason()
    assert len(reasons["cache of the datasets library"]) == 1
    assert len(reasons["not in state.json of its folder"]) == 2
    (tmp_path / "test" / "data-00000-of-00001.arrow").unlink()
    (tmp_path / "test" / "other.arrow").write_bytes((tmp_path / "train" / "data-00000-of-00001.arrow").read_bytes())
    with pytest.raises(DatasetError, match=r"test/data-00000-of-00001\.arrow is listed in its state\.json, but is missing\.$"):
        load_data(tmp_path)
