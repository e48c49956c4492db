"""Findings are pushed to a dataset of their own, on a local Hub, and nothing else is ever changed or published."""

from __future__ import annotations

import functools
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from curv_issues.data.loading import load_data
from curv_issues.errors import AuditError, UsageError
from curv_issues.export.hub_card import BEGIN, END, MARKER
from curv_issues.export.push import push_findings
from curv_issues.results.result import AuditResult
from tests.cli.running import environment
from tests.export.audited import audited, write_photos
from tests.export.push_server import TOKEN, PushServer
from tests.made_up import make_result

FILES = {".gitattributes", "README.md", "findings.parquet", "scores.parquet", MARKER}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushServer]:
    """A local Hub that this process is logged in to."""
    (tmp_path / "repositories").mkdir()
    with PushServer(tmp_path / "repositories") as server:
        constants = huggingface_hub.constants
        for name, value in {
            "HF_HUB_OFFLINE": False,
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.url),
        }.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setattr("huggingface_hub.HfApi", functools.partial(huggingface_hub.HfApi, endpoint=server.url, token=TOKEN))
        yield server


def table(hub: PushServer, name: str, repo: str = "me/found") -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(hub.files(repo)[f"{name}.parquet"]))


def metadata_of(readme: bytes) -> dict[str, Any]:
    return yaml.safe_load(readme.decode().split("---\n")[1])


def test_a_new_dataset(hub: PushServer, result: AuditResult) -> None:
    pushed = push_findings(result, "me/found")
    assert pushed == (f"{hub.url}/datasets/me/found", 5, True)
    assert hub.private == {"me/found": True}
    files = hub.files("me/found")
    assert set(files) == FILES
    for name, frame in (("findings", result.findings), ("scores", result.scores)):
        pd.testing.assert_frame_equal(table(hub, name), frame)
    metadata = pq.read_schema(io.BytesIO(files["scores.parquet"])).field("margin").metadata
    assert metadata[b"direction"] == b"low"
    header = metadata_of(files["README.md"])
    assert [config["config_name"] for config in header["configs"]] == ["findings", "scores"]
    assert "license" not in header
    card = files["README.md"].decode()
    texts = ("Seed: 7.", "curv-issues 0.1.0, torch 2.9", "| label_issue | 3 |", "About 3 of 9 labels are wrong")
    for text in ("Label findings of photos", *texts):
        assert text in card
    marker = json.loads(files[MARKER])
    assert (marker["seed"], marker["dataset"]["n"]) == (7, 9)
    assert marker["num_findings"] == {"label_issue": 3, "duplicate_conflict": 2}
    assert marker["dataset"]["fingerprint"] == result.summary["dataset"]["fingerprint"]


def test_public_only_if_asked(hub: PushServer, result: AuditResult) -> None:
    assert push_findings(result, "me/found", public=True) == (f"{hub.url}/datasets/me/found", 5, False)
    assert hub.private == {"me/found": False}
    with pytest.raises(UsageError, match=r"^me/found is a public dataset; pass --public \(public=True\)"):
        push_findings(result, "me/found")
    assert not push_findings(result, "me/found", public=True).is_private
    push_findings(result, "me/hidden")
    assert push_findings(result, "me/hidden", public=True).is_private  # never made public without a person on the Hub


def test_nothing_of_this_machine_is_uploaded(hub: PushServer, photos: Path) -> None:
    data = load_data(photos)
    secret = str(photos.parent)
    data.paths[[2, 5]] = [f"{secret}/a/image.png", f"zip://cat/1.png::{secret}/b.zip"]
    notes = [f"The labels are from {secret}/labels.csv.", "A plain note.", "A note on C:\\Users."]
    push_findings(audited(data, notes=notes, options={"labels": f"{secret}/x.csv"}), "me/found", images=False)
    for name, content in hub.files("me/found").items():
        assert secret.encode() not in content, name
        assert photos.parent.name.encode() not in content, name
    for name in ("findings", "scores"):
        paths = dict(table(hub, name)[["row", "path"]].itertuples(index=False))
        assert (paths[2], paths[5], paths[7]) == ("image.png", "cat/1.png", data.paths[7])
    card = hub.files("me/found")["README.md"].decode()
    assert "A plain note" in card
    assert "Users" not in card


