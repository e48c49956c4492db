from __future__ import annotations

import pytest

from curv_issues.data.archives import is_archive_name
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError
from tests.data.images import pngs, write_image_folder


@pytest.mark.parametrize(
    "name",
    [
        *("a.zip", "A.ZIP", "a.tar", "a.tar.gz", "a.tgz", "a.txz", "a.tar.zst", "a.7z", "a.rar", "a.z01", "a.zip.001", "a.7z.002"),
        *("train-images-idx3-ubyte.gz", "1.png.gz", "csv.gz", "photos.csv.tar.gz"),
    ],
)
def test_archive_names(name):
    assert is_archive_name(name)


@pytest.mark.parametrize("name", ["labels.csv.gz", "scan.nii.gz", "a.json.xz", "zip", ".zip", "a.npz", "a.zip.txt", "1.png"])
def test_other_names_are_not_archives(name):
    assert not is_archive_name(name)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.7z", "a.rar", "download"])
def test_archives_beside_images_are_reported(tmp_path, name):
    content = b"PK\x03\x04"
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "1.png").write_bytes(pngs(1)[0])
    (tmp_path / "one" / name).write_bytes(content)
    with pytest.raises(DatasetError, match=rf"has 1 image, .* There is an archive \({name}\), which is not read; unpack it"):
        load_data(tmp_path / "one")
    (write_image_folder(tmp_path / "classes", {"cat": 1, "dog": 1}) / name).write_bytes(content)
    assert load_data(tmp_path / "classes").source.notes == (
        f"1 archive was left out ({name}); if it holds images of the dataset, unpack it.",
    )
