"""What an export says about an audit: no path of this machine, and a command that repeats it."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from markdown_it import MarkdownIt
from typer.main import get_command

from curv_issues.auditing.rejudge import only_kind
from curv_issues.cli.app import app
from curv_issues.export.card import render
from curv_issues.export.description import command_line, describe_source, public_notes, public_path, public_source
from curv_issues.option import list_options
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.results.result import AuditResult
from tests.made_up import make_result


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (None, None),
        ("cat/1.png", "cat/1.png"),
        ("cat/.. /1.png", "cat/.. /1.png"),
        ("/home/me/cat/1.png", "1.png"),
        ("../cat/1.png", "1.png"),
        ("cat/../../me/1.png", "1.png"),
        ("~/cat/1.png", "1.png"),
        (r"C:\Users\me\1.png", "1.png"),
        (r"\\server\me\1.png", "1.png"),
        (r"..\me\1.png", "1.png"),
        ("zip://cat/1.png::/home/me/a.zip", "cat/1.png"),
        ("zip:///home/me/1.png::a.zip", "1.png"),
        ("https://me:secret@host/1.png", "1.png"),
    ],
)
def test_paths_that_may_be_published(path: str | None, shown: str | None) -> None:
    assert public_path(path) == shown


@pytest.mark.parametrize(
    ("dataset", "shown"),
    [
        ({"source": "org/name", "revision": "abc"}, "org/name"),
        ({"source": "/home/me/photos"}, "photos"),
        ({"source": "./photos/"}, "photos"),
        ({"source": "a/b.parquet and 3 more"}, "b.parquet and 3 more"),
        ({"source": ".", "opened_with": {"dataset": ["/home/me/photos"], "options": {}}}, "photos"),
        ({"source": "DataFrame", "opened_with": None}, "DataFrame"),
        ({"source": None}, "a local dataset"),
        ({"source": "/", "opened_with": {"dataset": [7]}}, "a local dataset"),
    ],
)
def test_the_name_of_a_dataset(dataset: dict[str, Any], shown: str) -> None:
    assert public_source(dataset) == shown


def test_what_was_audited() -> None:
    dataset = {"source": "org/name", "revision": "abc", "split": "test", "config_name": "small"}
    assert describe_source({"dataset": dataset}) == "org/name, configuration small, split test, revision abc"
    assert describe_source({"dataset": {"source": "/x/photos", "split": None}}) == "photos"


def plain(group: type) -> dict[str, Any]:
    return {info.name: info.default for info in list_options(group)}


def summary(options: dict[str, Any] | None = None, *, opened: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    defaults = {**plain(TrainingOptions), **plain(FindingOptions), **plain(DuplicateOptions), "measure": []}
    record = {"dataset": ["/home/me/my photos"], "options": opened or {}}
    dataset = {"source": "./my photos", "opened_with": record, **more.pop("dataset", {})}
    return {"dataset": dataset, "options": {**defaults, **(options or {})}, "input": "images", "pred_probs": "in-sample", **more}


OF_HUB = {"source": "org/x", "revision": "abc", "opened_with": {"dataset": ["org/x"], "options": {"revision": "main"}}}
OTHERS = {"seed": 3, "flip": False, "fine_tune": True, "backbone": "timm:resnet18", "measure": ["label_contrast"]}


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (summary(), "'my photos'"),
        (
            summary(OTHERS),
            "'my photos' --seed 3 --backbone timm:resnet18 --input images --fine-tune --no-flip --measure label_contrast",
        ),
        (summary({"cut_off": "2%", "duplicates": False}), "'my photos' --cut-off 2% --no-duplicates"),
        (summary(opened={"labels": "/x/a.csv", "split": "test"}), "'my photos' --split test --labels a.csv"),
        (summary(opened={"features": "/x/f.npy", "splits": False}), "'my photos' --features f.npy --no-splits"),
        (summary(opened={"features_column": ["a", "b"]}), "'my photos' --features-column a --features-column b"),
        (summary(other_split={"split": "test"}), "'my photos' --against test"),
        (summary(dataset=OF_HUB), "org/x --revision abc"),
    ],
)
def test_the_command(found: dict[str, Any], command: str) -> None:
    made = command_line(found)
    assert made == f"curv-issues audit {command}"
    group: Any = get_command(app)
    group.commands["audit"].make_context("audit", shlex.split(made)[2:])  # raises an error if an option is unknown


@pytest.mark.parametrize(
    "found",
    [
        summary(dataset={"opened_with": None}),
        summary({"probe": "MyNet"}),
        summary({"score": "entropy"}),
        summary(opened={"split": "a`b"}),
        summary(opened={"split": "a\nb"}),
        summary(pred_probs="out-of-sample"),
        {**summary(), "options": None},
        {"dataset": {"opened_with": {"dataset": 7, "options": {}}}, "options": {}},
        {"dataset": {"opened_with": {"dataset": [7], "options": {}}}, "options": {}},
    ],
)
def test_no_command_can_repeat_it(found: dict[str, Any]) -> None:
    assert command_line(found) is None


def test_notes_that_may_be_published() -> None:
    notes = ["Plain.", "In /home/me/a.csv.", r"In C:\Users.", 7]
    assert public_notes({"notes": notes}) == ["Plain."]
    assert public_notes({"notes": None}) == public_notes({}) == []


def test_the_card(result: AuditResult) -> None:
    text = render(result)
    assert text.startswith("## Label audit\n\n[curv-issues](https://github.com/curv-issues/curv-issues) 0.1.0 audited ")
    assert "audited 9 samples of 3 classes: photos.\n" in text
    assert "| label_issue | 3 | A label that looks wrong to the probe |" in text
    assert "| duplicate_conflict | 2 |" in text
    assert "About 3 of 9 labels are wrong (2 to 5), or more if errors are more frequent on unclear samples." in text
    assert "Seed: 7." in text
    assert render(only_kind(result, "duplicate_conflict")).count("| 0 |") == 1


def test_the_card_has_the_command_and_says_what_is_preliminary(result: AuditResult) -> None:
    more = summary(complete=False)
    changed = result.with_extras(**{**more, "dataset": {**result.summary["dataset"], **more["dataset"]}})
    text = render(changed)
    assert text.endswith("```sh\ncurv-issues audit 'my photos'\n```")
    assert "The audit was interrupted, so these numbers are preliminary." in text
    assert "```" not in render(result)


def test_names_in_the_card_are_text() -> None:
    result = make_result()
    hostile = "<script>alert(1)</script> | [a](http://b) `c`"
    text = render(result.with_extras(dataset={**result.summary["dataset"], "source": hostile, "revision": hostile}, seed=hostile))
    tokens = [child for token in MarkdownIt().enable("table").parse(text) for child in token.children or []]
    assert [token.attrGet("href") for token in tokens if token.type == "link_open"] == [
        "https://github.com/curv-issues/curv-issues"
    ]
    assert {token.type for token in tokens} <= {"text", "link_open", "link_close", "softbreak", "text_special"}
