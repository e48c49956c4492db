from __future__ import annotations

import json

import pytest

from curv_issues.errors import UsageError
from curv_issues.report.scores import list_scores, render_scores
from curv_issues.trackers import SCORES
from tests.cli.running import run


def test_json_has_every_score_with_its_metadata() -> None:
    listed = {entry["score"]: entry for entry in json.loads(render_scores("json"))}
    assert set(SCORES) <= set(listed)
    for name, info in SCORES.items():
        entry = listed[name]
        assert (entry["suspect"], entry["cost"], entry["source"]) == (info.direction, info.cost, info.source)
        assert entry["measured"] == ("on demand" if info.on_demand else "always")


def test_table_has_a_line_for_each_score() -> None:
    lines = render_scores("table").splitlines()
    assert lines[0].split()[:3] == ["score", "suspect", "measured"]
    assert {line.split()[0] for line in lines[2:]} >= set(SCORES)


def test_table_fits_100_columns_with_all_text() -> None:
    lines = render_scores("table").splitlines()
    assert max(map(len, lines)) <= 100
    column = lines[0].index("description")
    folded = " ".join(line[column:].strip() for line in lines[2:])
    for entry in list_scores():
        assert entry["description"] in folded
        assert f"cost: {entry['cost']} {entry['source']}" in folded
    assert "baseline: confident_learning" in folded


def test_scores_command() -> None:
    shown = run("scores")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout == render_scores("table") + "\n"
    assert json.loads(run("scores", "--format", "json").stdout)
    wrong = run("scores", "--format", "csv")
    assert (wrong.exit_code, wrong.stderr) == (2, "Error: Unknown format 'csv'; choose one of: table, json.\n")


def test_unknown_format_is_refused() -> None:
    with pytest.raises(UsageError, match="Unknown format 'xml'; choose one of: table, json"):
        render_scores("xml")
