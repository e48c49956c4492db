"""decisions.json: what is read and refused, and how decisions find their samples again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curv_issues.errors import UsageError
from curv_issues.review.decisions import (
    ACTIONS,
    Decision,
    MatchedDecisions,
    decisions_json,
    match_decisions,
    match_result,
    read_decisions,
)
from tests.made_up import make_result

KEPT = Decision("a" * 64, "cat", "keep", row=3, path="3.png")
DATASET = {"source": "org/made-up", "split": "train", "fingerprint": "f", "classes": ["cat", "dog"]}
texts = st.text(st.characters(exclude_categories=["Cs"]) | st.just("\udcff"), max_size=8)  # a lone surrogate too


def match(
    decisions: list[Decision], hashes: list[str], labels: list[str], paths: list[str | None] | None = None
) -> MatchedDecisions:
    n = len(hashes)
    return match_decisions(decisions, range(n), hashes, labels, splits=[None] * n, paths=paths or [None] * n)


@given(
    decisions=st.lists(
        st.builds(
            Decision,
            image_sha256=texts,
            given=texts,
            action=st.sampled_from(["keep", "remove", "unsure"]),
            row=st.none() | st.integers(0, 2**40),
            split=st.none() | texts,
            path=st.none() | texts,
        )
    )
)
@settings(max_examples=50)
def test_a_file_gives_back_its_decisions(decisions: list[Decision], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("decisions") / "decisions.json"
    path.write_bytes(decisions_json(decisions, DATASET))
    assert read_decisions(path) == decisions


def test_file_says_its_version_and_dataset() -> None:
    content = json.loads(decisions_json([KEPT], DATASET))
    assert content["curv_issues_decisions"] == 1
    assert content["dataset"] == {"source": "org/made-up", "split": "train", "fingerprint": "f"}
    assert content["decisions"] == [{"image_sha256": "a" * 64, "given": "cat", "action": "keep", "row": 3, "path": "3.png"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "is not a file of decisions"),
        ('{"decisions": []}', "is not a file of decisions"),
        ('{"curv_issues_decisions": 2, "decisions": []}', "has version 2"),
        ('{"curv_issues_decisions": 1, "decisions": {}}', "is not a file of decisions"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_other_files_are_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        read_decisions(path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (7, "expected a JSON object, got int"),
        ({"image_sha256": "a", "given": "cat"}, "'action' is missing"),
        ({"image_sha256": "a", "given": "cat", "action": "burn"}, "'burn'; expected one of keep, relabel, remove, unsure"),
        ({"image_sha256": "a", "given": "cat", "action": "relabel"}, "label None"),
        ({"image_sha256": "a", "given": "cat", "action": "keep", "label": "dog"}, "label 'dog'"),
        ({"image_sha256": "a", "given": "cat", "action": "relabel", "label": "cat"}, "expected another class"),
        ({"image_sha256": 1, "given": "cat", "action": "keep"}, "image_sha256 1; expected text"),
        ({"image_sha256": "a", "given": "cat", "action": "keep", "row": True}, "row True; expected a row number"),
    ],
)
def test_invalid_decisions_are_refused_with_their_number(entry: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    first = {"image_sha256": "a", "given": "cat", "action": "keep", "more": "ignored"}
    path.write_text(json.dumps({"curv_issues_decisions": 1, "decisions": [first, entry]}))
    with pytest.raises(UsageError, match=message) as caught:
        read_decisions(path)
    assert "decision 2" in str(caught.value)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_decisions(tmp_path / "decisions.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read_decisions(tmp_path)


def test_decisions_follow_the_content_and_the_label() -> None:
    keep, relabel = KEPT, Decision("b", "dog", "relabel", "cat", row=0)
    found = match([keep, relabel], ["x", "b", "a" * 64], ["cat", "dog", "cat"])
    assert found.by_row == {1: relabel, 2: keep}
    assert found.unmatched == []


def test_the_last_decision_counts() -> None:
    changed = replace(KEPT, action="unsure")
    assert match([KEPT, changed], ["a" * 64], ["cat"]).by_row == {0: changed}


def test_decisions_that_fit_no_sample_have_a_reason() -> None:
    gone, changed = replace(KEPT, image_sha256="z"), KEPT
    found = match([gone, changed], ["a" * 64, "a" * 64], ["dog", "bird"])
    assert found.by_row == {}
    assert found.unmatched == [
        (gone, "no sample has this content any more"),
        (changed, "its label is 'bird', 'dog' now"),
    ]


def test_of_identical_samples_only_the_judged_one_is_removed() -> None:
    remove = replace(KEPT, action="remove", row=1, path="b.png")
    hashes, labels = ["a" * 64] * 3, ["cat"] * 3
    assert list(match([remove], hashes, labels, ["a.png", "c.png", "b.png"]).by_row) == [2]
    assert list(match([replace(remove, path=None)], hashes, labels).by_row) == [1]
    ((_, reason),) = match([remove], hashes, labels, ["a.png", "c.png", "d.png"]).unmatched
    assert reason == "several samples have this content and label, and none is at the place of the one to remove"
    assert list(match([remove], hashes[:1], labels[:1], ["moved.png"]).by_row) == [0]


def test_other_decisions_are_for_all_identical_samples() -> None:
    assert list(match([KEPT], ["a" * 64] * 2, ["cat"] * 2).by_row) == [0, 1]


def test_match_with_a_result() -> None:
    result = make_result()
    decisions = [Decision(f"{i:064x}", result.scores["given"][i], "keep") for i in (5, 2)]
    assert list(match_result(decisions, result).by_row) == [50, 20]


@pytest.mark.parametrize("action", ACTIONS)
def test_what_a_decision_says_about_the_label(action: str) -> None:
    decision = Decision("a", "cat", action, "dog" if action == "relabel" else None)
    assert decision.is_wrong is {"keep": False, "relabel": True, "remove": None, "unsure": None}[action]


def relabel(image: str, given: str, label: str, **place: Any) -> Decision:
    return Decision(image, given, "relabel", label, **place)


def test_a_decision_that_was_applied_is_recognised() -> None:
    found = match([relabel("h", "cat", "dog")], ["h"], ["dog"])
    assert found.by_row == {}
    ((_, reason),) = found.unmatched
    assert reason == "already applied: its label is 'dog' now"


def test_decisions_in_a_row_lead_to_the_last_class() -> None:
    steps = [relabel("h", "cat", "dog"), relabel("h", "dog", "fox"), relabel("other", "fox", "owl")]
    assert {row: found.label for row, found in match(steps, ["h", "h"], ["cat", "dog"]).by_row.items()} == {0: "fox", 1: "fox"}


def test_the_last_word_on_an_image_counts() -> None:
    found = match([relabel("h", "dog", "fox"), relabel("h", "cat", "dog")], ["h", "h"], ["cat", "dog"])
    assert {row: decision.label for row, decision in found.by_row.items()} == {0: "dog"}
    ((decision, reason),) = found.unmatched
    assert (decision.given, reason) == ("dog", "a later decision says that this sample is 'dog'")
    swapped = match([relabel("h", "cat", "dog"), relabel("h", "dog", "cat")], ["h", "h"], ["cat", "dog"])
    assert {row: decision.label for row, decision in swapped.by_row.items()} == {1: "cat"}


def test_a_later_decision_on_a_twin_does_not_undo_a_removal() -> None:
    remove, twin = replace(KEPT, action="remove", path="b.png"), replace(KEPT, path="a.png")
    for last in (twin, replace(twin, action="relabel", label="dog")):
        found = match([remove, last], ["a" * 64] * 2, ["cat"] * 2, ["a.png", "b.png"]).by_row
        assert {row: decision.action for row, decision in found.items()} == {0: last.action, 1: "remove"}
    again = match([remove, replace(twin, path="b.png")], ["a" * 64] * 2, ["cat"] * 2, ["a.png", "b.png"]).by_row
    assert {row: decision.action for row, decision in again.items()} == {0: "keep", 1: "keep"}


def test_what_was_relabelled_is_not_removed_for_its_twin() -> None:
    decisions = [replace(KEPT, action="remove", path="b.png"), relabel("a" * 64, "dog", "cat", path="a.png")]
    assert list(match(decisions, ["a" * 64] * 2, ["dog", "cat"], ["a.png", "b.png"]).by_row) == [1, 0]
    again = match(decisions, ["a" * 64], ["cat"], ["a.png"])  # after the two were applied
    assert again.by_row == {}
    assert [reason.partition(",")[0] for _, reason in again.unmatched] == [
        "the sample with this content and label is at another place",
        "already applied: its label is 'cat' now",
    ]


@given(
    labels=st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    steps=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")).filter(lambda step: step[0] != step[1]), max_size=6),
)
def test_relabelling_twice_changes_nothing(labels: list[str], steps: list[tuple[str, str]]) -> None:
    decisions = [relabel("h", *step) for step in steps]
    once = list(labels)
    for row, decision in match(decisions, ["h"] * len(labels), labels).by_row.items():
        once[row] = str(decision.label)
    again = match(decisions, ["h"] * len(once), once).by_row
    assert {row: found.label for row, found in again.items()} == {}
