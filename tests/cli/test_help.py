from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from curv_issues.cli.app import app
from curv_issues.cli.help import examples_of
from curv_issues.data.source_options import SourceOptions
from curv_issues.option import option_names
from curv_issues.options import FindingOptions, TrainingOptions
from tests.cli.running import command, environment, run

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def flags(name: str) -> set[str]:
    """Return the long options of a command, without "--help"."""
    return {
        flag
        for option in COMMANDS[name].params
        for flag in (*option.opts, *option.secondary_opts)
        if flag.startswith("--") and flag != "--help"
    }


def test_no_arguments_show_the_help() -> None:
    result = run()
    assert result.exit_code == 2
    assert "Usage:" in result.output
    assert "audit" in result.output
    assert "demo" in result.output


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(flag: str) -> None:
    shown = run("audit", flag)
    assert shown.exit_code == 0
    assert shown.stderr == ""
    assert {f for f in flags("audit") if f not in shown.stdout} == set()
    assert run(flag).stdout.count("audit") >= 1


def test_help_and_invalid_options_import_nothing_slow(here: Path) -> None:
    script = """
import sys
from typer.testing import CliRunner
from curv_issues.cli.app import app
codes = [CliRunner().invoke(app, line).exit_code for line in (
    ["--help"], ["audit", "--help"], ["demo", "--help"], ["audit", "x", "--epochs", "0"], ["audit", "x", "--probe", "big"])]
print(codes, [name for name in ("torch", "datasets", "cleanlab", "pandas", "sklearn") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], env=environment(), cwd=here, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0, 0, 0, 2, 2] []"


def test_version() -> None:
    import importlib.metadata

    result = run("--version")
    assert result.exit_code == 0
    try:
        expected = importlib.metadata.version("curv-issues")
    except importlib.metadata.PackageNotFoundError:
        expected = "unknown: run from a checkout that is not installed"
    assert result.stdout.strip() == expected


def test_usage_errors_of_the_parser(here: Path) -> None:
    for line, words in (
        (["audit"], "Missing argument"),
        (["audit", "x", "--epochs", "two"], "--epochs"),
        (["audit", "x", "--no-such-option"], "--no-such-option"),
        (["audit", "x", "--learning-rate", "fast"], "--learning-rate"),
        (["adit"], "adit"),
    ):
        result = run(*line)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr
    done = command("audit", cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert list(here.iterdir()) == []


def test_every_option_has_help() -> None:
    assert [(name, option.name) for name, found in COMMANDS.items() for option in found.params if not option.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_have_full_help_and_two_valid_examples(name: str) -> None:
    shown, found = run(name, "--help").stdout, COMMANDS[name]
    assert found.help.count("\n\n") >= 1  # a summary, and what the command does
    for sentence in found.help.split():
        assert sentence in shown
    summary = " ".join(found.help.partition("\n")[0].split())
    assert summary in " ".join(run("--help").stdout.split())  # never cut off
    examples = examples_of(found)
    assert len(examples) == 2
    for example in examples:
        program, command_name, *arguments = shlex.split(example)
        assert (program, command_name) == ("curv-issues", name)
        assert f"\n    {example}\n" in shown  # on one line
        found.make_context(name, arguments)  # raises an error if an option is unknown


def test_options_are_grouped() -> None:
    sections = dict(re.findall(r"^(\w+):\n(.*?)(?=^\w+:\n|\Z)", run("audit", "--help").stdout, flags=re.MULTILINE | re.DOTALL))
    assert list(sections) == ["Arguments", "Data", "Training", "Findings", "Output", "Other"]
    for title, group in {"Data": SourceOptions, "Training": TrainingOptions, "Findings": FindingOptions}.items():
        for option in option_names(group):
            assert f"--{option.replace('_', '-')} " in sections[title], option
    for title, flag in {"Findings": "--against", "Output": "--format", "Other": "--debug"}.items():
        assert flag in sections[title]
    shown = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", run("audit", "--help").stdout, flags=re.MULTILINE)
    assert sorted(shown) == sorted(set(shown))  # each option is listed once


def test_shell_completion(here: Path) -> None:
    def as_installed(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; sys.argv[0] = 'curv-issues'; from curv_issues.cli.app import main; main()"
        line = [sys.executable, "-c", code, *arguments]
        return subprocess.run(line, cwd=here, env=environment(env), capture_output=True, text=True, check=True)

    without_detection = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # tests may run outside a shell
    script = as_installed("--show-completion", "bash", **without_detection).stdout
    assert "_CURV_ISSUES_COMPLETE=complete_bash" in script
    assert script.rstrip().endswith("curv-issues")
    words = {"_CURV_ISSUES_COMPLETE": "complete_bash", "COMP_WORDS": "curv-issues audit --le", "COMP_CWORD": "2"}
    done = as_installed(**words)
    assert (done.stdout.split(), done.stderr) == (["--learning-rate"], "")
    assert "--install-completion" in run("--help").stdout


def test_bench_shares_the_options_of_audit() -> None:
    only_in_audit = {"--seed", "--measure", "--score", "--duplicates", "--no-duplicates", "--duplicate-threshold"}
    only_in_audit |= {"--against", "--verbose", "--fail-on", "--baseline", "--decisions"}
    only_in_audit |= {"--images", "--no-images", "--report", "--no-report", "--show-column"}
    assert flags("audit") - flags("bench") == only_in_audit
    assert flags("bench") - flags("audit") == {"--noise", "--methods", "--seeds", "--resume"}
