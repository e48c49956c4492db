"""action.yml and the example workflow: what they name exists, and the scripts run as a runner of GitHub Actions runs them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from curv_issues import AuditResult
from curv_issues.gate.rules import parse_rules
from tests.cli.running import environment
from tests.cli.test_help import COMMANDS
from tests.data.images import write_image_folder
from tests.documents import REPOSITORY, ROOT, text_of
from tests.gate.runner import commands_in

ACTION = ROOT / "action.yml"
WORKFLOW = ROOT / "examples" / "github-workflow.yml"
needs_bash = pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs bash")


def load(path: Path) -> Any:
    return yaml.load(text_of(path), yaml.BaseLoader)


STEPS = {step.get("id", "upload"): step for step in load(ACTION)["runs"]["steps"]}


def test_the_action_is_composite_and_uses_every_input() -> None:
    action = load(ACTION)
    assert set(action) == {"name", "description", "branding", "inputs", "outputs", "runs"}
    assert action["runs"]["using"] == "composite"
    assert list(STEPS) == ["install", "audit", "upload"]
    assert list(action["inputs"]) == ["dataset", "fail-on", "baseline", "arguments", "version", "artifact"]
    assert all(given["description"] for given in action["inputs"].values())
    assert [name for name, given in action["inputs"].items() if "default" not in given] == ["dataset"]
    used = re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", text_of(ACTION))
    assert sorted(used) == sorted(action["inputs"])


def test_scripts_contain_no_expressions() -> None:
    """An expression in a script would run what an input contains."""
    for name in ("install", "audit"):
        assert STEPS[name]["shell"] == "bash"
        assert "${{" not in STEPS[name]["run"]
        for value in STEPS[name]["env"].values():
            assert re.fullmatch(r"\$\{\{ (inputs|steps\.install\.outputs)\.[\w-]+ \}\}", value)


def test_results_are_uploaded_also_after_a_failure() -> None:
    upload = STEPS["upload"]
    assert upload["if"] == "always() && steps.audit.outputs.results != ''"
    assert re.fullmatch(r"actions/upload-artifact@v\d+", upload["uses"])
    assert upload["with"]["path"] == load(ACTION)["outputs"]["results"]["value"] == "${{ steps.audit.outputs.results }}"


def test_the_example_workflow_uses_the_action() -> None:
    workflow = load(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert int(job["timeout-minutes"]) <= 120
    *others, last = job["steps"]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in others)
    assert last["uses"] == f"{REPOSITORY.removeprefix('https://github.com/')}@main"
    assert set(last["with"]) <= set(load(ACTION)["inputs"])
    assert len(parse_rules(last["with"]["fail-on"].splitlines())) == 2
    check_arguments(last["with"]["dataset"], *shlex.split(last["with"]["arguments"]))
    (line,) = re.findall(r"curv-issues audit (.*?) && ", text_of(WORKFLOW))
    check_arguments(*shlex.split(line))


def check_arguments(*arguments: str) -> None:
    COMMANDS["audit"].make_context("audit", list(arguments))  # raises an error if an option is unknown


def run_step(name: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as GitHub's runner does, with the variables that it sets."""
    (home / "temp").mkdir(exist_ok=True)
    (home / "repository").mkdir(exist_ok=True)
    script = home / "script.sh"
    script.write_text(STEPS[name]["run"])
    given = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_OUTPUT": str(home / "output"),
        "GITHUB_STEP_SUMMARY": str(home / "summary"),
        "GITHUB_WORKSPACE": str(home / "repository"),
        "RUNNER_TEMP": str(home / "temp"),
    }
    empty = dict.fromkeys(STEPS[name]["env"], "")  # inputs that are not given
    line = [shutil.which("bash") or "bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    variables = environment({**empty, **given, **env})
    return subprocess.run(line, cwd=home / "repository", env=variables, capture_output=True, text=True, timeout=240)


def outputs(home: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (home / "output").read_text().splitlines())  # type: ignore[misc]


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@needs_bash
def test_a_dataset_is_audited(tmp_path: Path) -> None:
    folder = write_image_folder(tmp_path / "repository" / "my photos", {"cat": 12, "dog": 12})
    done = run_step(
        "audit",
        tmp_path,
        PYTHON=sys.executable,
        DATASET="./my photos\n",
        FAIL_ON="label_issue>10%\n\n any > 90% \n",
        ARGUMENTS="--epochs 1 --resolution 8 --device cpu\n--cut-off '25%' --score cumulative_loss --quiet",
    )
    assert done.returncode == 1, done.stderr
    results = Path(outputs(tmp_path)["results"])
    assert results.parent == tmp_path / "temp"
    result = AuditResult.load(results)
    assert result.summary["dataset"]["opened_with"]["dataset"] == [str(folder)]
    assert "Gate: label_issue>10% failed: 6 of 24 samples (25%)." in done.stderr
    assert (tmp_path / "summary").read_text().startswith("## curv-issues: gate failed\n")
    found = commands_in(done.stdout + done.stderr)
    assert {name for name, _, _ in found} <= {"error", "warning"}
    assert len(found) >= 6
    for _, properties, _ in found:
        assert (tmp_path / "repository" / properties["file"]).is_file()


@needs_bash
def test_inputs_are_arguments_and_never_run(tmp_path: Path) -> None:
    attack = "$(touch pwned); `touch pwned` \"'*\\"
    recorder = program(
        tmp_path / "python", f'if [ "$1" = -c ]; then exec {shlex.quote(sys.executable)} "$@"; fi\nprintf "%s\\0" "$@" > arguments'
    )
    inputs = {"DATASET": f"a.parquet\n{attack}\n-b", "FAIL_ON": f"any>0\n{attack}", "BASELINE": attack}
    done = run_step("audit", tmp_path, PYTHON=str(recorder), ARGUMENTS=f"--seed 1 {shlex.quote(attack)} 'a  b' *", **inputs)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "repository" / "arguments").read_text().split("\0")[:-1] == [
        *("-m", "curv_issues", "audit", "--seed", "1", attack, "a  b", "*"),
        *("--fail-on", "any>0", "--fail-on", attack, "--baseline", attack),
        *("--output", outputs(tmp_path)["results"], "--", "a.parquet", attack, "-b"),
    ]
    assert os.listdir(tmp_path / "repository") == ["arguments"]


