"""The files around the package: workflows, dependabot, pre-commit, citation, metadata, and the script that CI runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documents import REPOSITORY, ROOT, name_of, text_of

PROJECT = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CITATION = ROOT / "CITATION.cff"


def load(path: Path) -> Any:
    return yaml.safe_load(text_of(path))


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_actions_are_pinned_to_major_versions(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"actions/[\w-]+@v\d+", name)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_jobs_have_a_time_limit_and_read_permission_only(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 120 for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_jobs_run_the_commands_of_the_readme(path: Path) -> None:
    """A job runs the CI script, or a README command with its extra and its check."""
    readme = text_of(ROOT / "README.md")
    (test_command,) = re.findall(r"^<!-- test -->\n```sh\n(.*)\n```$", readme, flags=re.MULTILINE)
    install, _, check = test_command.partition(" && ")
    (build_docs,) = re.findall(r"`(pip install '\.\[docs\]' && [^`]+)`", readme)
    for job in load(path)["jobs"].values():
        commands = [step["run"] for step in job["steps"] if "run" in step]
        text = " && ".join(commands)
        extra = install.removeprefix("pip install ")
        assert ".ci/run" in commands or build_docs in commands or (extra in text and commands[-1].endswith(check)), text


def test_supported_versions_are_tested_on_every_system() -> None:
    matrix = load(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["all-checks"]["strategy"]["matrix"]
    classified = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert matrix["python"] == classified
    assert PROJECT["requires-python"] == f">={classified[0]}"
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}


def test_dependabot() -> None:
    found = load(ROOT / ".github" / "dependabot.yml")
    assert found["version"] == 2
    assert {update["package-ecosystem"] for update in found["updates"]} == {"github-actions", "pip"}


def test_pre_commit_runs_the_linters_of_ci() -> None:
    repos = {entry["repo"]: entry for entry in load(ROOT / ".pre-commit-config.yaml")["repos"]}
    assert {repo.rpartition("/")[2] for repo in repos} == {"ruff-pre-commit", "mirrors-mypy"}
    assert {hook["id"] for entry in repos.values() for hook in entry["hooks"]} == {"ruff-check", "ruff-format", "mypy"}
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", entry["rev"]) for entry in repos.values())


def test_citation_is_of_this_version() -> None:
    """Keys and types of the Citation File Format 1.2.0."""
    found = load(CITATION)
    allowed = {"authors", "cff-version", "keywords", "license", "message", "references", "repository-code", "title", "type"}
    assert {"authors", "cff-version", "message", "title"} <= set(found) <= allowed | {"url", "version"}
    assert found["cff-version"] == "1.2.0"
    assert found["type"] == "software"
    assert str(found["version"]) == PROJECT["version"]
    assert found["license"] == PROJECT["license"]
    assert found["repository-code"] == PROJECT["urls"]["Homepage"] == REPOSITORY
    for entry in found["references"]:
        assert {"authors", "title", "type", "url", "year"} == set(entry)
        assert all({"family-names", "given-names"} == set(author) for author in entry["authors"])


def test_urls_lead_to_existing_files() -> None:
    for url in PROJECT["urls"].values():
        assert url.startswith(REPOSITORY)
        if "/blob/main/" in url:
            assert (ROOT / url.partition("/blob/main/")[2]).is_file()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_ci_script_finds_the_commands(tmp_path: Path) -> None:
    script = text_of(ROOT / ".ci" / "run")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    function = re.search(r"^command_from_readme\(\) \{.*?^\}", script, flags=re.MULTILINE | re.DOTALL)
    assert function is not None
    shutil.copy(ROOT / "README.md", tmp_path)
    for marker, expected in (("install", "pip install . && curv-issues demo\n"), ("test", "pip install '.[test]' && pytest\n")):
        done = subprocess.run(
            ["bash", "-c", f"{function[0]}\ncommand_from_readme {marker}"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout == expected
