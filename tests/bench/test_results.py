from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from curv_issues.bench.results import cell_path, check_folder, read_cell, remove_cells, set_aside, write_cell, write_text
from curv_issues.errors import AuditError, UsageError
from tests.bench.cells import make_cell

CONFIGURATION = {"noise": "file:/data/labels.parquet:worst", "seed": 2, "n": 10}


def test_file_names_hold_noise_seed_and_configuration(tmp_path: Path) -> None:
    path = cell_path(tmp_path, CONFIGURATION)
    assert path.parent == tmp_path / "cells"
    assert path.name.startswith("file-data-labels.parquet-worst-seed2-")
    assert cell_path(tmp_path, {**CONFIGURATION, "n": 11}) != path
    assert cell_path(tmp_path, dict(reversed(CONFIGURATION.items()))) == path


def damage(path: Path, kind: str) -> None:
    """Replace the file of a cell."""
    whole = path.read_bytes()
    path.unlink()
    if kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "wrong types":
        path.write_text(whole.decode().replace('"n": 200', '"n": "many"'))
    elif kind == "another version":
        path.write_text(whole.decode().replace('"schema_version": 2', '"schema_version": 1'))
    elif kind == "binary":
        path.write_bytes(bytes(range(256)))
    elif kind == "nested":
        path.write_text("[" * 100_000)
    elif kind == "no object":
        path.write_text("[]")
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)


DAMAGES = ("truncated", "wrong types", "another version", "binary", "nested", "no object", "a folder", "a pipe")


@pytest.mark.parametrize("kind", DAMAGES)
def test_only_complete_cells_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cells" / "cell.json"
    assert read_cell(path) is None
    cell = make_cell()
    write_cell(path, cell)
    assert read_cell(path) == json.loads(json.dumps(cell))
    assert [file.name for file in path.parent.iterdir()] == ["cell.json"]
    damage(path, kind)
    assert read_cell(path) is None
    assert set_aside(path).name == "cell.json.damaged"
    write_cell(path, cell)
    assert set_aside(path).name == "cell.json.damaged2"  # nothing is overwritten


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "file", "old")
    monkeypatch.setattr("curv_issues.results.atomic_files.os.fsync", full_disk)
    with pytest.raises(AuditError, match=r"file cannot be written \(No space left on device\)\. Finished cells are kept"):
        write_text(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def full_disk(_file: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_folder_with_results_is_refused(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", resume=False, overwrite=False)
    write_text(cell_path(tmp_path / "new", CONFIGURATION), "{}")
    with pytest.raises(UsageError) as caught:
        check_folder(tmp_path / "new", resume=False, overwrite=False)
    assert str(caught.value) == (
        f"The folder {tmp_path / 'new'} already contains results of a benchmark; add --resume to run only the missing cells or "
        "--overwrite to replace all cells, or choose another folder with --output."
    )
    check_folder(tmp_path / "new", resume=True, overwrite=False)
    check_folder(tmp_path / "new", resume=False, overwrite=True)
    with pytest.raises(UsageError, match="--resume keeps finished cells and --overwrite replaces them"):
        check_folder(tmp_path / "new", resume=True, overwrite=True)
    remove_cells(tmp_path / "new")
    check_folder(tmp_path / "new", resume=False, overwrite=False)


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"The output folder .*file is not writable \((File exists|Not a directory)\)"):
        check_folder(tmp_path / "file", resume=False, overwrite=False)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cells").write_text("")
    with pytest.raises(UsageError, match=r"The output folder .*cells is not writable"):
        check_folder(tmp_path / "out", resume=False, overwrite=False)
