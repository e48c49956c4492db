from __future__ import annotations

import json
from pathlib import Path

import pytest

from curv_issues.bench.results import cell_path, check_folder, read_cell, remove_cells, write_text
from curv_issues.errors import UsageError
from tests.bench.cells import make_cell

CONFIGURATION = {"noise": "file:/data/labels.parquet:worst", "seed": 2, "n": 10}


def test_names_tell_noise_seed_and_configuration(tmp_path: Path) -> None:
    path = cell_path(tmp_path, CONFIGURATION)
    assert path.parent == tmp_path / "cells"
    assert path.name.startswith("file-data-labels.parquet-worst-seed2-")
    assert cell_path(tmp_path, {**CONFIGURATION, "n": 11}) != path
    assert cell_path(tmp_path, dict(reversed(CONFIGURATION.items()))) == path


def test_only_whole_cells_are_read(tmp_path: Path) -> None:
    path = tmp_path / "cell.json"
    assert read_cell(path) is None
    write_text(path, json.dumps(make_cell()))
    assert read_cell(path) == json.loads(json.dumps(make_cell()))
    assert [file.name for file in tmp_path.iterdir()] == ["cell.json"]
    for text in ("{", "[]", json.dumps({"schema_version": 99})):
        path.write_text(text)
        assert read_cell(path) is None


def test_a_folder_with_results_is_refused(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", resume=False, overwrite=False)
    write_text(cell_path(tmp_path / "new", CONFIGURATION), "{}")
    with pytest.raises(UsageError) as caught:
        check_folder(tmp_path / "new", resume=False, overwrite=False)
    assert str(caught.value) == (
        f"The folder {tmp_path / 'new'} holds results of a benchmark already; add --resume to run only the missing cells, "
        "--overwrite to replace them, or choose another with --output."
    )
    check_folder(tmp_path / "new", resume=True, overwrite=False)
    check_folder(tmp_path / "new", resume=False, overwrite=True)
    with pytest.raises(UsageError, match="--resume and --overwrite do not go together"):
        check_folder(tmp_path / "new", resume=True, overwrite=True)
    remove_cells(tmp_path / "new")
    check_folder(tmp_path / "new", resume=False, overwrite=False)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"The output folder .*file is not writable \((File exists|Not a directory)\)"):
        check_folder(tmp_path / "file", resume=False, overwrite=False)
