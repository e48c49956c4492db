from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

import curv_issues.results.result
from curv_issues.errors import AuditError, UsageError
from curv_issues.results import folder as storage
from curv_issues.results.folder import check_output, check_space, is_result
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import FILES, TABLES
from tests.made_up import WRITTEN, make_result

ROOT = Path(__file__).parents[2]


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Return every file and folder below a folder, also hidden ones, with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def message_of(error_type: type[Exception], call, folder: Path) -> str:
    with pytest.raises(error_type) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(folder), "DIR")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder with a result and a file of the user."""
    folder = make_result(names=("old", "older")).save(tmp_path / "out")
    (folder / "notes.txt").write_text("keep me")
    return folder


class TestOverwriting:
    def test_existing_result_is_not_overwritten_by_default(self, old: Path) -> None:
        before = snapshot(old)
        expected = (
            "The output folder DIR already contains a result; choose another folder, or replace it with --overwrite "
            "(overwrite=True)."
        )
        assert message_of(UsageError, lambda: make_result().save(old), old) == expected
        assert message_of(UsageError, lambda: check_output(old, overwrite=False), old) == expected
        assert snapshot(old) == before

    def test_only_the_result_is_replaced(self, old: Path) -> None:
        check_output(old, overwrite=True)
        make_result(contact_sheet=None).save(old, overwrite=True)
        assert AuditResult.load(old).class_names == ("dog", "cat", "bird")
        assert AuditResult.load(old).contact_sheet is None
        assert (old / "notes.txt").read_text() == "keep me"
        assert set(snapshot(old)) == {*WRITTEN, "notes.txt"} - {"findings.png"}

    def test_other_files_in_the_folder_are_kept(self, tmp_path: Path) -> None:
        (tmp_path / "photo.png").write_bytes(b"mine")
        check_output(tmp_path, overwrite=False)
        make_result().save(tmp_path)
        assert set(snapshot(tmp_path)) == {*WRITTEN, "photo.png"}
        assert (tmp_path / "photo.png").read_bytes() == b"mine"

    @pytest.mark.parametrize("overwrite", [False, True])
    @pytest.mark.parametrize("name", ["summary.json", "embeddings.npy", "scores.parquet"])
    def test_foreign_files_with_result_names_are_never_replaced(self, tmp_path: Path, name: str, overwrite: bool) -> None:
        (tmp_path / name).write_text('{"schema_version": 1}')
        expected = (
            f"The output folder DIR contains {name} but no result of curv-issues; nothing was overwritten. "
            "Move the files away or choose another folder."
        )
        assert message_of(UsageError, lambda: check_output(tmp_path, overwrite=overwrite), tmp_path) == expected
        assert message_of(UsageError, lambda: make_result().save(tmp_path, overwrite=overwrite), tmp_path) == expected
        assert snapshot(tmp_path) == {name: b'{"schema_version": 1}'}

    def test_is_result(self, old: Path, tmp_path: Path) -> None:
        assert is_result(old)
        assert not is_result(tmp_path)
        assert not is_result(tmp_path / "missing")
        (old / "scores.parquet").unlink()
        assert not is_result(old)


class TestFailures:
    """A failure while saving leaves the folder unchanged and gives a one-line error."""

    @pytest.fixture(params=["old result", "no folder"])
    def target(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        if request.param == "no folder":
            return tmp_path / "parent" / "out"
        return request.getfixturevalue("old")

    @pytest.mark.parametrize("call", range(4))
    def test_no_space_for_a_table(self, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
        before, calls, write_table = snapshot(tmp_path), [], pq.write_table

        def full(table, file):
            calls.append(file)
            if len(calls) > call:
                file.write(b"half")
                raise OSError(errno.ENOSPC, "No space left on device")
            write_table(table, file)

        monkeypatch.setattr(pq, "write_table", full)
        message = message_of(AuditError, lambda: make_result().save(target, overwrite=True), target)
        assert message == "There is no space for the result in DIR (No space left on device); nothing was written."
        assert len(calls) == call + 1
        assert snapshot(tmp_path) == before

    def test_error_without_errno(self, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = snapshot(tmp_path)

        def short(*_, **__):
            raise OSError("240 requested and\n 0 written")  # the error of numpy on a full disk

        monkeypatch.setattr(np, "save", short)
        message = message_of(AuditError, lambda: make_result().save(target, overwrite=True), target)
        assert message == "The result could not be written to DIR (240 requested and 0 written); nothing was written."
        assert snapshot(tmp_path) == before

    def test_folder_that_becomes_read_only(self, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = snapshot(tmp_path)

        def forbidden(*_, **__):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Path, "mkdir", forbidden)
        message = message_of(UsageError, lambda: make_result().save(target, overwrite=True), target)
        assert message == "The output folder DIR is not writable (Permission denied); nothing was written."
        assert snapshot(tmp_path) == before

    def test_ctrl_c_while_writing(self, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = snapshot(tmp_path)

        def interrupted(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(np, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_result().save(target, overwrite=True)
        assert snapshot(tmp_path) == before

    def test_no_space_at_the_end(self, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = snapshot(tmp_path)

        def late(_):
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

        monkeypatch.setattr(storage.os, "fsync", late)
        message = message_of(AuditError, lambda: make_result().save(target, overwrite=True), target)
        assert message == "There is no space for the result in DIR (Disk quota exceeded); nothing was written."
        assert snapshot(tmp_path) == before

    def test_folder_with_new_foreign_files_is_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def meanwhile(*_, **__):
            (tmp_path / "new" / "other.txt").write_text("mine")
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(np, "save", meanwhile)
        with pytest.raises(AuditError, match="There is no space"):
            make_result().save(tmp_path / "new" / "out")
        assert snapshot(tmp_path) == {"new": None, "new/other.txt": b"mine"}

    @pytest.mark.skipif(sys.platform == "win32", reason="needs setrlimit")
    def test_file_size_limit_of_the_system(self, old: Path, tmp_path: Path) -> None:
        before = snapshot(tmp_path)
        program = (
            "import resource, sys\n"
            "from curv_issues.errors import AuditError\n"
            "from tests.made_up import make_result\n"
            "result = make_result(n=20_000)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
            "try:\n"
            "    result.save(sys.argv[1], overwrite=True)\n"
            "except AuditError as error:\n"
            "    sys.exit(str(error))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(old)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 1
        assert done.stderr == f"There is no space for the result in {old} (File too large); nothing was written.\n"
        assert snapshot(tmp_path) == before


class TestCheckOutput:
    def test_leaves_nothing_behind(self, tmp_path: Path) -> None:
        check_output(tmp_path / "a" / "b", overwrite=False)
        check_output(str(tmp_path), overwrite=True)
        assert snapshot(tmp_path) == {}

    def test_relative_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        check_output("out", overwrite=False)
        assert make_result().save("out/deep") == Path("out/deep")
        assert is_result(tmp_path / "out" / "deep")

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("x")
        expected = "The output DIR/out is a file; expected a folder, which need not exist."
        assert message_of(UsageError, lambda: check_output(tmp_path / "out", overwrite=True), tmp_path) == expected
        assert message_of(UsageError, lambda: make_result().save(tmp_path / "out"), tmp_path) == expected

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        message = message_of(UsageError, lambda: check_output(tmp_path / "file" / "out", overwrite=False), tmp_path)
        assert message == "The output folder DIR/file/out is not writable (Not a directory); choose another."

    @pytest.mark.skipif(sys.platform == "win32", reason="other limits")
    def test_a_name_too_long(self, tmp_path: Path) -> None:
        folder = tmp_path / ("x" * 300)
        message = message_of(UsageError, lambda: check_output(folder, overwrite=False), folder)
        assert message == "The output folder DIR cannot be used (File name too long); choose another."

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a read-only file system")
    def test_read_only_file_system(self) -> None:
        with pytest.raises(UsageError, match=r"^The output folder /proc/out is not writable \(.+\); choose another\.$"):
            check_output("/proc/out", overwrite=False)

    def test_not_writable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def forbidden(**_):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(tempfile, "TemporaryFile", forbidden)
        message = message_of(UsageError, lambda: check_output(tmp_path / "new" / "x", overwrite=False), tmp_path)
        assert message == "The output folder DIR/new/x is not writable (Permission denied); choose another."
        assert snapshot(tmp_path) == {}

    @pytest.mark.parametrize("inside", [".", "sub", "sub/../sub/deep"])
    def test_within_the_dataset(self, tmp_path: Path, inside: str) -> None:
        with pytest.raises(UsageError) as error:
            check_output(tmp_path / inside, overwrite=False, sources=["org/hub-id", tmp_path])
        assert str(error.value) == (
            f"The output folder {tmp_path / inside} is inside the dataset {tmp_path}, so its files would become part of "
            "the dataset; choose a folder elsewhere with --output."
        )

    def test_beside_the_dataset(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "train.parquet").write_bytes(b"")
        sources = [tmp_path / "data", tmp_path / "train.parquet", tmp_path / "missing"]
        check_output(tmp_path / "data-audit", overwrite=False, sources=sources)


def test_check_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def usage(path):
        asked.append(Path(path))
        return SimpleNamespace(free=2_000_000)

    monkeypatch.setattr(storage.shutil, "disk_usage", usage)
    check_space(tmp_path / "a" / "b", 2_000_000)
    assert asked == [tmp_path]
    message = message_of(AuditError, lambda: check_space(tmp_path / "a", 3_500_000_000), tmp_path)
    assert message == (
        "Not enough disk space for the result in DIR/a: about 3,500 MB needed, 2 MB free; free some space or choose another folder."
    )


def test_every_table_has_a_file_and_a_field_of_the_result() -> None:
    result = make_result()
    assert set(TABLES) == set(result.tables)
    assert all(getattr(result, name) is table for name, table in result.tables.items())
    assert set(TABLES) <= set(dir(result))
    assert set(FILES) >= {f"{name}.parquet" for name in (*TABLES, "scores", "findings", "images", "trajectories")}
    documented = curv_issues.results.result.__doc__ or ""
    assert [name for name in FILES if f"\n    {name}" not in documented] == []
