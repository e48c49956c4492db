"""The Python code in README.md and docs/ runs, and shows what it says."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

import curv_issues
from curv_issues.report import FORMATS
from curv_issues.results.kinds import KINDS
from curv_issues.results.tables import ALL_TABLES
from tests.documents import (
    DOCS,
    DOCUMENTS,
    GUIDE,
    README,
    RUN,
    blocks,
    name_of,
    text_of,
)
from tests.small import make_arrays


def tiny_dataset() -> datasets.Dataset:
    images, labels = make_arrays(24, 2)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    columns = {"image": [Image.fromarray(image[..., 0]) for image in images], "label": labels.tolist()}
    return datasets.Dataset.from_dict(columns, features=features)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of class folders, and one with two splits of the same images."""
    for number, (image, label) in enumerate(zip(*(tiny_dataset()[name] for name in ("image", "label")), strict=True)):
        folder = tmp_path / "photos" / ("cat", "dog")[label]
        folder.mkdir(parents=True, exist_ok=True)
        image.save(folder / f"{number}.png")
    for split in ("train", "test"):
        shutil.copytree(tmp_path / "photos", tmp_path / "shots" / split)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def run_blocks(page: Path, here: Path) -> dict[str, Any]:
    """Run the Python blocks of a page one after another; a block that begins with `# NAME.py` is written to that file."""
    names: dict[str, Any] = {"data": tiny_dataset()}
    for code in blocks(page, "python"):
        if named := re.match(r"# (\w+\.py)\n", code):
            (here / named[1]).write_text(code, encoding="utf-8")
            continue
        code = re.sub(r'(audit\("\./photos", seed=0)\)', r"\1, epochs=1)", code)  # the rest of the 40 epochs shows nothing more
        code = code.replace('{"curvature": {}', '{"curvature": {"epochs": 1}')
        exec(compile(code, name_of(page), "exec"), names)
    return names


CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {}


def checks(page: Path) -> Callable[[Callable[[dict[str, Any]], None]], None]:
    """Register what must hold after the blocks of a page have run."""

    def register(check: Callable[[dict[str, Any]], None]) -> None:
        CHECKS[name_of(page)] = check

    return register


@checks(README)
def _readme(names: dict[str, Any]) -> None:
    assert len(names["result"]) == len(names["again"]) == 24
    assert names["again"].summary["options"]["precision"] == 0.9
    assert Path("photos-audit", "summary.json").is_file()
    assert len(names["lab"].get_issues("curvature")) == 24


@checks(GUIDE / "python.md")
def _python(names: dict[str, Any]) -> None:
    result, again = names["result"], names["again"]
    np.testing.assert_array_equal(again.scores["suspicion"], result.scores["suspicion"])
    assert again.summary["options"]["cut_off"] == "2%"
    assert 0.9 <= names["same"].threshold <= 1
    assert set(names["same"].pairs[["first", "second"]].to_numpy().ravel()) <= set(range(24))
    assert set(names["found"].groups["row"]) <= set(range(24))
    assert set(names["copies"]["row"]) == set(range(24))
    found = set(zip(names["leakage"]["row"], names["leakage"]["other_row"], strict=True))
    assert found >= {(row, row) for row in range(24)}


@checks(GUIDE / "gate.md")
def _gate(names: dict[str, Any]) -> None:
    gate, difference = names["gate"], names["difference"]
    assert not gate.passed
    assert len(gate.new_findings) == len(difference.new_findings) >= 6
    assert len(difference.added_samples) == len(difference.removed_samples) == 0


@checks(GUIDE / "report.md")
def _report(names: dict[str, Any]) -> None:
    assert names["decided"].scores.set_index("row")["p_wrong"][names["sample"]["row"]] == 0
    assert b'"action":"keep"' in Path("report.html").read_bytes()


@checks(GUIDE / "apply.md")
def _apply(names: dict[str, Any]) -> None:
    applied, tried = names["applied"], names["tried"]
    assert (tried.output, applied.output) == (None, Path("photos-fixed").absolute())
    assert applied.changes["label"].tolist() == tried.changes["label"].tolist() == ["dog"]
    assert applied.counts == {"relabelled": 1, "removed": 0, "not_applied": 0}


@checks(GUIDE / "features.md")
def _features(names: dict[str, Any]) -> None:
    assert len(names["result"]) == 1797
    assert names["is_flipped"][names["ranked"][:89]].mean() > 0.9
    assert names["data"].features.shape == (1797, 64)
    np.testing.assert_array_equal(names["same"].scores["suspicion"], names["result"].scores["suspicion"])


@checks(GUIDE / "backbones.md")
def _backbones(names: dict[str, Any]) -> None:
    dataset = names["result"].summary["dataset"]
    assert dataset["backbone"].startswith("Sequential (torch ")
    assert (dataset["n"], dataset["num_features"]) == (24, 64)


@checks(GUIDE / "watch.md")
def _watch(names: dict[str, Any]) -> None:
    result, is_flipped = names["result"], names["is_flipped"]
    assert {"margin", "input_curvature", "final_loss"} <= set(result.score_names)
    assert is_flipped[result.scores["suspicion"].to_numpy().argsort()[::-1][:89]].mean() > 0.8


@checks(GUIDE / "datalab.md")
def _datalab(names: dict[str, Any]) -> None:
    issues = names["lab"].get_issues("curvature")
    assert {"is_curvature_issue", "curvature_score"} < set(issues.columns)
    assert issues["curvature_score"].between(0, 1).all()
    assert len(names["table"].get_issues("curvature")) == 1797
    issues = names["lab"].get_issues("duplicate_conflict")
    assert {"is_duplicate_conflict_issue", "duplicate_conflict_sets"} < set(issues.columns)


@checks(DOCS / "extend.md")
def _extend(names: dict[str, Any]) -> None:
    scored, linear = names["result"], names["linear"]
    assert scored.scores["entropy"].between(0, np.log(2) + 1e-6).all()
    assert scored.summary["ranking"]["score"] == "entropy"
    assert linear.embeddings.shape == (24, 32**2)  # grey, at the resolution of thumbnails
    assert names["text"].splitlines() == [str(row) for row in scored.findings["row"].head(3)]
    assert names["with_small"].summary["num_findings"]["small_class"] == 24
    assert names["with_small"].findings["kind"].value_counts()["small_class"] == 24
    assert names["data"].class_names == ("horizontal", "vertical")
    assert len(names["data"]) == 24


def test_every_page_with_code_is_run() -> None:
    assert {name_of(path) for path in RUN} == set(CHECKS)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_code(page: Path, here: Path) -> None:
    formats, kinds, modules = dict(FORMATS), dict(KINDS), set(sys.modules)
    try:
        CHECKS[name_of(page)](run_blocks(page, here))
    finally:
        FORMATS.clear()
        FORMATS.update(formats)
        KINDS.clear()
        KINDS.update(kinds)
        for path in here.glob("*.py"):
            if path.stem not in modules:
                sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_columns_in_comments_exist(page: Path) -> None:
    pattern = r"^result\.findings  # DataFrame: (.*), \.\.\. most suspect first$"
    for listed in re.findall(pattern, text_of(page), flags=re.MULTILINE):
        assert set(listed.split(", ")) <= set(ALL_TABLES["findings"].columns)


def test_names_of_the_package_exist() -> None:
    named = {name for path in DOCUMENTS for name in re.findall(r"`curv_issues\.([A-Za-z_]+)", text_of(path))}
    assert named
    assert {name for name in named if not hasattr(curv_issues, name)} == set()
