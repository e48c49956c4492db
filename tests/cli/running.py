"""Run the command in this process (fast once torch is imported) or in a separate one (as users do)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from typer.testing import CliRunner

from curv_issues.cli.app import app
from tests.data.images import encode, write_parquet
from tests.small import make_arrays

ROOT = Path(__file__).parents[2]
TINY = ("--epochs", "1", "--resolution", "8", "--device", "cpu")


def run(*arguments: object) -> Any:
    """Run `curv-issues ARGUMENTS` in this process; raise any exception that it does not handle."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def audit(*arguments: object) -> Any:
    """Run `curv-issues audit` for one epoch at 8 pixels; later options win."""
    return run("audit", *TINY, *arguments)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a subprocess: this source tree, one thread, 80 columns."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING")}
    return {**plain, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "80", "TERM": "xterm", **(extra or {})}


def command(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `curv-issues ARGUMENTS` in a separate process."""
    line = [sys.executable, "-m", "curv_issues", *map(str, arguments)]
    return subprocess.run(line, cwd=cwd, env=environment(env), capture_output=True, text=True, encoding="utf-8", timeout=240)


def messages_of(result: Any) -> list[str]:
    """Return the lines on stderr, without those on the files and labels read."""
    return [line for line in result.stderr.splitlines() if not line.startswith(("files: ", "labels: "))]


def check_error(result: Any, code: int, *words: str) -> str:
    """Check the exit code, empty stdout and one error line on stderr that contains the words; return that line.

    Lines on the files and labels read may come before it.
    """
    returned = result.returncode if isinstance(result, subprocess.CompletedProcess) else result.exit_code
    assert (returned, result.stdout) == (code, ""), result.stderr
    lines = messages_of(result)
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("Error: ")
    assert lines[0].endswith((".", ")")), lines[0]
    for word in words:
        assert word in lines[0], lines[0]
    return lines[0]


def strict_json(text: str) -> Any:
    """Parse JSON; refuse NaN and Infinity."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def summary_of(folder: Path) -> dict[str, Any]:
    return strict_json((folder / "summary.json").read_text(encoding="utf-8"))


def scores_of(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "scores.parquet")


def tiny_parquet(path: Path, *, n: int = 24, names: tuple[str, ...] = ("cat", "dog")) -> Path:
    """Learnable 8x8 images, sample i of class i mod k."""
    from PIL import Image

    images, labels = make_arrays(n, len(names))
    contents = [encode(Image.fromarray(image[..., 0])) for image in images]
    return write_parquet(path, [names[label] for label in labels], images=contents)
