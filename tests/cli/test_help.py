from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from curv_issues.cli.app import app
from tests.cli.running import command, environment, run

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def flags(name: str) -> set[str]:
    """Long flags of a command, "--help" left out."""
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


def test_help_and_wrong_options_wait_for_nothing_slow(here: Path) -> None:
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


def test_every_option_is_explained() -> None:
    for name, found in COMMANDS.items():
        assert found.help, name
    assert isinstance(app, typer.Typer)


def test_bench_takes_what_an_audit_takes() -> None:
    of_audit_only = {"--seed", "--measure", "--score", "--duplicates", "--no-duplicates", "--duplicate-threshold", "--against"}
    assert flags("audit") - flags("bench") == of_audit_only
    assert flags("bench") - flags("audit") == {"--noise", "--methods", "--seeds", "--resume"}
