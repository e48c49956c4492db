"""URLs in place of file paths are never opened, and the messages say so."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from curv_issues.data.addresses import column_of_addresses, is_address
from curv_issues.data.loading import load_data
from curv_issues.data.objects import records_of_list, records_of_object
from curv_issues.errors import DatasetError
from tests.data.images import write_image_folder

PATHS = ("cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png")


@pytest.mark.parametrize("text", ["https://x.org/1.png", "S3://bucket/1.png", "file:///1.png", " http://x", "https:\\\\x\\1.png"])
def test_urls_are_recognised(text):
    assert is_address(text)


@pytest.mark.parametrize("text", ["cat/1.png", "C://cat/1.png", "//server/1.png", "a:b/1.png", "https:/1.png", "", None, 3])
def test_other_text_is_not_a_url(text):
    assert not is_address(text)


def test_url_column_is_found():
    assert column_of_addresses({"a": ["x", "y"], "b": ["https://x", "https://y", "z", None, ""]}) == "b"
    assert column_of_addresses({"a": ["x", "y", "https://x"], "b": [None, 1]}) is None


def write(folder: Path, *header: str, prefix: str = "https://x.org/photos/", paths: tuple[str, ...] = PATHS) -> Path:
    write_image_folder(folder, {"cat": 2, "dog": 2})
    rows = [",".join([prefix + path, *([path] if len(header) == 3 else []), path[:3]]) for path in paths]
    (folder / "labels.csv").write_text("\n".join([",".join(header), *rows]))
    return folder / "labels.csv"


@pytest.mark.parametrize("prefix", ["https://x.org/photos/", "s3://bucket/", "https://"])
@pytest.mark.parametrize("column", ["file", "url", "any"])
def test_urls_are_not_matched_by_their_file_names(tmp_path, prefix, column):
    table = write(tmp_path, column, "label", prefix=prefix)
    with pytest.raises(DatasetError) as caught:
        load_data(tmp_path, labels=table)
    assert str(caught.value) == (
        f"The cells of column {column!r} of {table} are URLs ({prefix.partition(':')[0]}://...); an audit of local files does "
        "not download them. Expected a column with the paths of the images (cat/0.png, cat/1.png, dog/0.png); add one, or choose "
        "it with --file-column (file_column)."
    )


def test_path_column_is_preferred_to_url_column(tmp_path):
    table = write(tmp_path, "image", "name", "label")
    assert len(load_data(tmp_path, labels=table)) == 4
    with pytest.raises(DatasetError, match=r"^The cells of column 'image' .* are URLs"):
        load_data(tmp_path, labels=table, file_column="image")


def test_few_urls_get_a_note(tmp_path):
    table = write(tmp_path, "file", "label", prefix="", paths=(*PATHS, "https://x.org/cat/0.png"))
    data = load_data(tmp_path, labels=table)
    assert len(data) == 4
    assert (
        f"1 of 5 cells of column 'file' of {table} are URLs (https://...); an audit of local files does not download them, so "
        "these rows have no image."
    ) in data.source.notes


@pytest.mark.parametrize("column", ["image", "url"])
def test_urls_in_data_frames_and_lists_are_refused(column):
    addresses = ["https://x.org/1.png", "https://x.org/2.png"]
    with pytest.raises(DatasetError, match=rf"^The cells of column '{column}' of the DataFrame are URLs \(https://\.\.\.\); "):
        records_of_object(pd.DataFrame({column: addresses, "label": [0, 1]}))
    with pytest.raises(DatasetError, match=r"^The list of paths holds URLs \(https://x\.org/1\.png\); expected paths of files"):
        records_of_list(addresses, [0, 1])
