from __future__ import annotations

import subprocess
import sys

import datasets
import pytest

import curv_issues
from curv_issues.data.sources import looks_like_path, open_source
from curv_issues.errors import DatasetError, UsageError
from tests.data.images import write_image_folder, write_parquet


def lengths(opened) -> dict[str, int]:
    return {name: sum(map(len, tables)) for name, tables in opened.splits.items()}


def labels_of(opened, split: str = "train") -> list:
    return [value for table in opened.splits[split] for value in table.values("label")]


@pytest.fixture
def in_memory() -> datasets.Dataset:
    return datasets.Dataset.from_dict({"x": [b"1", b"2", b"3"], "y": [0, 1, 0]})


def test_folder_laid_out_like_a_hub_dataset(tmp_path):
    write_parquet(tmp_path / "data" / "train-00000-of-00002.parquet", [0, 1])
    write_parquet(tmp_path / "data" / "train-00001-of-00002.parquet", [0, 1, 1])
    write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", [1])
    opened = open_source(tmp_path)
    assert lengths(opened) == {"train": 5, "test": 1}
    assert (opened.name, opened.revision) == (str(tmp_path), None)
    assert labels_of(opened) == [0, 1, 0, 1, 1]


def test_image_folder_with_and_without_splits(tmp_path):
    write_image_folder(tmp_path / "plain", {"dog": 2, "cat": 1})
    assert lengths(open_source(str(tmp_path / "plain"))) == {"train": 3}
    for split, count in (("train", 2), ("validation", 1)):
        write_image_folder(tmp_path / "split", {"dog": count, "cat": count}, split=split)
    assert lengths(open_source(f"{tmp_path}/split/")) == {"train": 4, "validation": 2}


def test_relative_paths_and_home(tmp_path, monkeypatch):
    write_image_folder(tmp_path / "pets", {"dog": 1, "cat": 1})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("pets", "./pets", "~/pets"):
        opened = open_source(name)
        assert (opened.name, lengths(opened)) == (name, {"train": 2})


def test_parquet_files_in_the_order_given(tmp_path):
    first, second = write_parquet(tmp_path / "a[1].parquet", [0, 1]), write_parquet(tmp_path / "b.parquet", [2, 3, 4])
    assert lengths(open_source(first)) == {"train": 2}
    assert lengths(open_source([str(first)])) == {"train": 2}
    opened = open_source([second, str(first)])
    assert labels_of(opened) == [2, 3, 4, 0, 1]
    assert opened.name == f"{second} and 1 more"


def test_saved_datasets(tmp_path, in_memory):
    in_memory.save_to_disk(tmp_path / "one")
    other = datasets.Dataset.from_dict({"x": [b"1"], "y": [0]}, split="b")
    datasets.DatasetDict({"a": in_memory, "b": other}).save_to_disk(tmp_path / "dict")
    one = open_source(tmp_path / "one")
    assert (lengths(one), one.has_split_names) == ({"train": 3}, False)
    assert lengths(open_source(tmp_path / "dict")) == {"a": 3, "b": 1}
    below = open_source(tmp_path / "dict" / "b")
    assert (lengths(below), below.has_split_names) == ({"b": 1}, True)


def test_in_memory_datasets(in_memory):
    assert open_source(in_memory).splits["train"][0].dataset is in_memory
    assert lengths(open_source(datasets.DatasetDict({"a": in_memory}))) == {"a": 3}


def test_configurations_of_a_folder(tmp_path):
    write_parquet(tmp_path / "a.parquet", [0, 1])
    write_parquet(tmp_path / "b.parquet", [0, 1, 2])
    configs = "".join(f"- config_name: {name}\n  data_files: {name}.parquet\n" for name in "ab")
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    opened = open_source(tmp_path, config_name="b")
    assert (lengths(opened), opened.config_name) == ({"train": 3}, "b")
    with pytest.raises(DatasetError) as caught:
        open_source(tmp_path)
    assert str(caught.value) == f"{tmp_path} has the configurations a, b; choose one with --config-name (config_name=...)."
    with pytest.raises(DatasetError) as caught:
        open_source(tmp_path, config_name="c")
    assert str(caught.value) == f"{tmp_path} has no configuration 'c'; it has a, b."


