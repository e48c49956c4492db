"""Decisions in a folder: what was saved survives, and nothing else is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from curv_issues.errors import AuditError, UsageError
from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import Decision, decisions_json, read_decisions
from curv_issues.serving.store import DecisionStore, opened_store
from tests.cli.running import environment
from tests.made_up import make_result


def decide(result: AuditResult, row: int, action: str = "keep", label: str | None = None) -> Decision:
    place = result.scores.index[result.scores["row"] == row][0]
    return Decision(result.images["image_sha256"][place], result.scores["given"][place], action, label)


def test_decisions_are_in_the_file_when_they_are_saved(tmp_path: Path) -> None:
    result = make_result()
    with opened_store(result, tmp_path) as store:
        store.set(20, decide(result, 20))
        store.set(10, decide(result, 10, "unsure"))
        store.set(20, decide(result, 20, "remove"))
        saved = read_decisions(tmp_path / "decisions.json")
        assert [(each.row, each.action) for each in saved] == [(10, "unsure"), (20, "remove")]
        store.set(10, None)
        assert [each.row for each in read_decisions(tmp_path / "decisions.json")] == [20]
    with opened_store(result, tmp_path) as again:
        assert list(again.by_row) == [20]
    assert [path.name for path in tmp_path.iterdir()] == ["decisions.json"]


def test_decisions_about_other_data_are_kept(tmp_path: Path) -> None:
    result, gone = make_result(), Decision("gone", "cat", "keep")
    (tmp_path / "decisions.json").write_bytes(decisions_json([gone], {}))
    with opened_store(result, tmp_path) as store:
        store.set(20, decide(result, 20))
        assert store.decisions[0] == gone
    assert len(read_decisions(tmp_path / "decisions.json")) == 2


@pytest.mark.parametrize(
    ("row", "change", "message"),
    [
        (5, {}, "Row 5 is not a row of this result"),
        (20, {"image_sha256": "other"}, "about another image or label"),
        (20, {"given": "dog"}, "about another image or label"),
        (20, {"action": "relabel", "label": "fish"}, "There is no class 'fish'"),
    ],
)
def test_decisions_that_do_not_fit_are_refused(tmp_path: Path, row: int, change: dict[str, str], message: str) -> None:
    result = make_result()
    fields = {"image_sha256": result.images["image_sha256"][2], "given": result.scores["given"][2], "action": "keep", **change}
    with opened_store(result, tmp_path) as store, pytest.raises(UsageError, match=message):
        store.set(row, Decision(**fields))
    assert not (tmp_path / "decisions.json").exists()


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    result = make_result()
    with opened_store(result, tmp_path) as store:
        store.set(20, decide(result, 20))
        before = (tmp_path / "decisions.json").read_bytes()
        monkeypatch.setattr("curv_issues.serving.store.os.replace", full)
        with pytest.raises(AuditError, match="No space left on device"):
            store.set(10, decide(result, 10))
        monkeypatch.undo()
        assert list(store.by_row) == [20]
        assert (tmp_path / "decisions.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["decisions.json"]


def test_a_file_that_is_not_of_decisions_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "decisions.json").write_text("[]")
    with pytest.raises(UsageError, match="is not a file of decisions"), opened_store(make_result(), tmp_path):
        pass
    assert (tmp_path / "decisions.json").read_text() == "[]"


def test_two_reviews_of_a_folder_are_refused(tmp_path: Path) -> None:
    failures = []

    def review_too() -> None:
        try:
            with opened_store(make_result(), tmp_path):
                pass
        except UsageError as error:
            failures.append(str(error))

    with opened_store(make_result(), tmp_path):
        other = threading.Thread(target=review_too)
        other.start()
        other.join()
    assert len(failures) == 1


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    result = make_result(n=40)
    store = DecisionStore(result, tmp_path)
    rows = result.scores["row"].tolist()
    threads = [threading.Thread(target=store.set, args=(row, decide(result, row))) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.row for each in read_decisions(tmp_path / "decisions.json")) == rows


KILLED = """
import itertools, sys
from pathlib import Path
from curv_issues.serving.store import opened_store
from tests.made_up import make_result
from tests.serving.test_store import decide
result = make_result(n=400)
with opened_store(result, Path(sys.argv[1])) as store:
    for row in result.scores["row"]:
        store.set(row, decide(result, row))
        print(row, flush=True)
"""


def test_a_killed_process_loses_none_that_was_called_saved(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, env=environment(), text=True)
    assert process.stdout is not None
    saved = [int(process.stdout.readline()) for _ in range(25)]
    os.kill(process.pid, signal.SIGKILL)
    saved += [int(line) for line in process.stdout.read().splitlines()]
    process.wait()
    rows = [each.row for each in read_decisions(tmp_path / "decisions.json")]
    assert rows[: len(saved)] == saved
    assert len(rows) <= len(saved) + 1
    with opened_store(make_result(n=400), tmp_path) as store:
        assert len(store.by_row) == len(rows)
    assert not list(tmp_path.glob(".decisions*"))
