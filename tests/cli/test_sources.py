from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
from PIL import Image

from tests.cli.running import TINY, audit, check_error, command, scores_of, strict_json, summary_of, tiny_parquet
from tests.conftest import Hub
from tests.data.images import write_image_folder
from tests.small import make_arrays


def small_dataset(n: int) -> datasets.Dataset:
    images, labels = make_arrays(n, 2)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["zebra", "ape"])})
    columns = {"image": [Image.fromarray(image[..., 0]) for image in images], "label": labels.tolist()}
    return datasets.Dataset.from_dict(columns, features=features)


def image_folder(folder: Path) -> list[Path]:
    return [write_image_folder(folder, {"cat": 10, "dog": 8})]


def image_folder_with_splits(folder: Path) -> list[Path]:
    write_image_folder(folder, {"cat": 10, "dog": 8}, split="train")
    return [write_image_folder(folder, {"cat": 3, "dog": 3}, split="test")]


def like_a_hub_dataset(folder: Path) -> list[Path]:
    tiny_parquet(folder / "data" / "train-00000-of-00001.parquet", n=18)
    tiny_parquet(folder / "data" / "test-00000-of-00001.parquet", n=6)
    return [folder]


def one_parquet(folder: Path) -> list[Path]:
    return [tiny_parquet(folder / "one.parquet", n=18)]


def several_parquet(folder: Path) -> list[Path]:
    return [tiny_parquet(folder / "a.parquet", n=10), tiny_parquet(folder / "b.parquet", n=8)]


def saved_dataset(folder: Path) -> list[Path]:
    small_dataset(18).save_to_disk(folder)
    return [folder]


def saved_splits(folder: Path) -> list[Path]:
    datasets.DatasetDict({"train": small_dataset(18), "test": small_dataset(6)}).save_to_disk(folder)
    return [folder]


KINDS = [image_folder, image_folder_with_splits, like_a_hub_dataset, one_parquet, several_parquet, saved_dataset, saved_splits]


@pytest.mark.parametrize("make", KINDS)
def test_local_sources(make: Callable[[Path], list[Path]], tmp_path: Path) -> None:
    given = make(tmp_path / "source")
    result = audit(*given, "--output", "out")
    assert result.exit_code == 0, result.stderr
    scores = scores_of(Path("out"))
    assert scores["row"].tolist() == list(range(18))
    assert scores["path"].notna().all() == (make in (image_folder, image_folder_with_splits))
    dataset = summary_of(Path("out"))["dataset"]
    assert dataset["n"] == 18
    assert dataset["source"].startswith(str(given[0]))
    assert dataset["revision"] is None
    assert (dataset["image_column"], dataset["label_column"]) == ("image", "label")
    assert dataset["classes"] == (["zebra", "ape"] if make in (saved_dataset, saved_splits) else ["cat", "dog"])


@pytest.mark.parametrize("make", [image_folder_with_splits, like_a_hub_dataset, saved_splits])
def test_rows_are_numbered_across_the_split_expression(make: Callable[[Path], list[Path]], tmp_path: Path) -> None:
    result = audit(*make(tmp_path / "source"), "--split", "test+train[:50%]", "--output", "out")
    assert result.exit_code == 0, result.stderr
    scores = scores_of(Path("out"))
    assert scores["row"].tolist() == list(range(15))
    assert scores["split"].tolist() == ["test"] * 6 + ["train"] * 9
    assert summary_of(Path("out"))["dataset"]["split"] == "test+train[:50%]"


def test_hub_dataset(hub: Hub, tmp_path: Path, here: Path) -> None:
    """The main use case, complete and in a separate process."""
    folder = like_a_hub_dataset(tmp_path / "repository")[0]
    commit = hub.add_dataset("someone/pets", folder)
    done = command("audit", "someone/pets", *TINY, "--format", "json", cwd=here, env=hub.environment())
    assert done.returncode == 0, done.stderr
    result = here / "curv-issues-someone-pets-train"
    found = strict_json(done.stdout)
    assert found["dataset"] == summary_of(result)["dataset"]
    assert (found["dataset"]["source"], found["dataset"]["revision"]) == ("someone/pets", commit)
    assert (found["dataset"]["split"], found["dataset"]["n"]) == ("train", 18)
    assert done.stderr.splitlines()[-1] == f"Results: {result.name}"
    assert "\x1b" not in done.stdout + done.stderr
    assert any("resolve" in request for request in hub.requests)


def test_hub_errors(hub: Hub, tmp_path: Path, here: Path) -> None:
    hub.add_dataset("someone/secret", like_a_hub_dataset(tmp_path / "repository")[0], gated=True)
    for name, words in (("someone/nothing", "Dataset someone/nothing does not exist"), ("someone/secret", "gated dataset")):
        check_error(command("audit", name, *TINY, cwd=here, env=hub.environment()), 3, words)
    away = {**hub.environment(), "HF_ENDPOINT": "http://127.0.0.1:9"}
    check_error(command("audit", "someone/pets", *TINY, cwd=here, env=away), 3, "cannot be reached", "someone/pets")
    assert list(here.iterdir()) == []
