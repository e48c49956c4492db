"""Datasets of the datasets library: in memory, and from the Hub."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curv_issues.applying import hub_files
from curv_issues.applying.apply import apply_decisions
from curv_issues.data.loading import load_data
from tests.applying.audited import audited, decide, named, tree_of
from tests.applying.test_table_files import FEATURES, NAMES, encoded, read, rows
from tests.conftest import Hub


def test_a_dataset_in_memory_becomes_a_hub_folder(tmp_path: Path) -> None:
    shuffled = rows(9).select([8, 3, 1, 4, 0, 2])  # with indices
    source = datasets.DatasetDict({"train": shuffled, "validation": rows(4, 20)})
    result = audited(source)
    decisions = [decide(result, 0, "relabel", "cat"), decide(result, 2, "remove"), decide(result, 3, "relabel", "owl")]
    applied = apply_decisions(result, decisions, tmp_path / "new", dataset=source, new_classes=True)
    assert applied.kind == "Hub dataset"
    assert set(tree_of(tmp_path / "new")) == {
        "data/train-00000-of-00001.parquet",
        "data/validation-00000-of-00001.parquet",
        "README.md",
        "changes.csv",
        "applied.json",
    }
    new = read(tmp_path / "new")
    assert (new["id"], new["label"], new["label_original"]) == ([8, 3, 4, 0, 2], [0, 0, 3, 0, 2], [2, 0, 1, 0, 2])
    assert new.features == {**FEATURES, "label": datasets.ClassLabel(names=[*NAMES, "owl"]), "label_original": FEATURES["label"]}
    assert encoded(new) == [encoded(shuffled)[row] for row in (0, 1, 3, 4, 5)]
    assert new["boxes"] == [shuffled["boxes"][row] for row in (0, 1, 3, 4, 5)]
    assert read(tmp_path / "new", "validation")["id"] == [20, 21, 22, 23]
    assert load_data(str(tmp_path / "new")).fingerprint == applied.fingerprint
    assert len(shuffled) == 6
    assert json.loads((tmp_path / "new" / "applied.json").read_text())["open_with"] == {
        "dataset": ["."],
        "options": {"split": "train", "label_column": "label"},
    }


def test_image_files_are_put_into_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = ["0.png", "1.png", str(tmp_path / "2.png")]
    for path, image in zip(paths, rows(3)["image"], strict=True):
        image.save(path)
    source = datasets.Dataset.from_dict({"image": paths, "label": ["a", "b", "a"]}).cast_column("image", datasets.Image())
    result = audited(source)
    apply_decisions(result, [decide(result, 0, "relabel", "b")], tmp_path / "new", dataset=source)
    new = read(tmp_path / "new")
    assert encoded(new) == [Path(path).read_bytes() for path in paths]
    assert (new["label"], new["label_original"]) == (["b", "b", "a"], ["a", "b", "a"])


def test_large_splits_are_written_in_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_files, "_SHARD_BYTES", 1)
    monkeypatch.setattr(hub_files, "_FIRST_ROWS", 2)
    monkeypatch.setattr(hub_files, "_MOST_ROWS", 3)
    source = rows(8)
    result = audited(source)
    apply_decisions(result, [decide(result, row, "remove") for row in (0, 1, 7)], tmp_path / "new", dataset=source)
    assert [path for path in tree_of(tmp_path / "new") if path.startswith("data/")] == [
        f"data/train-{number:05d}-of-00003.parquet" for number in range(3)
    ]
    assert read(tmp_path / "new")["id"] == [2, 3, 4, 5, 6]


def test_a_part_of_a_split_gets_its_name(tmp_path: Path) -> None:
    rows(12).to_parquet(tmp_path / "x.parquet")
    part = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "x.parquet"), split="train[:75%]", cache_dir=str(tmp_path / "cache")
    )
    assert isinstance(part, datasets.Dataset)
    result = audited(part)
    applied = apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new", dataset=part)
    assert "data/train-00000-of-00001.parquet" in tree_of(tmp_path / "new")
    assert load_data(str(tmp_path / "new")).fingerprint == applied.fingerprint
    record = json.loads((tmp_path / "new" / "applied.json").read_text())["open_with"]
    assert load_data(str(tmp_path / "new"), **record["options"]).fingerprint == applied.fingerprint
    assert hub_files._new_names(["train", "train[:10%]", "a-b", "+"]) == {
        "train": "train",
        "train[:10%]": "train2",
        "a-b": "a",
        "+": "train3",
    }


@pytest.mark.parametrize("names", [("train", "val"), ("Train", "dev"), ("train.clean", "train.other", "no")])
def test_splits_keep_their_names(names: tuple[str, ...], tmp_path: Path) -> None:
    source = datasets.DatasetDict({name: rows(3, 3 * number) for number, name in enumerate(names)})
    result = audited(source, split=names[-1])
    applied = apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new", dataset=source)
    for number, name in enumerate(names):
        assert read(tmp_path / "new", name)["id"] == [*range(3 * number, 3 * number + 3)]
    assert load_data(str(tmp_path / "new"), split=names[-1]).fingerprint == applied.fingerprint


_AUDIT = """
from pathlib import Path
from tests.applying.audited import audited, decide, save_decisions

result = audited("org/pets", config_name="small")
result.save("result")
save_decisions(Path("result/decisions.json"), [decide(result, 0, "relabel", "dog"), decide(result, 1, "remove")], result)
"""


def test_a_dataset_of_the_hub_is_opened_at_its_commit(hub: Hub, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        line = [sys.executable, *arguments]
        done = subprocess.run(line, env=hub.environment(), cwd=work, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    work = tmp_path / "work"
    for folder in (work, tmp_path / "old" / "data", tmp_path / "new" / "data"):
        folder.mkdir(parents=True)
    rows(6).to_parquet(tmp_path / "old" / "data" / "train-00000-of-00001.parquet")
    rows(3, 6).to_parquet(tmp_path / "old" / "data" / "test-00000-of-00001.parquet")
    (tmp_path / "secret.png").write_bytes(b"private")
    outside = {"id": [9], "image": [{"bytes": None, "path": str(tmp_path / "secret.png")}], "label": [0], "boxes": [[]]}
    table = pa.table(outside, schema=FEATURES.arrow_schema)
    pq.write_table(table, tmp_path / "old" / "data" / "validation-00000-of-00001.parquet")
    rows(4, 50).to_parquet(tmp_path / "new" / "data" / "train-00000-of-00001.parquet")
    for folder in ("old", "new"):
        (tmp_path / folder / "README.md").write_text("---\nconfigs:\n- config_name: small\n  data_dir: data\n---\n")
    hub.add_dataset("org/pets", tmp_path / "old")
    run("-c", _AUDIT)
    hub.add_dataset("org/pets", tmp_path / "new")
    printed = run("-m", "curv_issues", "apply", "result", "--output", "new")
    assert "1 label changed, 1 sample removed, 0 decisions not applied." in printed
    new = read(work / "new")
    assert (new["id"], new["label"], new["label_original"]) == ([0, 2, 3, 4, 5], [1, 2, 0, 1, 2], [0, 2, 0, 1, 2])
    assert read(work / "new", "test")["id"] == [6, 7, 8]
    (cell,) = pq.read_table(work / "new" / "data" / "validation-00000-of-00001.parquet").column("image").to_pylist()
    assert cell == outside["image"][0]  # files outside the dataset are not read
    assert named(load_data(str(work / "new"))) == ["dog", "fox", "cat", "dog", "fox"]