def test_images_only_if_asked(hub: PushServer, result: AuditResult, photos: Path) -> None:
    push_findings(result, "me/found", images=True, kind="label_issue")
    found = table(hub, "findings").set_index("row")
    assert sorted(found.index) == [2, 5, 7]
    for row, image in found["image"].items():
        assert image["bytes"] == (photos / str(result.scores["path"][row])).read_bytes()
    schema = pq.read_schema(io.BytesIO(hub.files("me/found")["findings.parquet"]))
    assert json.loads(schema.metadata[b"huggingface"])["info"]["features"]["image"] == {"_type": "Image"}
    push_findings(result, "me/found")
    assert "image" not in table(hub, "findings")


def test_more_images_than_are_written_at_a_time(
    hub: PushServer, result: AuditResult, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curv_issues.export.push._ROWS_OF_IMAGES", 2)
    push_findings(result, "me/found", images=True)
    found = table(hub, "findings")
    assert found["row"].tolist() == result.findings["row"].tolist()
    assert [len(image["bytes"]) for image in found["image"]] == [(photos / path).stat().st_size for path in result.findings["path"]]


def test_what_the_owner_has_written_is_kept(hub: PushServer, result: AuditResult) -> None:
    push_findings(result, "me/found")
    card = hub.files("me/found")["README.md"].decode()
    changed = card.replace("tags:\n", "license: mit\nlanguage: [no]  # Norwegian\nversion: 1.10\ntags:\n- mine\n")
    changed = changed.replace(BEGIN, f"# My words\n\n{BEGIN}").replace(END, f"{END}\n\nThe end.")
    hub.commit("me/found", {"README.md": changed.encode(), "notes.md": b"mine"})
    push_findings(replace(result, summary={**result.summary, "seed": 8}), "me/found")
    files = hub.files("me/found")
    assert files["notes.md"] == b"mine"
    header, text = metadata_of(files["README.md"]), files["README.md"].decode()
    assert "\nlicense: mit\nlanguage: [no]  # Norwegian\nversion: 1.10\ntags:" in text
    assert header["tags"] == ["mine", "curv-issues", "label-errors"]
    assert text.index("# My words") < text.index(BEGIN) < text.index("Seed: 8.") < text.index(END) < text.index("The end.")
    assert text.count(BEGIN) == text.count("# Label findings") == 1
    assert "Seed: 7." not in text


@pytest.mark.parametrize("card", ["My own text", "---\n{\n---\nMy own text", f"{END} My own text {BEGIN}"])
def test_a_card_without_our_part_gets_one(hub: PushServer, result: AuditResult, card: str) -> None:
    push_findings(result, "me/found")
    hub.commit("me/found", {"README.md": card.encode()})
    push_findings(result, "me/found")
    text = hub.files("me/found")["README.md"].decode()
    assert "My own text" in text
    assert metadata_of(text.encode())["tags"] == ["curv-issues", "label-errors"]
    assert re.search(rf"{BEGIN}\n# Label findings of photos", text)


@pytest.mark.parametrize("name", ["Org/Pets", "org/pets"])
def test_the_audited_dataset_is_refused(hub: PushServer, result: AuditResult, name: str) -> None:
    of_hub = {**result.summary["dataset"], "source": "org/pets", "revision": "abc"}
    moved = {**result.summary["dataset"], "opened_with": {"dataset": ["org/pets"], "options": {}}}
    for dataset in (of_hub, moved):
        with pytest.raises(UsageError, match=rf"^{name} is the audited dataset, which is never changed; choose another name"):
            push_findings(replace(result, summary={**result.summary, "dataset": dataset}), name)
    assert hub.requests == []


def test_the_audited_dataset_is_refused_under_an_old_name(hub: PushServer, result: AuditResult) -> None:
    hub.commit("org/pets", {MARKER: b"{}"})  # even if it looks like a dataset of findings
    hub.move_dataset("org/old", "org/pets")
    dataset = {**result.summary["dataset"], "source": "org/pets", "revision": "abc"}
    with pytest.raises(UsageError, match=r"^org/pets is the audited dataset"):
        push_findings(replace(result, summary={**result.summary, "dataset": dataset}), "org/old")
    assert set(hub.files("org/pets")) == {MARKER}


def test_other_datasets_are_refused(hub: PushServer, result: AuditResult, tmp_path: Path) -> None:
    commit = hub.add_dataset("org/pets", write_photos(tmp_path / "pets"))
    hub.add_dataset("org/gated", tmp_path / "pets", gated=True)
    for name in ("org/pets", "org/gated"):
        with pytest.raises(UsageError, match=rf"^{name} exists on the Hugging Face Hub and was not created by this command;"):
            push_findings(result, name, public=True)
    assert hub.repositories["org/pets"].references == {"main": commit}
    assert not [request for request in hub.requests if request.startswith("POST /api/datasets")]


@pytest.mark.parametrize("name", ["found", "me/found/x", "me/", "../found", "me/fo und"])
def test_invalid_names(hub: PushServer, result: AuditResult, name: str) -> None:
    with pytest.raises(UsageError, match=r"^--push-to \(repo_id\) must be ORG/NAME, got "):
        push_findings(result, name)


def test_a_failed_upload_leaves_nothing(hub: PushServer, result: AuditResult) -> None:
    hub.fails = True
    with pytest.raises(AuditError, match=r"^The Hugging Face Hub refused the upload to me/found \("):
        push_findings(result, "me/found")
    assert hub.repositories == {}
    hub.fails = "all"
    with pytest.raises(AuditError, match=r"the empty dataset could not be removed .*; delete it on the Hub before you try again"):
        push_findings(result, "me/found")
    hub.fails = False
    with pytest.raises(UsageError, match="was not created by this command"):
        push_findings(result, "me/found")


def test_an_existing_dataset_stays_after_a_failed_upload(hub: PushServer, result: AuditResult) -> None:
    push_findings(result, "me/found")
    before = hub.files("me/found")
    hub.fails = True
    with pytest.raises(AuditError, match="refused the upload"):
        push_findings(replace(result, summary={**result.summary, "seed": 8}), "me/found")
    assert hub.files("me/found") == before


def test_a_commit_in_the_meantime_is_not_undone(hub: PushServer, result: AuditResult, monkeypatch: pytest.MonkeyPatch) -> None:
    push_findings(result, "me/found")
    monkeypatch.setattr(
        "curv_issues.export.push._write_scores", lambda result, path: (path.touch(), hub.commit("me/found", {"README.md": b"mine"}))
    )
    with pytest.raises(AuditError, match="A commit has happened since"):
        push_findings(result, "me/found")
    assert hub.files("me/found")["README.md"] == b"mine"


def test_images_that_cannot_be_read_stop_before_the_upload(hub: PushServer, own_result: AuditResult, tmp_path: Path) -> None:
    (tmp_path / "own").rename(tmp_path / "moved")
    with pytest.raises(Exception, match="does not exist"):
        push_findings(own_result, "me/found", images=True)
    assert hub.repositories == {}
    assert push_findings(own_result, "me/found", images=True, dataset=tmp_path / "moved" / "photos").num_findings == 5


def test_without_a_login_offline_or_unreachable(hub: PushServer, result: AuditResult, monkeypatch: pytest.MonkeyPatch) -> None:
    api = huggingface_hub.HfApi.func  # type: ignore[attr-defined]
    monkeypatch.setattr("huggingface_hub.HfApi", functools.partial(api, endpoint=hub.url, token=False))
    with pytest.raises(UsageError, match=r"^The Hugging Face Hub does not let you write to me/found; log in with `hf auth login`"):
        push_findings(result, "me/found")
    monkeypatch.setattr("huggingface_hub.HfApi", functools.partial(api, endpoint="http://127.0.0.1:9", token=TOKEN))
    with pytest.raises(AuditError, match=r"^The upload to me/found failed \("):
        push_findings(result, "me/found")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match=r"^HF_HUB_OFFLINE is set, so nothing can be uploaded; unset it"):
        push_findings(result, "me/found")


def test_results_that_are_not_of_an_audit_command(hub: PushServer) -> None:
    push_findings(make_result(), "me/found")
    assert "Label findings of org/made-up" not in hub.files("me/found")["README.md"].decode()  # no Hub id without a revision
    assert len(table(hub, "scores")) == 8


def test_the_datasets_library_reads_what_the_command_has_pushed(hub: PushServer, result: AuditResult, tmp_path: Path) -> None:
    result.save(tmp_path / "audit")
    script = """
import sys, datasets
from curv_issues.cli.app import main
sys.argv = ["curv-issues", "export", "audit", "--push-to", "me/found", "--images", "--public"]
try:
    main()
except SystemExit as end:
    assert end.code == 0
findings, scores = (datasets.load_dataset("me/found", name, split="train") for name in ("findings", "scores"))
print(findings["row"][:], findings[0]["image"].size, len(scores))
"""
    env = environment({"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf")})
    done = subprocess.run([sys.executable, "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == f"Uploaded 5 findings to {hub.url}/datasets/me/found (public)."
    assert second == f"{result.findings['row'].tolist()} (6, 13) 9"