@pytest.mark.parametrize(
    "name",
    [
        *("./pets", "../pets", "/no/such/pets", "~/nope", "a/b/c", "pets/", "C:pets", "a\\b"),
        *("pets.parquet", "org/pets.PARQUET", "pets.tgz", "pets.7z", "pets.zip.001"),
    ],
)
def test_missing_paths_are_reported(name):
    assert looks_like_path(name)
    with pytest.raises(DatasetError) as caught:
        open_source(name)
    assert str(caught.value) == f"File or folder {name} does not exist."


@pytest.mark.parametrize("name", ["mnist", "org/name", "org/name.v2", "my-org/my_set"])
def test_hub_ids_are_not_paths(name):
    assert not looks_like_path(name)


def test_one_of_several_files_is_missing(tmp_path):
    there = write_parquet(tmp_path / "a.parquet", [0])
    with pytest.raises(DatasetError, match=rf"^File or folder {tmp_path}/b\.parquet does not exist\.$"):
        open_source([there, tmp_path / "b.parquet"])


@pytest.mark.parametrize("names", [["1.png"], ["1.png", "2.JPG"], ["1.parquet", "2.webp"]])
def test_a_list_of_image_files_needs_labels(tmp_path, names):
    places = [tmp_path / name for name in names]
    with pytest.raises(DatasetError, match=r"^A list of image files \(.*\) needs labels=\[\.\.\.\], one label per image; or audit"):
        open_source(places)


def test_list_of_urls_is_refused():
    with pytest.raises(DatasetError) as caught:
        open_source(["https://example.org/1.png", "https://example.org/2.png"])
    assert str(caught.value) == "Expected local paths, but got the URL https://example.org/1.png; download the files first."


def test_folder_among_several_sources_is_refused(tmp_path):
    there = write_parquet(tmp_path / "a.parquet", [0])
    with pytest.raises(DatasetError, match=r"^Expected parquet files, but .* is a folder; audit the datasets one by one\.$"):
        open_source([there, tmp_path])
    write_image_folder(tmp_path / "pets", {"dog": 1, "cat": 1})
    with pytest.raises(DatasetError, match=r"pets/cat is a folder; audit the folder that contains them all \(.*/pets\)\.$"):
        open_source([tmp_path / "pets" / "cat", tmp_path / "pets" / "dog"])  # the shell expands pets/* to this list


def test_file_listed_twice_is_refused(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [0])
    with pytest.raises(DatasetError, match=r"^The file .*a\.parquet is listed more than once; list each file once\.$"):
        open_source([path, tmp_path / "." / "a.parquet"])


def test_an_empty_name_is_not_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(write_image_folder(tmp_path / "pets", {"dog": 1, "cat": 1}))
    with pytest.raises(DatasetError, match=r"^The name of the dataset is empty; expected a Hub id such as org/name or a "):
        open_source("")


@pytest.mark.parametrize(
    "address", ["https://huggingface.co/datasets/org/name", "huggingface.co/datasets/org/name", "hf.co/x", "www.example.org"]
)
def test_urls_are_refused(address):
    with pytest.raises(DatasetError) as caught:
        open_source(address)
    assert str(caught.value) == f"Expected a Hub id such as org/name or a local path, but got the URL {address}."


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_git_lfs_pointer_is_reported(tmp_path, name):
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    for source in (tmp_path, tmp_path / name):
        with pytest.raises(DatasetError, match=r"cannot be read.*: it is a Git LFS pointer, .*; run git lfs pull\.$"):
            open_source(source)


@pytest.mark.parametrize(("name", "content"), [("a.dat", b"x,y\n1,2\n"), ("a.parquet", b"x,y\n1,2\n"), ("b.parquet", b"")])
def test_files_that_are_not_parquet_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        DatasetError, match=rf"^Expected parquet files, a folder or a Hub id; .*{name} is not a parquet file[^\n]*\.$"
    ):
        open_source(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "a.zip",
            b"PK\x03\x04",
            r"a\.zip is an archive, which is not read; unpack it and audit the image folder inside",
        ),
        ("a.tar", b"", r"unpack it .*; if it follows the WebDataset convention, audit the folder that contains it"),
        ("a", b"\0" * 257 + b"ustar", r"unpack it .*; if it follows the WebDataset"),
        ("a.tar.gz", b"\x1f\x8b", r"a\.tar\.gz is an archive, .*; unpack it"),
        ("a.npz", b"PK\x03\x04", r"a\.npz is not a parquet file"),
        ("a.jpg", b"", r"a\.jpg is a single image; audit the dataset folder"),
        ("a.arrow", b"ARROW1", r"a\.arrow is an Arrow file; audit the folder that contains it"),
        ("a.csv", b"x,y", r"a\.csv is a table; audit its image folder with this table: .* --labels .*a\.csv"),
    ],
)
def test_files_of_other_kinds_give_advice(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=rf"^Expected parquet files, a folder or a Hub id; [^\n]*{expected}[^\n]*\.$"):
        open_source(tmp_path / name)


