"""The command `export`: what it prints, and one clear line for everything that is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from curv_issues.export import EXPORTERS
from curv_issues.export.card import render
from curv_issues.results.result import AuditResult
from tests.cli.running import audit, check_error, environment, run, tiny_parquet
from tests.export.audited import audited_photos
from tests.made_up import make_result


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export") / "photos"


@pytest.fixture(scope="module")
def folder(photos: Path) -> Path:
    return audited_photos(photos).save(photos.parent / "audit")


def test_a_folder_of_your_choice(folder: Path, here: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = run("export", folder, "--to", "datumaro", "--output", "out")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "Exported 4 of 9 samples to out.\n", "")
    assert len(list((here / "out" / "images" / "default").iterdir())) == 4
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    check_error(run("export", folder, "--to", "csv", "--output", "out"), 2, "already contains an export", "--overwrite")
    assert (
        run("export", folder, "--to", "csv", "--output", "out", "--overwrite", "--all").stdout
        == "Exported 9 of 9 samples to out.\n"
    )
    assert not (here / "out" / "images").exists()


def test_the_default_folder_is_beside_the_results(folder: Path) -> None:
    done = run("export", folder, "--to", "csv", "--kind", "duplicate_conflict")
    assert done.stdout == f"Exported 2 of 9 samples to {folder}-csv.\n"
    assert len((folder.parent / "audit-csv" / "findings.csv").read_text(encoding="utf-8").splitlines()) == 3


def test_the_default_folder_of_the_current_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert run("export", ".", "--to", "cvat", "--no-images").stdout == f"Exported 4 of 9 samples to {folder}-cvat.\n"


def test_a_card_is_printed_unless_a_folder_is_named(folder: Path, here: Path) -> None:
    result = AuditResult.load(folder)
    done = run("export", folder, "--to", "card")
    assert (done.stdout, done.stderr) == (f"{render(result)}\n", "")
    assert "| duplicate_conflict | 0 |" in run("export", folder, "--to", "card", "--kind", "label_issue").stdout
    assert list(here.iterdir()) == []
    run("export", folder, "--to", "card", "--output", "out")
    assert (here / "out" / "card.md").read_text(encoding="utf-8") == done.stdout


@pytest.mark.parametrize("option", ["--all", "--images", "--no-images", "--overwrite", "--image-root=x", "--dataset=x"])
def test_options_without_effect_on_a_card_are_refused(folder: Path, option: str) -> None:
    line = check_error(run("export", folder, "--to", "card", option), 2)
    assert f"{option.partition('=')[0]} does not apply to --to card" in line


@pytest.mark.parametrize("option", ["--images", "--dataset=x"])
def test_options_without_effect_on_a_table_are_refused(folder: Path, here: Path, option: str) -> None:
    line = check_error(run("export", folder, "--to", "csv", option, "--output", "out"), 2)
    assert f"{option.partition('=')[0]} does not apply to --to csv" in line
    assert not (here / "out").exists()


def test_an_empty_export_is_noted(tmp_path: Path, here: Path) -> None:
    audited_photos(tmp_path / "photos", flagged=(), conflict=()).save(tmp_path / "audit")
    done = run("export", tmp_path / "audit", "--to", "csv", "--output", "out")
    assert done.stdout == "Exported 0 of 9 samples to out.\n"
    assert done.stderr == "Note: There are no findings, so the export is empty; --all exports all samples.\n"


def test_options_that_do_not_fit_together(folder: Path, here: Path) -> None:
    formats = ", ".join(EXPORTERS)
    for options in ((), ("--to", "csv", "--push-to", "me/found")):
        line = check_error(run("export", folder, *options), 2)
        assert line == f"Error: Pass either --to or --push-to; the formats of --to are: {formats}."
    for options, wrong in (
        (("--to", "csv", "--public"), "--public does not apply to --to"),
        (("--push-to", "me/found", "--output", "out"), "--output does not apply to --push-to"),
        (("--push-to", "me/found", "--overwrite"), "--overwrite does not apply to --push-to"),
        (("--push-to", "me/found", "--image-root", "x"), "--image-root does not apply to --push-to"),
        (("--push-to", "me/found", "--all"), "--all does not apply to --push-to"),
        (("--to", "csv", "--image-root", "x"), "--image-root (image_root) is an address for label-studio tasks"),
        (("--to", "zip"), "Unknown format of an export 'zip'"),
        (("--to", "csv", "--kind", "fog"), "Unknown kind of finding 'fog'"),
        (("--push-to", "found"), "--push-to (repo_id) must be ORG/NAME, got 'found'"),
        (("--push-to", "me/found"), "HF_HUB_OFFLINE is set, so nothing can be uploaded"),
    ):
        check_error(run("export", folder, *options), 2, wrong)
    check_error(run("export", here / "nowhere", "--to", "csv"), 2, "does not exist")
    check_error(run("export", here, "--to", "csv"), 2, "is not a result folder")
    assert list(here.iterdir()) == []


def test_images_that_cannot_be_read_again(tmp_path: Path, here: Path) -> None:
    audited_photos(tmp_path / "photos").save(tmp_path / "audit")
    (tmp_path / "photos").rename(tmp_path / "moved")
    failed = run("export", tmp_path / "audit", "--to", "cvat", "--output", "out")
    check_error(failed, 3, "does not exist", "--dataset", "--no-images")
    assert list(here.iterdir()) == []
    done = run("export", tmp_path / "audit", "--to", "cvat", "--output", "out", "--dataset", tmp_path / "moved")
    assert done.stdout == "Exported 4 of 9 samples to out.\n"
    make_result().save(tmp_path / "old")  # as before datasets were recorded
    check_error(run("export", tmp_path / "old", "--to", "cvat"), 3, "its dataset was an object in memory")


def test_an_audit_from_the_command_line(tmp_path: Path, here: Path) -> None:
    table = tiny_parquet(tmp_path / "pets.parquet")
    assert audit(table, "--output", "audit", "--cut-off", "20%").exit_code == 0
    done = run("export", "audit", "--to", "fiftyone", "--output", "out", "-q")
    assert done.exit_code == 0, done.stderr
    labels = json.loads((here / "out" / "labels.json").read_text(encoding="utf-8"))["labels"]
    assert len(labels) == len(list((here / "out" / "data").glob("*.png"))) >= 4
    assert "curv-issues audit pets.parquet --epochs 1 --resolution 8" in run("export", "audit", "--to", "card").stdout


def test_help_and_wrong_options_import_nothing_slow(here: Path) -> None:
    script = """
import sys
from typer.testing import CliRunner
from curv_issues.cli.app import app
lines = (["export", "--help"], ["export", "x", "--to", "zip"], ["export", "x"])
codes = [CliRunner().invoke(app, line).exit_code for line in lines]
print(codes, [name for name in ("torch", "datasets", "pandas", "huggingface_hub") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], env=environment(), cwd=here, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0, 2, 2] []"
