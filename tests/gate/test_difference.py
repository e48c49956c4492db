"""What has changed between two results, and how it is shown."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from curv_issues import AuditResult, ResultDifference, compare_results
from curv_issues.errors import UsageError
from curv_issues.gate.difference_text import render_difference
from tests.gate.results import hash_of, result_with

TABLES = ("new_findings", "gone_findings", "moved_findings", "added_samples", "removed_samples", "relabelled_samples")


def counts(difference: ResultDifference) -> dict[str, int]:
    found = {name.partition("_")[0]: len(getattr(difference, name)) for name in TABLES}
    return {name: count for name, count in {**found, "same": difference.num_unchanged}.items() if count}


def changed(old: AuditResult, new: AuditResult) -> dict[str, int]:
    return counts(compare_results(old, new))


def test_the_same_result() -> None:
    result = result_with("aabcdd", flagged=[0, 1, 3], conflicts=[4, 5])
    difference = compare_results(result, result)
    assert counts(difference) == {"same": 5}
    assert difference.notes == ()


def test_new_and_gone_findings_and_samples() -> None:
    old = result_with("abcd", flagged=[0, 2], conflicts=[0])
    new = result_with("abcf", flagged=[1, 3, 2], conflicts=[2], given=["dog", "dog", "dog", "bird"])
    difference = compare_results(old, new)
    assert counts(difference) == {"new": 3, "gone": 2, "added": 1, "removed": 1, "same": 1}
    shown = difference.new_findings[["row", "kind", "given"]].to_numpy().tolist()
    assert sorted(shown) == [[1, "label_issue", "dog"], [2, "duplicate_conflict", "dog"], [3, "label_issue", "bird"]]
    assert difference.new_findings["suspicion"].is_monotonic_decreasing
    assert sorted(difference.gone_findings[["row", "kind"]].to_numpy().tolist()) == [[0, "duplicate_conflict"], [0, "label_issue"]]
    assert list(difference.new_findings.columns) == list(new.findings.columns)
    assert difference.added_samples.to_dict("records") == [
        {"row": 3, "split": "train", "path": difference.added_samples["path"][0], "given": "bird", "image_sha256": hash_of("f")}
    ]
    assert difference.removed_samples["image_sha256"].tolist() == [hash_of("d")]


def test_moved_findings() -> None:
    old = result_with("abcdef", flagged=[0, 1, 2, 3, 4], paths=[f"old/{a}" for a in "abcdef"])
    new = result_with(
        "abcdef",
        flagged=[0, 1, 2, 3, 4],
        rows=[0, 7, 2, 3, 4, 5],
        given=["dog", "dog", "bird", "dog", "bird", "dog"],
        suggested={3: "bird", 4: "dog"},
        paths=[f"new/{a}" for a in "abcdef"],
    )
    difference = compare_results(old, new)
    assert counts(difference) == {"moved": 4, "relabelled": 2, "same": 1}
    assert dict(zip(difference.moved_findings["row"], difference.moved_findings["changed"], strict=True)) == {
        7: "row",
        2: "given",
        3: "suggested",
        4: "given, suggested",
    }
    (moved,) = difference.moved_findings[difference.moved_findings["row"] == 7].to_dict("records")
    assert (moved["old_row"], moved["old_path"], moved["path"], moved["kind"]) == (1, "old/b", "new/b", "label_issue")
    (last,) = difference.moved_findings[difference.moved_findings["row"] == 4].to_dict("records")
    assert (last["old_given"], last["given"], last["old_suggested"], last["suggested"]) == ("dog", "bird", "cat", "dog")
    assert difference.relabelled_samples[["row", "old_given", "given", "old_path", "path"]].to_numpy().tolist() == [
        [2, "dog", "bird", "old/c", "new/c"],
        [4, "dog", "bird", "old/e", "new/e"],
    ]


def test_identical_images_are_matched_one_to_one() -> None:
    one, two = result_with("ab", flagged=[0]), result_with("aab", flagged=[0, 1], rows=[0, 1, 2])
    assert changed(one, two) == {"new": 1, "added": 1, "same": 1}
    assert changed(two, one) == {"gone": 1, "removed": 1, "same": 1}


def test_of_identical_images_those_with_the_same_label_then_path_belong_together() -> None:
    paths = ["1.png", "2.png", "3.png"]
    old = result_with("aaab"[:3], given=["dog", "cat", "dog"], paths=paths)
    assert changed(old, result_with("aaa", given=["cat", "dog", "dog"], paths=[paths[1], paths[0], paths[2]])) == {}
    difference = compare_results(old, result_with("aaa", given=["bird", "cat", "dog"], paths=paths))
    assert counts(difference) == {"relabelled": 1}
    assert difference.relabelled_samples[["path", "old_given", "given"]].to_numpy().tolist() == [["1.png", "dog", "bird"]]
    swapped = compare_results(
        result_with("aa", flagged=[0, 1], given=["dog", "cat"], paths=paths[:2], suggested={0: "cat", 1: "dog"}),
        result_with("aa", flagged=[0, 1], given=["cat", "dog"], paths=paths[:2], suggested={0: "dog", 1: "cat"}),
    )
    assert counts(swapped) == {"moved": 2}  # the samples of each label, in another row
    assert set(swapped.moved_findings["changed"]) == {"row"}


def test_against_counting() -> None:
    """Random datasets with many copies: what is added, removed and relabelled follows from counts of images and labels."""
    rng = np.random.default_rng(0)
    for _ in range(6):
        results = []
        for n in rng.integers(2, 30, 2):
            letters, given = rng.choice(list("abcdef"), n), rng.choice(["dog", "cat", "bird"], n)
            flagged = np.flatnonzero(rng.random(n) < 0.5).tolist()
            results.append(result_with("".join(letters), given=given.tolist(), flagged=flagged))
        old, new = results
        images, pairs = ([Counter(keys(result)) for result in results] for keys in (lambda r: r.images["image_sha256"], _labelled))
        difference = compare_results(old, new)
        assert len(difference.added_samples) == (images[1] - images[0]).total()
        assert len(difference.removed_samples) == (images[0] - images[1]).total()
        assert len(difference.relabelled_samples) == (images[0] & images[1]).total() - (pairs[0] & pairs[1]).total()
        found = [Counter(result.findings["image_sha256"]) for result in results]
        assert len(difference.new_findings) == (found[1] - found[0]).total()
        assert len(difference.gone_findings) == (found[0] - found[1]).total()
        assert len(difference.moved_findings) + difference.num_unchanged == (found[0] & found[1]).total()


def _labelled(result: AuditResult) -> list[tuple[str, str]]:
    return list(zip(result.images["image_sha256"], result.scores["given"], strict=True))


def test_notes_and_errors() -> None:
    notes = compare_results(result_with("ab", complete=False), result_with("cd", duplicates=None)).notes
    assert [words in note for words, note in zip(("no image in common", "old result is of an", "Only one"), notes, strict=True)]
    without = result_with("ab")
    without = replace(without, images=without.images.assign(image_sha256=["", hash_of("b")]))
    with pytest.raises(UsageError, match="The new result has no image hashes"):
        compare_results(result_with("ab"), without)
    with pytest.raises(UsageError, match="Expected an AuditResult as the old result, but got str"):
        compare_results("folder", without)  # type: ignore[arg-type]


LETTERS = "abcdefghijklmnopqrstuvwxyz"
OLD = result_with(LETTERS, flagged=range(3), paths=[f"{a}.png" for a in LETTERS])
NEW = result_with(LETTERS[1:], flagged=range(1, 25), given=["=cat", *["dog"] * 24], names=("dog", "=cat", "bird"))
DIFFERENCE = compare_results(OLD, NEW)


def test_people_see_the_first_rows() -> None:
    assert counts(DIFFERENCE) == {"new": 23, "gone": 2, "moved": 1, "removed": 1, "relabelled": 1}
    for format in ("table", "md"):
        text = render_difference(DIFFERENCE, OLD, NEW, format).replace("\\", "")
        for words in (
            "Old: org/made-up train: 26 samples, 3 classes, 3 label_issue findings",
            "New: org/made-up train: 25 samples, 3 classes, 24 label_issue findings",
            "Findings: 23 new, 2 gone, 1 moved, 0 unchanged",
            "Samples: 0 added, 1 removed, 1 relabelled",
            "23 new findings (the first 20):\n",
            "2 gone findings:\n",
            "1 moved finding:\n",
            "1 removed sample:\n",
        ):
            assert words in text, text
        assert "added sample" not in text
        section = text.partition("23 new findings")[2].partition("2 gone")[0]
        cells = [line.strip("| ").split()[0] for line in section.splitlines() if line]
        assert [cell for cell in cells if cell.isdigit()] == [str(row) for row in DIFFERENCE.new_findings["row"][:20]]


def test_programs_get_everything() -> None:
    found = json.loads(render_difference(DIFFERENCE, OLD, NEW, "json"))
    assert (found["schema_version"], found["num_unchanged"], found["notes"]) == (1, 0, [])
    assert (found["old"]["n"], found["new"]["n"], found["new"]["num_findings"]) == (26, 25, 24)
    for name in TABLES:
        table = getattr(DIFFERENCE, name)
        assert found[name] == table.astype(object).where(table.notna(), None).to_dict("records")
    rows = list(csv.DictReader(io.StringIO(render_difference(DIFFERENCE, OLD, NEW, "csv"))))
    grouped = {change: list(group) for change, group in itertools.groupby(rows, key=lambda row: row["change"])}
    assert {change: len(group) for change, group in grouped.items()} == counts(DIFFERENCE)
    assert [int(row["row"]) for row in grouped["new"]] == DIFFERENCE.new_findings["row"].tolist()
    assert (grouped["moved"][0]["old_row"], grouped["moved"][0]["row"], grouped["new"][0]["old_row"]) == ("2", "1", "")
    assert grouped["relabelled"][0]["given"] == "'=cat"  # not a formula


def test_columns_are_those_of_the_documentation() -> None:
    documented = re.sub(r"\s+", " ", ResultDifference.__doc__ or "")
    for name in ("moved_findings", "added_samples", "relabelled_samples"):
        (listed,) = re.findall(rf"{name}: [^:]*: ([^.]*)\.", documented)
        for difference in (DIFFERENCE, compare_results(OLD, OLD)):
            table = getattr(difference, name)
            assert list(table.columns) == re.findall(r"`(\w+)`", listed)
            assert table.index.equals(pd.RangeIndex(len(table)))
    assert list(DIFFERENCE.removed_samples.columns) == list(DIFFERENCE.added_samples.columns)


def test_nothing_changed() -> None:
    nothing = compare_results(OLD, OLD)
    assert len(render_difference(nothing, OLD, OLD).splitlines()) == 4
    assert len(render_difference(nothing, OLD, OLD, "csv").splitlines()) == 1
    with pytest.raises(UsageError, match="Unknown format 'fog'; choose one of: table, json, csv, md"):
        render_difference(nothing, OLD, OLD, "fog")
    assert isinstance(nothing.new_findings, pd.DataFrame)
