"""README.md of folders laid out like a dataset of the Hub."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from curv_issues.data.repository import CARD, read_card
from curv_issues.errors import DatasetError

FILES = ["data/test-0.parquet", "data/train-0.parquet", "data/train-1.parquet", "data/x/train-2.parquet", "extra.parquet"]


def card(folder: Path, block: str) -> Path:
    (folder / CARD).write_text(f"---\n{block}\n---\n# A dataset\n", encoding="utf-8")
    return folder


def files_of(folder: Path, data_files: str) -> dict[str, list[str]]:
    (configuration,) = read_card(card(folder, f"configs:\n- config_name: default\n  data_files: {data_files}"))
    return configuration.files_by_split(FILES)


@pytest.mark.parametrize(
    ("data_files", "expected"),
    [
        ("extra.parquet", {"train": ["extra.parquet"]}),
        ('["extra.parquet", "data/test-*"]', {"train": ["extra.parquet", "data/test-0.parquet"]}),
        ("[{split: test, path: data/test-*}]", {"test": ["data/test-0.parquet"]}),
        ("[{split: train, path: [data/train-1.parquet, data/train-0.parquet]}]", {"train": [FILES[2], FILES[1]]}),
        ("{train: data/train-*, test: [data/test-0.parquet]}", {"train": FILES[1:3], "test": FILES[:1]}),
        ('"**/train-*"', {"train": FILES[1:4]}),
        ('"**"', {"train": FILES}),
        ("data/**", {"train": FILES[:4]}),
        ("./data/train-?.parquet", {"train": FILES[1:3]}),
        ('"data/train-[1-9].parquet"', {"train": [FILES[2]]}),
        ('"*"', {"train": ["extra.parquet"]}),
        ("data/*", {"train": FILES[:3]}),
        ("data", {"train": []}),
    ],
)
def test_every_form_of_data_files(tmp_path, data_files, expected):
    assert files_of(tmp_path, data_files) == expected


def test_configurations(tmp_path):
    card(tmp_path, "configs:\n- {config_name: 2012, data_files: a.parquet}\n- {config_name: b, default: true, data_dir: sub}")
    first, second = read_card(tmp_path)
    assert (first.name, first.is_default, first.patterns) == ("2012", False, (("train", ("a.parquet",)),))
    assert (second.name, second.is_default, second.patterns, second.folder) == ("b", True, (), "sub")


@pytest.mark.parametrize(
    "names", ["{'0': no, '1': 007, '10': null, '2': 1e3}", "[no, 007, 1e3, null]", "{0: no, 1: 007, 2: 1e3, 3: null}"]
)
def test_class_names_stay_text_in_the_order_of_their_numbers(tmp_path, names):
    card(tmp_path, f"dataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names: {names}")
    (configuration,) = read_card(tmp_path)
    assert configuration.classes["label"].names == ("no", "007", "1e3", "null")


@pytest.mark.parametrize(
    "text", ["", "# no block", "---\nconfigs: x", "---\n- 1\n---\n", "---\nconfigs: 3\ndataset_info: [1, x]\n---\n"]
)
def test_cards_without_configurations(tmp_path, text):
    assert read_card(tmp_path) == []
    (tmp_path / CARD).write_text(text)
    assert [configuration.patterns for configuration in read_card(tmp_path)] in ([], [()])


def test_byte_order_mark_and_windows_line_ends(tmp_path):
    (tmp_path / CARD).write_bytes(b"\xef\xbb\xbf---\r\nconfigs:\r\n- data_files: a.parquet\r\n---\r\n\xff")
    assert read_card(tmp_path)[0].files_by_split(["a.parquet"]) == {"train": ["a.parquet"]}


@pytest.mark.parametrize(
    "place",
    [
        "https://x.org/a.parquet",
        "hf://datasets/a/b",
        "zip://a::http://x",
        "/etc/passwd",
        "~/a",
        "../a.parquet",
        "a/../../b",
        "a\\..\\b",
    ],
)
@pytest.mark.parametrize("form", ["configs: [{{data_files: '{}'}}]", "configs: [{{data_dir: '{}', data_files: a}}]"])
def test_paths_outside_the_folder_are_refused(tmp_path, place, form):
    card(tmp_path, form.format(place))
    with pytest.raises(DatasetError, match=r"names data files outside the folder .*; only files inside the folder are read\.$"):
        read_card(tmp_path)


def bomb() -> str:
    return "\n".join(["a: &a [x, x]", *(f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefghij", "bcdefghijk", strict=True))])


@pytest.mark.parametrize(
    "block",
    [
        "a: [1, 2",
        "a: b: c",
        "\tx",
        bomb(),
        "[" * 100_000,
        "{a: " * 50_000,
        "? " * 10_000,
        "a: !!python/object/apply:os.system [exit]\nb: [",
        "x: \x07",
    ],
)
def test_broken_and_hostile_yaml_gives_a_one_line_error(tmp_path, block):
    card(tmp_path, block)
    with pytest.raises(
        DatasetError, match=r"^The YAML block of .*README\.md cannot be parsed \([^\n]*\); repair it, or remove it\.$"
    ):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "block", ["a: " + ":".join(["59"] * 200_000), "a: " + "9" * 500_000, "a: 2020-99-99", "a: !!python/name:os.x"]
)
def test_scalars_are_read_as_text(tmp_path, block):
    assert read_card(card(tmp_path, block)) == []


def test_too_large_block_is_refused(tmp_path):
    card(tmp_path, "x: " + "y" * 1_100_000)
    with pytest.raises(DatasetError, match=r"^The YAML block of .*README\.md is larger than 1,000 kB; "):
        read_card(tmp_path)


def test_expensive_patterns_are_limited(tmp_path):
    assert files_of(tmp_path, "'" + "**/" * 1000 + "*a*a*a*a*a*a*a*b'") == {"train": []}
    with pytest.raises(DatasetError, match=r"too many or too long patterns"):
        files_of(tmp_path, "'" + "**/" * 2000 + "'")
    with pytest.raises(DatasetError, match=r"too many or too long patterns"):
        files_of(tmp_path, "[" + ", ".join(["'*'"] * 1001) + "]")


def test_a_card_that_is_a_pipe_is_not_opened(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(tmp_path / CARD)
    assert read_card(tmp_path) == []
