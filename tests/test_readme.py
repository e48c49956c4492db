"""What README.md says is so."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

import curv_issues
from curv_issues import errors
from curv_issues.baselines import BASELINES
from curv_issues.cli import app
from curv_issues.config import PRESETS
from curv_issues.noise import NOISES
from curv_issues.probes import PROBES
from curv_issues.report import FORMATS
from curv_issues.result_tables import FILES
from curv_issues.trackers import SCORES
from tests.benchmarks import IS_SDIST
from tests.cli.running import run
from tests.small import make_arrays

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [(kind, code) for kind, code in re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)]
PYTHON = [code for kind, code in BLOCKS if kind == "python"]
SHELL = [line for kind, code in BLOCKS if kind == "sh" for line in code.splitlines()]


def table_after(header: str) -> list[list[str]]:
    """Cells of the rows of the table with this header."""
    rows = README.partition(header + "\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert rows, header
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


@pytest.mark.parametrize(
    ("marker", "line"), [("install", "pip install . && curv-issues demo"), ("test", "pip install '.[test]' && pytest")]
)
def test_the_two_commands(marker: str, line: str) -> None:
    """Found by CI behind their markers; each is one line."""
    (block,) = re.findall(rf"^<!-- {marker} -->\n```sh\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    assert block == line + "\n"


def audit_lines() -> list[str]:
    return [line for line in SHELL if line.startswith("curv-issues audit")]


@pytest.mark.parametrize("line", audit_lines())
def test_lines_of_the_command_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, dict[str, Any]]] = []

    def note(dataset: Any, **options: Any) -> None:
        asked.append((dataset, options))
        raise errors.DatasetError("far enough.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("curv_issues.auditing.audit", note)
    words = shlex.split(line, comments=True)[1:]
    result = run(*words)
    assert (result.exit_code, result.stderr) == (3, "Error: far enough.\n")
    ((dataset, options),) = asked
    assert dataset == words[1] or dataset == [word for word in words if word.endswith(".parquet")]
    for flag in re.findall(r"--([a-z-]+)", line):
        assert options[flag.replace("-", "_")] is not None


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("curv-issues bench")])
def test_lines_of_bench_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def note(dataset: Any, **_: Any) -> None:
        asked.append(dataset)
        raise errors.DatasetError("far enough.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("curv_issues.data.huggingface.load_data", note)
    words = shlex.split(line, comments=True)[1:]
    result = run(*words)
    assert (result.exit_code, result.stderr) == (3, "Error: far enough.\n")
    assert asked == [words[1]]


def test_the_table_of_noises() -> None:
    listed = {re.match(r"`(\w+)", row[0])[1] for row in table_after("| noise | what is planted |")}  # type: ignore[index]
    assert listed == {*NOISES, "none"}
    bench = README.partition("## Compare on your own data")[2].partition("\n## ")[0]
    assert {name for name in BASELINES if f"`{name}`" in bench} == set(BASELINES)


def test_all_kinds_of_datasets_are_shown() -> None:
    assert len(audit_lines()) >= 5
    assert app.info.name == "curv-issues"


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("python")])
def test_programs_that_are_named_exist(line: str) -> None:
    words = shlex.split(line, comments=True)
    path = words[2].replace(".", "/") + ".py" if words[1] == "-m" else words[1]
    assert (ROOT / path).is_file()


def tiny_dataset() -> datasets.Dataset:
    images, labels = make_arrays(24, 2)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    columns = {"image": [Image.fromarray(image[..., 0]) for image in images], "label": labels.tolist()}
    return datasets.Dataset.from_dict(columns, features=features)


def test_every_python_block_is_run_here() -> None:
    assert len(PYTHON) == 2
    for code in PYTHON:
        compile(code, "README.md", "exec")


def test_the_datalab_block(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = (code for code in PYTHON if "Datalab" in code)
    assert code.count('{"curvature": {}, "duplicate_conflict": {}}') == 1
    names: dict[str, Any] = {"data": tiny_dataset()}
    exec(compile(code.replace('{"curvature": {}', '{"curvature": {"epochs": 1}'), "README.md", "exec"), names)
    issues = names["lab"].get_issues("curvature")
    assert len(issues) == 24
    assert {"is_curvature_issue", "curvature_score"} < set(issues.columns)
    assert issues["curvature_score"].between(0, 1).all()
    issues = names["lab"].get_issues("duplicate_conflict")
    assert {"is_duplicate_conflict_issue", "duplicate_conflict_sets"} < set(issues.columns)
    assert "curvature" in capsys.readouterr().out


def test_the_python_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (picture, label) in enumerate(zip(*(tiny_dataset()[name] for name in ("image", "label")), strict=True)):
        folder = tmp_path / "photos" / ("cat", "dog")[label]
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{number}.png")
    for split in ("train", "test"):
        shutil.copytree(tmp_path / "photos", tmp_path / "shots" / split)
    monkeypatch.chdir(tmp_path)
    (code,) = (code for code in PYTHON if "Datalab" not in code)
    assert code.count('"./photos", seed=0') == 1
    names: dict[str, Any] = {}
    exec(compile(code.replace("seed=0", "seed=0, epochs=1"), "README.md", "exec"), names)
    result, again = names["result"], names["again"]
    assert len(result) == len(again) == 24
    assert (tmp_path / "photos-audit" / "summary.json").is_file()
    np.testing.assert_array_equal(again.scores["suspicion"], result.scores["suspicion"])
    assert again.summary["options"]["cut_off"] == "2%"
    assert 0.9 <= names["same"].threshold <= 1
    assert set(names["same"].pairs[["first", "second"]].to_numpy().ravel()) <= set(range(24))
    assert set(zip(names["overlap"]["row"], names["overlap"]["other_row"], strict=True)) >= {(row, row) for row in range(24)}
    shown = re.search(r"^result\.findings  # DataFrame: (.*), \.\.\. most suspect first$", code, flags=re.MULTILINE)
    assert shown is not None
    assert set(shown[1].split(", ")) <= set(result.findings.columns)


def test_names_of_the_package_exist() -> None:
    named = set(re.findall(r"\bcurv_issues\.([A-Za-z_]+)", README))
    assert named
    assert named <= set(curv_issues.__all__)


def test_the_table_of_scores() -> None:
    rows = table_after("| score | suspect | what it is |")
    listed = {}
    for names, suspect, _ in rows:
        found = re.findall(r"`(\w+)`", names)
        directions = suspect.split(", ")
        assert len(directions) in (1, len(found))
        listed.update(dict(zip(found, directions * (len(found) if len(directions) == 1 else 1), strict=True)))
    assert listed == {name: info.direction for name, info in SCORES.items()}


def test_the_table_of_noise() -> None:
    listed = {
        name for cell, _ in table_after("| function | what it plants |") for name in re.findall(r"`curv_issues\.(\w+)`", cell)
    }
    modules = {info.target.partition(":")[0] for info in NOISES.values()}
    public = {name for name, target in curv_issues._LAZY.items() if target.partition(":")[0] in modules}
    assert listed | {"long_tailed"} == public
    assert len(public) == len(NOISES)


def test_the_table_of_exit_codes() -> None:
    kinds = [errors.UsageError, errors.DatasetError, errors.AuditError, errors.AuditInterrupted]
    listed = [int(code) for code, _ in table_after("| code | meaning |")]
    assert listed == [0, *(kind.exit_code for kind in kinds)]


def test_the_table_of_files() -> None:
    listed = [name for files, _ in table_after("| file | content |") for name in re.findall(r"`([\w.]+)`", files)]
    assert sorted(listed) == sorted(FILES)


def test_choices_of_options() -> None:
    cells = " ".join(row[0] for row in table_after("| option | meaning |")).replace("\\|", "|")
    for option, table in (("--preset", PRESETS), ("--probe", PROBES), ("--format", FORMATS)):
        assert f"{option} {'|'.join(table)}" in cells


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith(("http:", "https:", "#"))]
    assert links
    left_out = {"benchmarks/results"} if IS_SDIST else set()
    assert [link for link in links if link not in left_out and not (ROOT / link).exists()] == []
