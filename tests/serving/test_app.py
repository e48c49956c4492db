"""The application that saves decisions: who may use it, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curv_issues.auditing.decided import LEAST_JUDGED
from curv_issues.review.decisions import read_decisions
from curv_issues.serving.app import LONGEST_BODY, make_app
from curv_issues.serving.images import ServedImages
from curv_issues.serving.store import opened_store
from tests.auditing.test_review import audited
from tests.report.pages import HOSTILE, many_findings
from tests.serving.test_store import decide

RESULT = many_findings(names=HOSTILE)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with opened_store(RESULT, tmp_path) as store:
        yield TestClient(
            make_app(RESULT, store, ServedImages(RESULT), token="secret", hosts=["127.0.0.1"]), base_url="http://127.0.0.1:80"
        )


def entry(row: int = 1990, action: str | None = "keep", **more: Any) -> dict[str, Any]:
    decision = decide(RESULT, row)
    return {"row": row, "image_sha256": decision.image_sha256, "given": decision.given, "action": action, **more}


def test_the_page_has_addresses_of_images_and_no_request_elsewhere(client: TestClient) -> None:
    page = client.get("/secret/")
    assert page.status_code == 200
    assert "data:image/webp" not in page.text
    assert client.get("/secret/image/1990/card").headers["content-type"] == "image/webp"
    assert client.get("/secret/image/1990/huge").status_code == 404
    assert "connect-src &#39;self&#39;" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "<script>alert" not in page.text


def test_decisions_are_on_disk_when_they_are_answered(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/secret/decisions", json=entry())
    assert answer.status_code == 200
    (saved,) = read_decisions(tmp_path / "decisions.json")
    assert (saved.row, saved.action, saved.given) == (1990, "keep", entry()["given"])
    assert [each["row"] for each in answer.json()["decisions"]] == [1990]
    assert client.post("/secret/decisions", json=entry(action=None)).json()["decisions"] == []
    assert read_decisions(tmp_path / "decisions.json") == []


def test_two_tabs_see_each_other(client: TestClient) -> None:
    client.post("/secret/decisions", json=entry(1990))
    second = client.post("/secret/decisions", json=entry(1980, "unsure"))
    assert [each["row"] for each in second.json()["decisions"]] == [1990, 1980]
    assert client.get("/secret/decisions").json() == second.json()


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/decisions", "/wrong/image/1990/card", "/secre/", "/s%C3%A9cret/"])
def test_nothing_without_the_token(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_other_hosts_are_refused(client: TestClient) -> None:
    assert client.get("/secret/", headers={"Host": "evil.example"}).status_code == 400


def test_forms_of_other_pages_are_refused(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/secret/decisions", content=json.dumps(entry()), headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert not (tmp_path / "decisions.json").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"row": "1990"}',
        b'{"row": true, "action": null}',
        b'{"row": 7, "action": null}',
        json.dumps({**entry(), "action": "burn"}).encode(),
        json.dumps({**entry(), "image_sha256": "other"}).encode(),
        b" " * (LONGEST_BODY + 1),
        b"[" * 50_000,
    ],
)
def test_bad_decisions_are_refused(client: TestClient, tmp_path: Path, content: bytes) -> None:
    answer = client.post("/secret/decisions", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.text.endswith(".")
    assert not (tmp_path / "decisions.json").exists()


def test_a_full_disk_is_said_and_nothing_changes(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("curv_issues.serving.store.os.replace", full)
    answer = client.post("/secret/decisions", json=entry())
    assert answer.status_code == 500
    assert "No space left on device" in answer.text
    assert client.get("/secret/decisions").json()["decisions"] == []


def test_enough_judged_labels_correct_the_estimate(tmp_path: Path) -> None:
    result = audited()
    with opened_store(result, tmp_path) as store:
        for row in result.scores["row"][: LEAST_JUDGED - 1]:
            store.set(row, decide(result, row))
        client = TestClient(make_app(result, store, ServedImages(result), token="secret", hosts=["testserver"]))
        assert client.get("/secret/decisions").json()["estimate"] is None
        last = decide(result, LEAST_JUDGED - 1)
        body = {"row": LEAST_JUDGED - 1, "image_sha256": last.image_sha256, "given": last.given, "action": "keep"}
        client.post("/secret/decisions", json=body)  # corrected after the answer
        estimate = client.get("/secret/decisions").json()["estimate"]
        assert f"By your {LEAST_JUDGED} judged labels" in estimate
        assert estimate.startswith("About ")
        assert estimate in client.get("/secret/").text
