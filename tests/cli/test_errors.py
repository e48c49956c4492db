"""Bad input: one clear line, the documented exit code, nothing written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.running import audit, check_error, command, environment, run, scores_of, summary_of
from tests.data.images import pngs, write_image_folder, write_parquet


@pytest.fixture(autouse=True)
def nothing_is_written(here: Path) -> Iterator[None]:
    yield
    assert [path.name for path in here.iterdir() if path.name != "out"] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "0"], "With --epochs 0 (epochs=0), a trained network is scored, but the probe is 'auto'"),
        (["--epochs", "-3"], "epochs must be an integer from 0 to 10000, got -3"),
        (["--batch-size", "1"], "batch_size must be an integer from 2 to 1000000, got 1"),
        (["--learning-rate", "0"], "learning_rate must be a number > 0 and <= 1e+30"),
        (["--learning-rate", "1e308"], "learning_rate must be a number > 0 and <= 1e+30, got 1e+308"),
        (["--epochs", "1000000000"], "epochs must be an integer from 0 to 10000, got 1000000000"),
        (["--learning-rate", "nan"], "learning_rate must be a number > 0 and <= 1e+30, got nan"),
        (["--learning-rate", "inf"], "learning_rate must be a number > 0 and <= 1e+30, got inf"),
        (["--resolution", "7"], "resolution must be an integer from 8 to 512, got 7"),
        (["--resolution", "1000"], "resolution must be an integer from 8 to 512, got 1000"),
        (["--curvature-epochs", "0"], "curvature_epochs must be an integer from 1 to 10000, got 0"),
        (["--num-matvecs", "0"], "num_matvecs must be an integer from 1 to 1000, got 0"),
        (["--seed", "-1"], "seed must be an integer from 0 to 4294967295, got -1"),
        (["--seed", "4294967296"], "seed must be an integer from 0"),
        (["--max-samples", "1"], "max_samples must be an integer from 2 to 1000000000, got 1"),
        (["--preset", "fast"], "Unknown preset 'fast'; choose one of: quick, standard, thorough"),
        (["--probe", "big"], "Unknown probe 'big'; choose one of: auto, convnet, resnet18, mlp"),
        (["--score", "luck"], "Unknown score 'luck'; choose one of: default, input_curvature"),
        (["--format", "xml"], "Unknown format 'xml'; choose one of: table, json, csv, md"),
        (
            ["--cut-off", "many"],
            "cut_off must be 'auto', a suspicion from 0 to 1 such as 0.95, or a fraction such as '5%', got 'many'",
        ),
        (["--cut-off", "1.5"], "got '1.5'"),
        (["--cut-off", "101%"], "got '101%'"),
        (["--cut-off", "-5%"], "got '-5%'"),
        (["--cut-off", "nan"], "got 'nan'"),
        (["--cut-off", ""], "got ''"),
    ],
)
def test_invalid_option_values(options: list[str], words: str) -> None:
    check_error(audit("no-such-dataset.parquet", *options), 2, words)  # reported before the dataset is opened


def test_invalid_device_and_source_options(pets: Path, tmp_path: Path) -> None:
    check_error(audit(pets, "--device", "abacus"), 2, "Device 'abacus' cannot be used here; try 'auto' or 'cpu'")
    check_error(audit("no/such", "--device", "abacus"), 2, "Device 'abacus'")  # reported before anything is loaded
    check_error(audit(pets, "--device", "cuda:99"), 2, "Device 'cuda:99' cannot be used here")
    check_error(audit(pets, "--revision", "main"), 2, "--revision (revision) is for datasets of the Hugging Face Hub")
    check_error(audit(pets, "--config-name", "x"), 2, "--config-name (config_name) is for Hub ids")
    check_error(audit(pets, "--split", "train["), 2, "--split 'train[' is invalid", "train[:10%]")
    check_error(audit(pets, "--split", ""), 2, "--split '' is invalid")
    check_error(run("demo", "--format", "xml"), 2, "Unknown format 'xml'")


def test_missing_files_and_urls(pets: Path, here: Path) -> None:
    for name in ("missing.parquet", "./photos", "/no/such/folder", "a/b/c"):
        check_error(audit(name), 3, f"File or folder {name} does not exist.")
    check_error(audit(pets, "missing.parquet"), 3, "File or folder missing.parquet does not exist")
    check_error(audit(""), 3, "The name of the dataset is empty")
    check_error(audit("https://example.org/cats"), 3, "got the URL https://example.org/cats")
    check_error(audit("some one/pets"), 3, "some one/pets")
    check_error(command("audit", "missing.parquet", cwd=here), 3, "File or folder missing.parquet does not exist.")


def test_sources_that_are_not_datasets(tmp_path: Path, pets: Path) -> None:
    (tmp_path / "empty").mkdir()
    check_error(audit(tmp_path / "empty"), 3, "holds no readable images and no parquet files")
    (tmp_path / "text.parquet").write_text("no parquet")
    check_error(audit(tmp_path / "text.parquet"), 3, "is not a parquet file")
    (tmp_path / "cut.parquet").write_bytes(pets.read_bytes()[:500])
    check_error(audit(tmp_path / "cut.parquet"), 3, "cut.parquet", "cannot be read")
    script = tmp_path / "scripted"
    script.mkdir()
    (script / "scripted.py").write_text("import datasets")
    check_error(audit(script), 3, "scripted")
    check_error(audit(write_parquet(tmp_path / "none.parquet", [])), 3, "none.parquet")


def test_missing_and_empty_splits(tmp_path: Path, pets: Path) -> None:
    check_error(audit(pets, "--split", "test"), 3, "has no split 'test'; its splits are train.")
    folder = tmp_path / "data"
    for split in ("dev", "test"):
        write_image_folder(folder, {"cat": 3, "dog": 3}, split=split)
    line = check_error(audit(folder), 3, "has the splits ", "--split")
    assert "test" in line
    check_error(audit(folder, "--split", "validation+train"), 3, "has no split 'train'")
    check_error(audit(pets, "--split", "train[5:5]"), 3, "is empty")
    nothing = {"image": pa.array([], pa.struct({"bytes": pa.binary(), "path": pa.string()})), "label": pa.array([], pa.int64())}
    pq.write_table(pa.table(nothing), tmp_path / "zero.parquet")
    check_error(audit(tmp_path / "zero.parquet"), 3, "zero.parquet is empty; expected images with labels")


def cifar100_like(path: Path, n: int = 12) -> Path:
    images = [{"bytes": content, "path": None} for content in pngs(n)]
    names = {"fine_label": ["rose", "pike"], "coarse_label": ["flower", "fish"]}
    features = datasets.Features({"img": datasets.Image(), **{k: datasets.ClassLabel(names=v) for k, v in names.items()}})
    columns: dict[str, Any] = {"img": images, **{name: [i % 2 for i in range(n)] for name in names}}
    datasets.Dataset.from_dict(columns, features=features).to_parquet(path)
    return path


def test_missing_and_ambiguous_columns(tmp_path: Path, pets: Path) -> None:
    data = cifar100_like(tmp_path / "c.parquet")
    check_error(
        audit(data),
        3,
        "Several columns may hold the labels: fine_label, coarse_label; choose one with --label-column fine_label or "
        "--label-column coarse_label.",
    )
    assert audit(data, "--label-column", "fine_label", "--output", "out").exit_code == 0
    assert summary_of(Path("out"))["dataset"]["classes"] == ["rose", "pike"]
    check_error(audit(pets, "--label-column", "species"), 3, "(label_column) names column 'species'", "image", "label")
    check_error(audit(pets, "--image-column", "label"), 3, "Column 'label' holds string, which cannot be read as images")
    no_labels = datasets.Dataset.from_dict({"image": [{"bytes": c, "path": None} for c in pngs(4)]})
    no_labels.to_parquet(tmp_path / "n.parquet")
    check_error(audit(tmp_path / "n.parquet"), 3, "No label column found")
    datasets.Dataset.from_dict({"label": [0, 1]}).to_parquet(tmp_path / "l.parquet")
    check_error(audit(tmp_path / "l.parquet"), 3, "No image column found")


def test_unusable_labels(tmp_path: Path) -> None:
    one = write_parquet(tmp_path / "one.parquet", ["cat"] * 6)
    check_error(audit(one), 3, "All 6 samples of", "have the label 'cat'", "at least two classes")
    fractions = write_parquet(tmp_path / "f.parquet", [0.0, 0.5, 1.0])
    check_error(audit(fractions), 3, "The label in row 1 of column 'label' of", "is 0.5, which is not a class")
    nothing = write_parquet(tmp_path / "nothing.parquet", [None, None])
    check_error(audit(nothing, "--skip-unlabelled"), 3, "None of the 2 samples has a label")


@pytest.mark.parametrize("missing", ["none", "nan", "minus one"])
def test_missing_labels(tmp_path: Path, missing: str) -> None:
    labels: list[Any] = {
        "none": ["a", None, "b", None],
        "nan": [0.0, float("nan"), 1.0, float("nan")],
        "minus one": [0, -1, 1, -1],
    }[missing]
    path = write_parquet(tmp_path / "data.parquet", labels * 5)
    if missing == "minus one":
        features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
        table = {"image": [{"bytes": c, "path": None} for c in pngs(20)], "label": labels * 5}
        datasets.Dataset.from_dict(table, features=features).to_parquet(path)
    check_error(
        audit(path), 3, "10 of 20 samples have no label in column 'label' of", "(rows 1, 3, 5, 7, 9, ...)", "--skip-unlabelled"
    )
    result = audit(path, "--skip-unlabelled", "--output", "out")
    assert result.exit_code == 0
    assert "Note: 10 samples without a label were left out." in result.stderr
    assert scores_of(Path("out"))["row"].tolist() == list(range(0, 20, 2))
    assert summary_of(Path("out"))["dataset"]["num_unlabelled"] == 10


@pytest.mark.parametrize("content", [b"", b"not an image", "cut"])
def test_broken_images(tmp_path: Path, content: bytes | str) -> None:
    folder = write_image_folder(tmp_path / "data", {"cat": 6, "dog": 6})
    broken = folder / "dog" / "1.png"
    broken.write_bytes(broken.read_bytes()[:60] if isinstance(content, str) else content)
    check_error(audit(folder), 3, "The image in row 7 (dog/1.png) of", "cannot be read", "--skip-unreadable")
    result = audit(folder, "--skip-unreadable", "--output", "out")
    assert result.exit_code == 0
    assert "Note: 1 image could not be read and was left out." in result.stderr
    assert scores_of(Path("out"))["row"].tolist() == [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11]
    (listed,) = summary_of(Path("out"))["dataset"]["unreadable"]
    assert (listed["row"], listed["path"]) == (7, "dog/1.png")
    assert listed["reason"]


HOSTILE_NAME = "\x1b[31m\u202egnp\u200f.png"


def test_names_are_escaped_on_the_terminal(tmp_path: Path) -> None:
    folder = write_image_folder(tmp_path / "data", {"cat": 6, "\x1b]0;dog\x07": 6})
    (folder / "cat" / HOSTILE_NAME).write_bytes(b"not an image")
    results = [
        audit(folder),
        audit(folder, "--skip-unreadable", "--output", f"out/\x1b[31m{HOSTILE_NAME}"),
        audit(folder, "--split", HOSTILE_NAME),
        audit(folder, "--label-column", HOSTILE_NAME),
        audit(HOSTILE_NAME),
    ]
    assert [result.exit_code for result in results] == [3, 0, 2, 3, 3]
    for result in results:
        assert not set(result.stdout + result.stderr) & {"\x1b", "\x07", "\u202e", "\u200f"}
    assert r"\x1b[31m\u202egnp\u200f.png" in results[0].stderr


def test_a_loss_that_becomes_nan(pets: Path) -> None:
    line = check_error(audit(pets, "--learning-rate", "1e30", "--epochs", "4"), 4, "The loss became ", "lower learning rate")
    assert "nan" in line or "inf" in line


def test_no_space_for_the_result(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    check_error(audit(pets), 4, "There is no space for the result in curv-issues-pets-train (No space left on device)")


def test_no_space_is_reported_before_training(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.auditing.audit.load_and_audit", lambda *_args, **_options: pytest.fail("started"))
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    check_error(audit(pets), 4, "Not enough disk space for the result in curv-issues-pets-train")


def test_line_breaks_in_names_are_removed() -> None:
    check_error(audit("./no\nsuch\nfolder"), 3, "File or folder ./no such folder does not exist.")


def test_deleted_working_directory(here: Path, pets: Path) -> None:
    gone = here / "gone"
    line = ["bash", "-c", 'rmdir "$PWD" && "$@"', "bash", sys.executable, "-m", "curv_issues", "audit", str(pets)]
    gone.mkdir()
    done = subprocess.run(line, cwd=gone, env=environment(), capture_output=True, text=True)
    check_error(done, 2, "The current folder cannot be used (No such file or directory); change to another one.")


def test_dataset_name_that_is_not_utf8(here: Path) -> None:
    line = [sys.executable, "-m", "curv_issues", "audit", b"caf\xe9.parquet"]
    done = subprocess.run(line, cwd=here, env=environment(), capture_output=True, text=True)
    check_error(done, 3, r"File or folder caf\udce9.parquet does not exist.")