@needs_bash
def test_quotes_that_do_not_match_fail(tmp_path: Path) -> None:
    done = run_step("audit", tmp_path, PYTHON=sys.executable, DATASET="a", ARGUMENTS="--split 'train")
    assert done.returncode != 0
    assert "No closing quotation" in done.stderr


VERSIONS = {"": str(ROOT), "0.1.0": "curv-issues==0.1.0", "1; touch x": "curv-issues==1; touch x"}


@needs_bash
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("has_gpu", [False, True])
def test_installation(version: str, has_gpu: bool, tmp_path: Path) -> None:
    """With a stand-in for Python, as the tests have no network: `-m venv FOLDER` copies it, anything else is recorded."""
    tools = tmp_path / "tools"
    copy = 'mkdir "$3/bin" && cp "$0" "$3/bin/python"'
    program(tools / "python3", f'if [ "$2" = venv ]; then {copy}; else echo "$@" >> {shlex.quote(str(tmp_path / "log"))}; fi')
    for name in ("bash", "cp", "mkdir", "mktemp"):
        (tools / name).symlink_to(shutil.which(name) or name)
    if has_gpu:
        program(tools / "nvidia-smi", "")
    done = run_step("install", tmp_path, VERSION=version, PATH=str(tools))
    assert done.returncode == 0, done.stderr
    torch = "-m pip install --quiet torch torchvision --index-url https://download.pytorch.org/whl/cpu"
    expected = [*([] if has_gpu else [torch]), f"-m pip install --quiet {VERSIONS[version]}"]
    assert (tmp_path / "log").read_text().splitlines() == expected
    assert Path(outputs(tmp_path)["python"]).is_relative_to(tmp_path / "temp")


@needs_bash
def test_a_runner_without_python_is_told_what_to_add(tmp_path: Path) -> None:
    done = run_step("install", tmp_path, PATH=str(tmp_path))
    assert done.returncode == 1
    assert commands_in(done.stdout) == [("error", {}, "Python is missing; add actions/setup-python.")]