def test_corrupt_parquet(tmp_path):
    whole = write_parquet(tmp_path / "a.parquet", [0, 1]).read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:-10])
    with pytest.raises(DatasetError, match=r"/a\.parquet cannot be read as parquet: Parquet [^\n]*\.$"):
        open_source(tmp_path / "a.parquet")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.parquet").write_bytes(b"garbage")
    write_parquet(tmp_path / "b" / "train.parquet", [0, 1])
    with pytest.raises(DatasetError, match=r"^x\.parquet cannot be read as parquet: Parquet [^\n]*\.$"):
        open_source(tmp_path / "b")  # an error is better than half a dataset
    write_image_folder(tmp_path / "pets", {"dog": 1, "cat": 1})
    (tmp_path / "pets" / "x.parquet").write_bytes(b"garbage")
    assert lengths(open_source(tmp_path / "pets")) == {"train": 2}


@pytest.mark.parametrize(
    ("files", "only"),
    [
        ([], ""),
        (["notes.md"], ", only other files: .md"),
        (["a/1.npy", "a/2.npy", "b/1"], ", only other files: .npy, no extension"),
    ],
)
def test_folders_without_data(tmp_path, files, only):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("hello")
    with pytest.raises(DatasetError) as caught:
        open_source(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no readable images and no parquet files{only}; expected parquet files, or images in one "
        "folder per class."
    )


def test_streaming_datasets(in_memory):
    stream = in_memory.to_iterable_dataset()
    for dataset in (stream, datasets.IterableDatasetDict({"train": stream})):
        with pytest.raises(DatasetError, match=r"^A streaming dataset can be read only once, .* --max-samples .* materialise"):
            open_source(dataset)
    import torch

    assert isinstance(stream, torch.utils.data.IterableDataset)
    with pytest.raises(DatasetError, match=r"^A streaming dataset can be read only once"):
        curv_issues.load_data(stream)


@pytest.mark.parametrize(("dataset", "shown"), [(3, "int"), ([], "nothing"), (None, "NoneType"), ([1, 2], "list")])
def test_other_objects_are_refused(dataset, shown):
    with pytest.raises(DatasetError, match=rf"^Expected a Hub id, a path, .* or LabeledData, but got {shown}\.$"):
        open_source(dataset)


def test_options_for_other_sources_are_refused(tmp_path, in_memory):
    folder = write_image_folder(tmp_path / "pets", {"dog": 1, "cat": 1})
    file = write_parquet(tmp_path / "a.parquet", [0])
    in_memory.save_to_disk(tmp_path / "saved")
    hub_only = r"^--revision \(revision\) is for datasets of the Hugging Face Hub; this is {}\.$"
    for dataset, kind in ((folder, "a local folder"), (file, "parquet files"), (in_memory, "an in-memory dataset")):
        with pytest.raises(UsageError, match=hub_only.format(kind)):
            open_source(dataset, revision="main")
    some_only = r"^--config-name \(config_name\) is for Hub ids and folders laid out like one; this is {}\.$"
    for dataset, kind in (
        (tmp_path / "saved", "a save_to_disk folder"),
        (file, "parquet files"),
        (in_memory, "an in-memory dataset"),
    ):
        with pytest.raises(UsageError, match=some_only.format(kind)):
            open_source(dataset, config_name="a")


def test_the_source_is_not_written_to(tmp_path):
    folder = write_image_folder(tmp_path / "pets", {"dog": 1, "cat": 1})
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    open_source(folder)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before


def test_local_folders_are_read_without_slow_imports(tmp_path):
    write_image_folder(tmp_path / "folder", {"dog": 2, "cat": 2})
    write_parquet(tmp_path / "table.parquet", [0, 1])
    code = (
        "import sys, curv_issues, curv_issues.auditing.audit\n"
        "[curv_issues.load_data(path) for path in sys.argv[1:]]\n"
        "print({'datasets', 'huggingface_hub', 'torch', 'scipy', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "folder", tmp_path / "table.parquet"], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
