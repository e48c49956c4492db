"""Hub datasets, downloaded from a local Hub server by a separate process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curv_issues.data.base import hash_pixels
from tests.conftest import Hub
from tests.data.images import colour_image, write_image_folder, write_parquet

_SCRIPT = """
import json, sys
from curv_issues.data.loading import load_data
from curv_issues.errors import CurvIssuesError

for name, options in json.loads(sys.argv[1]):
    try:
        data = load_data(name, **options)
    except CurvIssuesError as error:
        found = {"error": type(error).__name__, "text": str(error)}
    else:
        keys = ("image_sha256", "paths", "splits", "rows")
        found = {key: getattr(data, key).tolist() for key in keys}
        found["given"] = [data.class_names[label] for label in data.labels]
        found["source"], found["split"] = data.source.source, data.source.split
        found["revision"], found["config_name"] = data.source.revision, data.source.config_name
        found["size"] = data.image(0).size
    print(json.dumps(found))
"""


def load(environment: dict[str, str], *calls: tuple[str, dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Return the results of load_data for each call, from one new process started in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, json.dumps(calls)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def hashes(values) -> list[str]:
    return [hash_pixels(np.asarray(colour_image(value))) for value in values]


def test_dataset_is_downloaded_and_its_revision_recorded(hub: Hub, tmp_path):
    old = write_parquet(tmp_path / "old" / "data" / "train-00000-of-00001.parquet", [0, 1]).parents[1]
    new = write_parquet(tmp_path / "new" / "data" / "train-00000-of-00001.parquet", [0, 1, 0, 1]).parents[1]
    write_parquet(new / "data" / "test-00000-of-00001.parquet", [1])
    old_commit = hub.add_dataset("org/pets", old, revision="v1")
    new_commit = hub.add_dataset("org/pets", new)
    hub.move_dataset("pets", "org/pets")
    (tmp_path / "elsewhere").mkdir()

    latest, tagged, by_commit, moved = load(
        hub.environment(),
        ("org/pets", {"split": "train[1:]+test"}),
        ("org/pets", {"revision": "v1"}),
        ("org/pets", {"revision": old_commit}),
        ("pets", {}),
        folder=tmp_path / "elsewhere",
    )
    assert latest["image_sha256"] == hashes([1, 2, 3, 0])
    assert latest["given"] == ["1", "0", "1", "1"]
    assert latest["splits"] == ["train", "train", "train", "test"]
    assert latest["paths"] == [None] * 4
    assert (latest["source"], latest["split"], latest["revision"]) == ("org/pets", "train[1:]+test", new_commit)
    for found in (tagged, by_commit):
        assert found["image_sha256"] == hashes([0, 1])
        assert found["revision"] == old_commit
    assert (moved["source"], moved["revision"], len(moved["rows"])) == ("pets", new_commit, 4)
    assert any(request.startswith("GET /datasets/org/pets/resolve/" + new_commit) for request in hub.requests)

    hub.requests.clear()
    last, new, old, short, unknown, other = load(
        hub.environment(offline=True),
        ("org/pets", {}),
        ("org/pets", {"revision": new_commit, "split": "test+train"}),
        ("org/pets", {"revision": old_commit}),
        ("pets", {"revision": new_commit}),
        ("org/unknown", {}),
        ("org/pets", {"revision": "v9"}),
        folder=tmp_path / "elsewhere",
    )
    assert last["revision"] == old["revision"] == old_commit  # the latest copy
    assert last["image_sha256"] == old["image_sha256"] == hashes([0, 1])
    assert new["revision"] == short["revision"] == new_commit
    assert new["image_sha256"] == hashes([0, 0, 1, 2, 3])
    assert new["splits"] == ["test"] + ["train"] * 4
    assert short["image_sha256"] == hashes(range(4))
    assert unknown["text"] == (
        "org/unknown is not in the Hugging Face cache, HF_HUB_OFFLINE is set, and no local file or folder has that name."
    )
    assert other["text"] == (
        f"The Hugging Face cache holds org/pets at commit {', '.join(sorted([old_commit, new_commit]))}, "
        "not at revision 'v9'; "
        "unset HF_HUB_OFFLINE to download it."
    )
    assert hub.requests == []


def test_image_folder_on_the_hub_gives_repository_paths(hub: Hub, tmp_path):
    folder = write_image_folder(tmp_path / "pets", {"dog": 2, "cat": 1}, split="train")
    commit = hub.add_dataset("org/pets", folder)
    (found,) = load(hub.environment(), ("org/pets", {}), folder=tmp_path)
    assert found["paths"] == ["train/cat/0.png", "train/dog/0.png", "train/dog/1.png"]
    assert found["given"] == ["cat", "dog", "dog"]
    assert found["image_sha256"] == hashes([2, 0, 1])
    assert found["revision"] == commit
    assert found["size"] == [6, 6]
    (offline,) = load(hub.environment(offline=True), ("org/pets", {}), folder=tmp_path)
    assert offline == found


def test_local_folders_win_over_the_hub(hub: Hub, tmp_path):
    write_image_folder(tmp_path / "org" / "pets", {"dog": 2, "cat": 1})
    (found,) = load(hub.environment(), ("org/pets", {}), folder=tmp_path)
    assert (found["revision"], found["paths"][0]) == (None, "cat/0.png")
    assert hub.requests == []


def test_hub_errors_are_one_line(hub: Hub, tmp_path):
    pets = write_image_folder(tmp_path / "pets", {"dog": 1, "cat": 1})
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "script.py").write_text("import datasets")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.md").write_text("hello")
    configured = write_parquet(tmp_path / "configured" / "a.parquet", [0, 1]).parent
    configs = "".join(f"- config_name: {name}\n  data_files: a.parquet\n" for name in ("large", "small"))
    (configured / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    for name in ("script", "empty", "configured", "pets"):
        hub.add_dataset(f"org/{name}", tmp_path / name)
    hub.add_dataset("org/gated", pets, gated=True)
    hub.add_dataset("org/private", pets, private=True)
    unknown = (
        "Dataset {} does not exist on the Hugging Face Hub, and no local file or folder has that name; "
        "if it is private, log in with `hf auth login` or HF_TOKEN."
    )
    expected = [
        (("org/unknown", {}), unknown.format("org/unknown")),
        (("imagefolder", {}), unknown.format("imagefolder")),
        (("org/private", {}), unknown.format("org/private")),
        (
            ("org/gated", {}),
            "org/gated is a gated dataset: accept its terms on https://huggingface.co/datasets/org/gated "
            "and log in with `hf auth login` or HF_TOKEN.",
        ),
        (
            ("org/pets", {"revision": "v9"}),
            "This revision of org/pets does not exist on the Hub; expected one of its branches, tags or commits.",
        ),
        (
            ("org/script", {}),
            "org/script is a dataset script, which the datasets library no longer supports; "
            "use a copy of the data as parquet (on the Hub often: --revision refs/convert/parquet) or an image folder.",
        ),
        (
            ("org/empty", {}),
            "org/empty holds no data files; expected parquet files, or images in one folder per class.",
        ),
        (
            ("org/configured", {}),
            "org/configured has the configurations large, small; choose one with --config-name (config_name=...).",
        ),
        (("org/configured", {"config_name": "x"}), "org/configured has no configuration 'x'; it has large, small."),
        (("org/pets", {"split": "test"}), "org/pets has no split 'test'; its splits are train."),
        (("a name", {}), "File or folder 'a name' does not exist, and it is not a Hub id such as org/name."),
    ]
    (tmp_path / "nowhere").mkdir()
    found = load(hub.environment(), *[call for call, _ in expected], folder=tmp_path / "nowhere")
    assert [entry["text"] for entry in found] == [text for _, text in expected]
    assert {entry["error"] for entry in found} == {"DatasetError"}


def test_configurations_in_the_cache(hub: Hub, tmp_path):
    folder = write_parquet(tmp_path / "pets" / "a.parquet", [0, 1]).parent
    write_parquet(folder / "b.parquet", [0, 1, 0])
    configs = "".join(f"- config_name: {name}\n  data_files: {name}.parquet\n" for name in "ab")
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    hub.add_dataset("org/pets", folder)
    calls = [("org/pets", {"config_name": name}) for name in "ab"]
    (tmp_path / "nowhere").mkdir()
    online = load(hub.environment(), *calls, folder=tmp_path / "nowhere")
    assert [(found["config_name"], len(found["rows"])) for found in online] == [("a", 2), ("b", 3)]
    *offline, several, unknown = load(
        hub.environment(offline=True),
        *calls,
        ("org/pets", {}),
        ("org/pets", {"config_name": "c"}),
        folder=tmp_path / "nowhere",
    )
    assert offline == online
    assert several["text"] == (
        "org/pets has the configurations a, b in the Hugging Face cache; choose one with --config-name (config_name=...)."
    )
    assert unknown["text"] == "org/pets has no configuration 'c' in the Hugging Face cache; it has a, b there."


def test_missing_local_files_are_not_requested_from_the_hub(hub: Hub, tmp_path):
    (found,) = load(hub.environment(), ("./pets.parquet", {}), folder=tmp_path)
    assert found == {"error": "DatasetError", "text": "File or folder ./pets.parquet does not exist."}
    assert hub.requests == []


def test_an_unreachable_hub(hub: Hub, tmp_path):
    environment = {**hub.environment(), "HF_ENDPOINT": "http://127.0.0.1:9"}
    (found,) = load(environment, ("org/pets", {}), folder=tmp_path)
    assert found["error"] == "DatasetError"
    assert re.fullmatch(
        r"The Hugging Face Hub cannot be reached for org/pets \(.*refused.*\), and no local file or folder has that "
        r"name; to use a cached copy, set HF_HUB_OFFLINE=1\.",
        found["text"],
    )


@pytest.mark.parametrize("below", ["", "hub"])
def test_a_cache_that_cannot_be_written(hub: Hub, tmp_path, below):
    write_image_folder(tmp_path / "pets", {"dog": 1, "cat": 1})
    (tmp_path / "file").touch()
    environment = {**hub.environment(), "HF_HOME": str(tmp_path / "file" / below)}
    local, found = load(environment, ("./pets", {}), ("org/pets", {}), folder=tmp_path)
    assert local["rows"] == [0, 1]  # a local folder needs no cache
    assert found["error"] == "AuditError"
    assert re.fullmatch(
        rf"The Hugging Face cache in {tmp_path}/file.* cannot be written \(.*\); set HF_HOME to another folder\.",
        found["text"],
    )
