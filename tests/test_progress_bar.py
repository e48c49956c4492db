from __future__ import annotations

import contextlib
import io
import logging
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import curv_issues
import curv_issues.progress_bar
from curv_issues.progress import Progress
from curv_issues.progress_bar import live_progress
from tests.small import linear_probe, make_data


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def terminal_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_one_line_per_stage_and_half_minute_when_piped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, now = io.StringIO(), [100.0]
    monkeypatch.setattr("curv_issues.progress_bar.time.monotonic", lambda: now[0])
    with contextlib.redirect_stderr(stream), live_progress() as progress:
        assert progress is not None
        for second in range(0, 80, 9):
            now[0] = 100.0 + second
            progress(Progress("train", second, 100, 1, 2, 0.5))
            if second == 27:
                progress(Progress("score", second, 100))
    assert stream.getvalue().splitlines() == [
        "training, epoch 1 of 2, loss 0.500 (18%)",
        "measuring curvature (27%)",
        "training, epoch 1 of 2, loss 0.500 (63%)",
    ]


def test_quiet_prints_nothing() -> None:
    terminal = Terminal()
    with contextlib.redirect_stderr(terminal), live_progress(quiet=True) as progress:
        assert progress is None
    assert terminal.getvalue() == ""


def test_stage_epoch_loss_and_time_left() -> None:
    terminal = Terminal()
    with contextlib.redirect_stderr(terminal), live_progress() as progress:
        assert progress is not None
        progress(Progress("load", 50, 100))
        progress(Progress("train", 30, 120, 2, 12, 0.4567))
        progress(Progress("score", 5, 10))
    shown = without_escapes(terminal.getvalue())
    assert "loading images" in shown
    assert "training, epoch 2 of 12, loss 0.457" in shown  # whole in 80 columns
    assert "measuring curvature" in shown
    assert "25%" in shown
    assert re.search(r"left +(-:--:--|\d+:\d\d)", shown)


def test_every_stage_has_a_text() -> None:
    terminal = Terminal()
    with contextlib.redirect_stderr(terminal), live_progress() as progress:
        assert progress is not None
        for stage in curv_issues.progress_bar.STAGES:
            progress(Progress(stage, 1, 2))
    shown = without_escapes(terminal.getvalue())
    assert all(text in shown for text in curv_issues.progress_bar.STAGES.values())


def test_no_color_turns_off_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    with contextlib.redirect_stderr(terminal), live_progress() as progress:
        assert progress is not None
        progress(Progress("train", 30, 120, 2, 12, 0.4567))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", terminal.getvalue())
    assert "epoch 2 of 12" in without_escapes(terminal.getvalue())


LOG = logging.getLogger("curv_issues.data.anything")
HOSTILE = "left out: a\nb\x1b[31m\u202egnp.png [red]x[/] :smile: " + "long " * 30
SHOWN = "left out: a\\nb\\x1b[31m\\u202egnp.png [red]x[/] :smile: " + "long " * 30


def test_log_message_is_one_escaped_line_when_piped() -> None:
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream), live_progress():
        LOG.info("%s", HOSTILE)
        LOG.debug("below the level")
    LOG.info("after the run")
    assert stream.getvalue() == SHOWN + "\n"


def test_log_message_is_printed_above_the_progress_line() -> None:
    terminal = Terminal()
    with contextlib.redirect_stderr(terminal), live_progress() as progress:
        assert progress is not None
        progress(Progress("train", 30, 120, 2, 12, 0.4567))
        LOG.info("%s", HOSTILE)
        progress(Progress("train", 60, 120, 2, 12, 0.4567))
    assert SHOWN + "\n" in without_escapes(terminal.getvalue())


def test_no_log_message_if_quiet_or_outside_a_command() -> None:
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream), live_progress(quiet=True):
        LOG.warning("a message")
    assert stream.getvalue() == ""
    script = "import logging, curv_issues; logging.getLogger('curv_issues.data').warning('a message')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def output_of_audit(progress: Any, stream: io.StringIO) -> str:
    """Return what an audit of 24 tiny images prints on this stderr."""
    with contextlib.redirect_stderr(stream):
        curv_issues.audit(make_data(24), epochs=1, duplicates=False, probe=linear_probe, progress=progress)
    return without_escapes(stream.getvalue())


def test_audit_shows_progress_on_a_terminal_unless_turned_off() -> None:
    assert "training, epoch 1 of 1" in output_of_audit(None, Terminal())
    assert "training, epoch 1 of 1" in output_of_audit(True, Terminal())
    assert output_of_audit(False, Terminal()) == ""


def test_audit_prints_nothing_when_piped(capfd: pytest.CaptureFixture[str]) -> None:
    for progress in (None, False):
        assert output_of_audit(progress, io.StringIO()) == ""
    assert capfd.readouterr() == ("", "")


def test_audit_calls_a_progress_function_and_prints_nothing() -> None:
    stages = []
    assert output_of_audit(lambda step: stages.append(step.stage), Terminal()) == ""
    assert {"train", "score"} <= set(stages)


def test_notebook_shows_one_line_that_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setattr("curv_issues.progress_bar.SECONDS_BETWEEN_UPDATES", 0)
    shown = output_of_audit(None, io.StringIO())
    assert "\rtraining, epoch 1 of 1, loss" in shown
    assert "\n" not in shown
    assert shown.endswith(" \r")  # cleared at the end
    assert output_of_audit(False, io.StringIO()) == ""
    monkeypatch.setattr(notebook, "get_ipython", lambda: SimpleNamespace())  # IPython in a terminal, its output redirected
    assert output_of_audit(None, io.StringIO()) == ""
