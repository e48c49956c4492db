from __future__ import annotations

import io
import tarfile
from pathlib import Path

import datasets
import huggingface_hub.utils
import pytest

from curv_issues.data import loading, webdataset
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError
from tests.data.images import pngs


def write_tar(path: Path, start: int, labels: list[int]) -> None:
    with tarfile.open(path, "w") as tar:
        for number, label in enumerate(labels):
            for name, content in ((f"{number}.png", pngs(start + number + 1)[-1]), (f"{number}.cls", str(label).encode())):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def test_tar_files_and_their_splits(tmp_path):
    write_tar(tmp_path / "train-000000.tar", 0, [0, 1, 0])
    write_tar(tmp_path / "train-000001.tar", 3, [1])
    write_tar(tmp_path / "test-000000.tar", 4, [1, 0])
    data = load_data(tmp_path, label_column="cls")
    assert (data.source.split, data.labels.tolist()) == ("train", [0, 1, 0, 1])
    assert data.source.files.by_reason() == {"in another split (test)": ["test-000000.tar"]}
    assert load_data(tmp_path, split="test", label_column="cls").labels.tolist() == [1, 0]


def test_path_that_looks_like_a_url_is_refused(tmp_path):
    folder = tmp_path / "a::http:"
    folder.mkdir()
    write_tar(folder / "a.tar", 0, [0, 1])
    with pytest.raises(DatasetError, match=r"the path of a tar file contains '::'; rename it\.$"):
        load_data(folder, label_column="cls")


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("progress", [None, lambda done, total: None])
def test_progress_bars_need_a_terminal_and_progress(tmp_path, monkeypatch, terminal, progress):
    write_tar(tmp_path / "a.tar", 0, [0, 1])
    shown, real = [], datasets.load_dataset

    def watch(*arguments, **options):
        bars = [datasets.utils.are_progress_bars_disabled(), huggingface_hub.utils.are_progress_bars_disabled()]
        shown.append([not disabled for disabled in bars])
        return real(*arguments, **options)

    monkeypatch.setattr(webdataset.datasets, "load_dataset", watch)
    monkeypatch.setattr(loading.sys.stderr, "isatty", lambda: terminal)
    load_data(tmp_path, label_column="cls", progress=progress)
    assert shown == [[terminal and progress is not None] * 2]


def test_class_folders_in_a_tar_file_give_advice_to_unpack(tmp_path):
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        for name in ("cat/1.png", "dog/2.png"):
            member = tarfile.TarInfo(name)
            member.size = len(pngs(1)[0])
            tar.addfile(member, io.BytesIO(pngs(1)[0]))
    with pytest.raises(DatasetError, match=r"\(photos\.tar\) hold images without labels; .* class folders, unpack them"):
        load_data(tmp_path)
