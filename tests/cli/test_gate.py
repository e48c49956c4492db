"""curv-issues audit and show with --fail-on and --baseline; what they write on GitHub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curv_issues import AuditResult
from tests.cli.running import audit, check_error, run, strict_json
from tests.data.images import write_image_folder
from tests.gate.results import result_with
from tests.gate.runner import commands_in

FLAGGED = ("--cut-off", "25%", "--score", "cumulative_loss")  # a single score has no ties: 6 of 24 samples


@pytest.fixture(autouse=True)
def outside_of_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(here: Path) -> Path:
    """A finished result: 2 of 4 samples have a label issue, another 2 a conflict."""
    return result_with("abcd", flagged=[0, 1], conflicts=[2, 3], paths=["a.png", "b.png", None, "d.png"], **RECORDED).save(
        here / "out"
    )


RECORDED = {"seconds": {"load": 1.0}, "num_findings": {"label_issue": 2, "duplicate_conflict": 2}}


def gate_lines(result: object) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("Gate: ")]  # type: ignore[attr-defined]


def test_audit_fails_after_the_result_is_saved_and_printed(pets: Path) -> None:
    rules = ("--fail-on", "label_issue>5", "--fail-on", "label_issue > 30%")
    result = audit(pets, "--format", "json", "--quiet", *FLAGGED, *rules)
    assert result.exit_code == 1
    assert len(strict_json(result.stdout)["findings"]) >= 6
    assert result.stderr.splitlines() == [
        "Gate: label_issue>5 failed: 6 of 24 samples (25%).",
        "Gate: label_issue>30% passed: 6 of 24 samples (25%).",
    ]
    assert len(AuditResult.load("curv-issues-pets-train")) == 24
    shown = run("show", "curv-issues-pets-train", "--fail-on", "label_issue>6")
    assert shown.exit_code == 0
    assert gate_lines(shown) == ["Gate: label_issue>6 passed: 6 of 24 samples (25%)."]
    assert shown.stdout.splitlines()[-1] == "Results: curv-issues-pets-train"


def test_audit_with_a_baseline(pets: Path) -> None:
    options = (pets, "--output", "out", "--score", "cumulative_loss", "--no-duplicates")
    assert audit(*options, "--cut-off", "25%").exit_code == 0
    more = ("--overwrite", "--cut-off", "50%", "--fail-on", "label_issue>0", "--baseline", "out")  # read before it is replaced
    result = audit(*options, *more)
    assert result.exit_code == 1
    assert gate_lines(result) == ["Gate: label_issue>0 failed: 6 of 24 samples (25%) with new findings, 6 with known ones only."]
    assert run("show", "out", "--fail-on", "any>0", "--baseline", "out/findings.parquet").exit_code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--fail-on", "label_issue"), "The rule 'label_issue' is not of the form KIND>N"),
        (("--fail-on", "any>0", "--fail-on", "fog>1"), "Unknown kind of finding 'fog'"),
        (("--fail-on", "any>=0"), "always fails"),
        (("--fail-on", "leakage>0"), "needs an audit with --against SPLIT"),
        (("--fail-on", "duplicate_conflict>0", "--no-duplicates"), "without --no-duplicates"),
        (("--fail-on", "any>0", "--baseline", "nowhere"), "The baseline nowhere does not exist"),
        (("--fail-on", "leakage>0", "--against", "test", "--baseline", "out"), "The baseline out has no table of leakage"),
        (("--baseline", "out"), "--baseline is for the rules of --fail-on"),
    ],
)
def test_mistakes_are_found_before_the_training(
    options: tuple[str, ...], words: str, folder: Path, pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curv_issues.auditing.audit.load_and_audit", lambda *_, **__: pytest.fail("started too early"))
    check_error(audit(pets, "--output", "new", *options), 2, words)
    assert not Path("new").exists()
    if options[0] == "--baseline":
        check_error(run("show", folder, *options), 2, words)


def test_interruption_has_its_own_exit_code(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("curv_issues.duplicates.search.compare_within", interrupted)
    result = audit(pets, *FLAGGED, "--fail-on", "any>0")
    assert result.exit_code == 130
    assert gate_lines(result) == []
    shown = run("show", "curv-issues-pets-train", "--fail-on", "any>0")
    check_error(shown, 2, "The result is of an interrupted audit, but the gate needs a finished one")


def test_leakage(here: Path) -> None:
    for split in ("train", "test"):
        write_image_folder(here / "shots", {"cat": 6, "dog": 6}, split=split)
    result = audit("shots", "--against", "test", "--quiet", "--fail-on", "leakage>50%", "--fail-on", "label_issue>9")
    found = AuditResult.load("curv-issues-shots-train").leakage["row"].nunique()
    assert found > 6
    assert gate_lines(result)[0] == f"Gate: leakage>50% failed: {found} of 12 samples ({100 * found / 12:.3g}%)."
    assert result.exit_code == 1
    flagged_none = "Note: The audit flagged no label automatically, so a rule on label_issue cannot fail; see its notes."
    assert result.stderr.splitlines()[0] == flagged_none  # after one epoch


def test_show_counts_every_kind(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rules = ("--fail-on", "label_issue>1", "--fail-on", "duplicate_conflict>50%", "--fail-on", "any>3")
    result = run("show", folder, "--kind", "duplicate_conflict", "--format", "json", *rules)
    assert result.exit_code == 1
    assert {row["kind"] for row in json.loads(result.stdout)["findings"]} == {"duplicate_conflict"}
    assert gate_lines(result) == [
        "Gate: label_issue>1 failed: 2 of 4 samples (50%).",
        "Gate: duplicate_conflict>50% passed: 2 of 4 samples (50%).",
        "Gate: any>3 failed: 4 of 4 samples (100%).",
    ]
    assert run("show", folder, "--fail-on", "any>0", "--baseline", folder).exit_code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_without_rules_nothing_is_added(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder.parent / "summary.md"))
    result = run("show", folder)
    assert result.exit_code == 0
    assert commands_in(result.stdout + result.stderr) == []
    assert not (folder.parent / "summary.md").exists()


@pytest.mark.parametrize("format", ["json", "csv", "table", "md"])
def test_annotations_go_to_stderr(format: str, folder: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run("show", folder, "--format", format, "--fail-on", "label_issue>0")
    assert commands_in(plain.stdout + plain.stderr) == []
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(here))
    (here / "b.png").touch()
    result = run("show", folder, "--format", format, "--fail-on", "label_issue>0")
    assert (result.exit_code, result.stdout) == (1, plain.stdout)
    found = commands_in(result.stderr)
    assert [(name, properties.get("file")) for name, properties, _ in found] == [
        ("error", "b.png"),
        ("error", None),
        ("warning", None),
    ]
    assert gate_lines(result) == gate_lines(plain)


def test_job_summary_is_appended(folder: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = here / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    run("show", folder, "--fail-on", "label_issue>0")
    run("show", folder, "--fail-on", "label_issue>2", "--quiet")
    text = path.read_text()
    assert text.startswith("before\n## curv-issues: gate failed\n")
    assert text.count("## curv-issues: gate passed\n") == 1
    assert "| label\\_issue | b.png | dog | cat |" in text


def test_a_job_summary_that_cannot_be_written_is_a_note(folder: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(here / "nowhere" / "summary.md"))
    result = run("show", folder, "--fail-on", "any>4")
    assert result.exit_code == 0
    assert "Note: The job summary " in result.stderr
    assert "could not be written (No such file or directory)." in result.stderr
