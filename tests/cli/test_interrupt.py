"""Ctrl-C and the progress line: simulated in this process, and with a real signal to a process on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import curv_issues.cli.app
import curv_issues.results.folder
from curv_issues import AuditResult, UsageError
from curv_issues.auditing.images import DrawnImages
from curv_issues.cli.saving import folder_for_interrupted
from curv_issues.progress import Progress, ProgressCallback
from tests.cli.running import audit, environment, messages_of, run, scores_of, strict_json, summary_of


def interrupt_at(monkeypatch: pytest.MonkeyPatch, stage: str, epoch: int | None = None) -> None:
    """Simulate Ctrl-C when progress reports this stage and epoch."""

    @contextlib.contextmanager
    def live_progress(*, quiet: bool = False) -> Iterator[ProgressCallback]:
        def report(progress: Progress) -> None:
            if (progress.stage, progress.epoch) == (stage, epoch):
                raise KeyboardInterrupt

        yield report

    monkeypatch.setattr(curv_issues.cli.app, "live_progress", live_progress)


def test_ranking_so_far_is_kept(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_at(monkeypatch, "train", 3)
    result = audit(pets, "--epochs", "5", "--format", "json", "--output", "out")
    assert result.exit_code == 130
    assert messages_of(result)[0] == "Interrupted; this is the ranking after 2 of 5 epochs (complete: false)."
    assert strict_json(result.stdout)["complete"] is False
    summary = summary_of(Path("out"))
    assert (summary["complete"], summary["epochs_done"]) == (False, 2)
    assert scores_of(Path("out"))["suspicion"].nunique() > 5


def test_ctrl_c_while_drawing_loses_only_the_contact_sheet(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["curv_issues.auditing.audit"], "draw_images", interrupted)
    result = audit(pets, "--epochs", "2", "--output", "out")
    assert result.exit_code == 130
    assert messages_of(result)[0] == "Interrupted; this is the ranking after 2 of 2 epochs."
    assert summary_of(Path("out"))["complete"] is True
    assert not Path("out", "findings.png").exists()


def test_partial_ranking_does_not_replace_a_complete_one(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit(pets, "--output", "out").exit_code == 0
    before = Path("out", "scores.parquet").read_bytes()
    with monkeypatch.context() as patched:
        interrupt_at(patched, "train", 3)
        result = audit(pets, "--epochs", "5", "--output", "out", "--overwrite")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (130, "Results: out-interrupted")
    assert Path("out", "scores.parquet").read_bytes() == before
    assert summary_of(Path("out"))["complete"] is True
    assert summary_of(Path("out-interrupted"))["complete"] is False


@pytest.mark.parametrize("output", ["out", ".", "x" * 250])
def test_interrupted_results_get_their_own_folders(pets: Path, here: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    assert audit(pets, "--output", output).exit_code == 0
    interrupt_at(monkeypatch, "train", 3)
    where = []
    for _ in range(3):
        result = audit(pets, "--epochs", "5", "--output", output, "--overwrite")
        assert result.exit_code == 130
        where.append(Path(result.stdout.splitlines()[-1].removeprefix("Results: ")))
    name = here.name if output == "." else output[:200]
    assert [path.name for path in where] == [f"{name}-interrupted", f"{name}-interrupted-2", f"{name}-interrupted-3"]
    assert [summary_of(path)["complete"] for path in (Path(output), *where)] == [True, False, False, False]


def test_interrupted_result_goes_inside_the_folder_if_not_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(folder: Path, **_: object) -> None:
        if folder.parent == tmp_path:
            raise UsageError("not writable.")

    monkeypatch.setattr("curv_issues.cli.saving.check_output", check)
    assert folder_for_interrupted(tmp_path / "out") == tmp_path / "out" / "interrupted"
    monkeypatch.setattr("curv_issues.cli.saving.check_output", lambda *_, **__: check(tmp_path / "x"))
    with pytest.raises(UsageError, match="cannot be written beside or within"):
        folder_for_interrupted(tmp_path / "out")


def interrupt_first_call(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    """Simulate Ctrl-C in the first call of a function."""
    original, calls = getattr(sys.modules[module], name), []

    def interrupted(*arguments: object, **options: object) -> object:
        calls.append(name)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return original(*arguments, **options)

    monkeypatch.setattr(sys.modules[module], name, interrupted)


@pytest.mark.parametrize(
    ("module", "name", "compared"),
    [
        ("curv_issues.training.run", "ProbeRun", False),
        ("curv_issues.training.run", "embed_mirrored", False),
        ("curv_issues.auditing.assembly", "judge", True),
        ("curv_issues.auditing.audit", "peak_memory", True),
        ("numpy", "save", True),
        ("curv_issues.results.folder", "put_in_place", True),
        ("curv_issues.cli.printing", "render", True),
    ],
)
def test_ctrl_c_in_the_last_stages_keeps_the_ranking(
    pets: Path, here: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, compared: bool
) -> None:
    import curv_issues.auditing.audit
    import curv_issues.training.run  # noqa: F401

    interrupt_first_call(monkeypatch, module, name)
    result = run("audit", pets, "--epochs", "2", "--device", "cpu", "--output", "out")
    assert result.exit_code == 130
    assert messages_of(result)[0].startswith(
        "Interrupted; the result is in out." if name == "render" else "Interrupted; this is the ranking"
    )
    saved = AuditResult.load("out")
    assert saved.complete
    assert (saved.summary["duplicates"] is not None) == compared
    assert [path.name for path in here.iterdir()] == ["out"]


def test_result_is_saved_before_the_contact_sheet_is_drawn(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(*_: object) -> DrawnImages:
        saved = AuditResult.load("out")
        assert saved.contact_sheet is None
        assert saved.thumbnails is None
        return DrawnImages(b"\x89PNG drawn", {"thumbnails": pd.DataFrame({"row": [0], "size": ["card"], "image": [b"WebP"]})})

    monkeypatch.setattr("curv_issues.auditing.audit.draw_images", draw)
    assert audit(pets, "--output", "out").exit_code == 0
    saved = AuditResult.load("out")
    assert saved.contact_sheet == b"\x89PNG drawn"
    assert saved.thumbnails["image"].tolist() == [b"WebP"]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("avif:\n no planes")])
def test_failed_drawing_loses_only_the_contact_sheet(pets: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def draw(*_: object) -> bytes:
        raise error

    monkeypatch.setattr("curv_issues.auditing.audit.draw_images", draw)
    result = audit(pets, "--output", "out")
    assert result.exit_code == 0
    reason = "MemoryError" if isinstance(error, MemoryError) else "avif: no planes"
    note = f"There is no contact sheet and the report has no images, because they could not be drawn ({reason})."
    assert f"Note: {note}" in result.stderr.splitlines()
    assert note in AuditResult.load("out").summary["notes"]
    assert not Path("out", "findings.png").exists()


def test_failed_saving_loses_only_the_contact_sheet(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("curv_issues.results.atomic_files.os.replace", full)
    result = audit(pets, "--output", "out")
    assert result.exit_code == 0
    files = "findings.png, thumbnails.parquet, report.html, summary.json"
    reason = f"Cannot write {files} to out (No space left on device)."
    assert f"Note: The contact sheet and the report are missing. {reason}" in result.stderr.splitlines()
    assert AuditResult.load("out").contact_sheet is None
    assert not any(path.name.startswith(".") for path in Path("out").iterdir())


def test_failed_comparison_keeps_the_ranking(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("curv_issues.auditing.audit.compare_images", fail)
    with pytest.raises(MemoryError):
        audit(pets, "--output", "out")
    assert AuditResult.load("out").summary["duplicates"] is None


@pytest.mark.parametrize(("stage", "epoch"), [("load", None), ("train", 1)])
def test_ctrl_c_before_the_end_of_the_first_epoch_writes_nothing(
    pets: Path, here: Path, monkeypatch: pytest.MonkeyPatch, stage: str, epoch: int | None
) -> None:
    interrupt_at(monkeypatch, stage, epoch)
    result = audit(pets, "--epochs", "3")
    assert (result.exit_code, result.stdout) == (130, "")
    assert len(messages_of(result)) == 1
    assert messages_of(result)[0].startswith("Interrupted")
    assert list(here.iterdir()) == []


def test_second_ctrl_c_while_writing_leaves_nothing(pets: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_args: object, **_options: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # the second signal stops at once

    monkeypatch.setattr("numpy.save", stop)
    result = audit(pets)
    assert (result.exit_code, result.stdout, messages_of(result)) == (130, "", ["Interrupted; nothing was written."])
    assert list(here.iterdir()) == []


def test_ctrl_c_in_the_demo(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_at(monkeypatch, "train", 1)
    result = run("demo")
    assert (result.exit_code, result.stdout) == (130, "")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_a_process_on_a_terminal(pets: Path, here: Path, sent: signal.Signals) -> None:
    """The progress line shows the epochs; a real signal after some of them keeps the ranking."""
    terminal, other_end = pty.openpty()
    line = [sys.executable, "-m", "curv_issues", "audit", str(pets), "--epochs", "10000", "--resolution", "8", "--output", "out"]
    process = subprocess.Popen(
        line,
        cwd=here,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=other_end,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs of a shell ignore SIGINT
    )
    os.close(other_end)
    seen, limit, interrupted = b"", time.monotonic() + 240, False
    with contextlib.suppress(OSError):  # raised when the terminal closes
        while time.monotonic() < limit:
            if select.select([terminal], [], [], 1)[0]:
                part = os.read(terminal, 65536)
                if not part:
                    break
                seen += part
            if not interrupted and re.search(rb"epoch [2-9]\d* of 10000", seen):
                process.send_signal(sent)
                interrupted = True
    if not interrupted:
        process.kill()
    stdout = process.communicate(timeout=60)[0]
    os.close(terminal)
    shown = seen.decode()
    assert interrupted, shown
    assert process.returncode == 130, shown
    assert re.search(r"training, epoch \d+ of 10000, loss \d\.\d", shown)
    assert "Traceback" not in shown
    assert "Interrupted; this is the ranking after" in shown
    summary = summary_of(here / "out")
    assert summary["complete"] is False
    assert summary["epochs_done"] >= 1
    assert len(scores_of(here / "out")) == 24
    assert stdout.splitlines()[-1] == "Results: out"
    assert "\x1b" not in stdout  # stdout is not a terminal


def test_ctrl_c_while_comparing_keeps_the_complete_ranking(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("curv_issues.duplicates.search.compare_within", interrupted)
    result = run("audit", str(pets), "--epochs", "2", "--device", "cpu")
    assert result.exit_code == 130
    assert "Interrupted; this is the ranking after 2 of 2 epochs; images were not compared." in result.stderr
    saved = AuditResult.load("curv-issues-pets-train")
    assert saved.complete
    assert saved.summary["duplicates"] is None
    assert any(note.startswith("The search for duplicates did not end") for note in saved.summary["notes"])


def test_ranking_without_comparison_does_not_replace_a_complete_result(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    options = ("audit", pets, "--epochs", "2", "--device", "cpu", "--output", "out")
    assert run(*options).exit_code == 0
    assert AuditResult.load("out").summary["duplicates"] is not None
    with monkeypatch.context() as patched:
        patched.setattr("curv_issues.duplicates.search.compare_within", interrupted)
        result = run(*options, "--overwrite")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (130, "Results: out-interrupted")
    assert AuditResult.load("out").summary["duplicates"] is not None
    assert AuditResult.load("out-interrupted").summary["duplicates"] is None
    assert run(*options, "--overwrite", "--no-duplicates").exit_code == 0  # chosen by the user
    assert AuditResult.load("out").summary["duplicates"] is None
