from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from curv_issues import AuditResult
from curv_issues.results.tables import FILES
from tests.cli.running import command, run


@pytest.mark.slow  # a minute; .ci/run runs the demo too
def test_demo_finds_planted_errors(here: Path) -> None:
    """The complete demo, in a separate process."""
    done = command("demo", cwd=here)
    assert done.returncode == 0, done.stderr
    *table, where, labels, copies = done.stdout.splitlines()
    assert "suspicion" in "\n".join(table)
    assert where == "Results: curv-issues-demo"
    found = re.fullmatch(r"(\d+) wrong labels were planted; (\d+) of them are among the (\d+) suspect labels\.", labels)
    assert found is not None, labels
    planted, hits, findings = map(int, found.groups())
    assert planted == 90  # 5% of each class
    assert hits > 0.6 * planted
    assert hits > 0.6 * findings
    result = AuditResult.load(here / "curv-issues-demo")
    assert (len(result), int(result.scores["flagged"].sum()), result.complete) == (1817, findings, True)
    assert {path.name for path in (here / "curv-issues-demo").iterdir()} == set(FILES) - {"leakage.parquet"}
    found = re.fullmatch(r"20 copies of images under another label were planted; (\d+) of them are in the (\d+) groups\.", copies)
    assert found is not None, copies
    assert int(found[1]) == result.conflicts["row"].ge(1797).sum() >= 19
    assert int(found[2]) == result.conflicts["group"].nunique() <= 25


@pytest.mark.slow
def test_demo_in_other_formats(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the output is tested: the audit runs for one epoch."""
    import curv_issues.auditing.audit

    whole = curv_issues.auditing.audit.audit

    def quick(data: object, **options: Any) -> AuditResult:
        return whole(data, epochs=1, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(curv_issues.auditing.audit, "audit", quick)
    result = run("demo", "--format", "csv", "--output", "there")
    assert result.exit_code == 0
    assert result.stdout.startswith('"row","split"')
    assert "Results: there" in result.stderr
    assert "90 wrong labels were planted" in result.stderr
    assert "20 copies of images under another label were planted" in result.stderr
    again = run("demo", "--format", "csv", "--output", "there", "--quiet")  # replaces the older one
    assert (again.exit_code, again.stderr) == (0, "")
    assert [path.name for path in here.iterdir()] == ["there"]
