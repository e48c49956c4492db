"""The command `curv-issues`: parse, audit, render. No detection rules.

Data goes to stdout, progress and notes to stderr. Exit codes: 0 done, 2 usage, 3 dataset, 4 run time, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curv_issues import cli_options as shared
from curv_issues.cli_bench import bench
from curv_issues.cli_saving import ResultSaver
from curv_issues.cli_shared import Debug, debug_is_on, exit_codes, folder_name
from curv_issues.config import DuplicateOptions, FindingOptions, TrainingOptions, whole_option
from curv_issues.counting import counted
from curv_issues.data.value_range import check_max_pixels, parse_value_range
from curv_issues.errors import AuditError, AuditInterrupted
from curv_issues.live import live_progress
from curv_issues.plugins import look_up
from curv_issues.report import FORMATS, render
from curv_issues.report.scores import render_scores
from curv_issues.storage import check_output, check_space, claimed_output, output_folder
from curv_issues.streams import protect_streams, stdout_failure
from curv_issues.trackers import SCORES
from curv_issues.unexpected import report_unexpected
from curv_issues.version import package_version
from curv_issues.visible import visible

if TYPE_CHECKING:
    from curv_issues.result import AuditResult

LEAST_SPACE = 10_000_000  # bytes; the smallest result with its contact sheet takes less

app = typer.Typer(
    name="curv-issues",
    help="Find wrong labels in image datasets from one short training run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of the command."""
    # Threads that wait must sleep: spinning ones make a shared machine several times slower. Read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    warnings.filterwarnings("ignore", module="PIL")  # damaged metadata of a picture that can be read all the same
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: batch systems end jobs with it
    stdout = protect_streams()
    code = _run()
    failure = stdout_failure(stdout)
    if failure is not None:
        typer.echo(f"Error: Cannot write to stdout ({failure}). Files that the command saved are complete.", err=True)
        code = code or AuditError.exit_code
    sys.exit(code)


def _run() -> int:
    """Run the command line and return its exit code; whatever is raised ends in a message on stderr."""
    try:
        return app(standalone_mode=False) or 0
    except (KeyboardInterrupt, typer.Abort):
        return AuditInterrupted.exit_code
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error of click, whose base class typer does not export
            return _show_usage_error(error)
        typer.echo(report_unexpected(error, debug=debug_is_on()), err=True)
        return AuditError.exit_code


def _show_usage_error(error: Any) -> int:
    text = io.StringIO()
    error.show(file=text)
    typer.echo("\n".join(map(visible, text.getvalue().splitlines())), err=True)  # it repeats arguments, such as file names
    return error.exit_code


@app.callback(invoke_without_command=True)
def _global_options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
    debug: Debug = False,
) -> None:
    if version:
        typer.echo(package_version())
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise typer.Exit(2)


@app.command()
def audit(
    dataset: shared.Dataset,
    split: shared.Split = None,
    config_name: shared.ConfigName = None,
    revision: shared.Revision = None,
    image_column: shared.ImageColumn = None,
    label_column: shared.LabelColumn = None,
    labels: shared.Labels = None,
    file_column: shared.FileColumn = None,
    splits: shared.Splits = None,
    class_level: shared.ClassLevel = None,
    max_samples: Annotated[int | None, typer.Option(help="Audit a stratified sample of this size.")] = None,
    skip_unreadable: shared.SkipUnreadable = False,
    skip_unlabelled: shared.SkipUnlabelled = False,
    value_range: shared.ValueRange = None,
    max_pixels: shared.MaxPixels = None,
    output: Annotated[str | None, typer.Option(help="Folder for the results. Default: named after dataset and split.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an older result in the folder.")] = False,
    seed: Annotated[int, typer.Option(help="Of sampling and training.")] = 0,
    device: shared.Device = "auto",
    preset: shared.Preset = "standard",
    probe: shared.Probe = "convnet",
    epochs: shared.Epochs = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples a step. Default: from the size of the dataset.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Its peak. Default: from the batch size.")] = None,
    resolution: Annotated[int | None, typer.Option(help="Pixels. Default: 32 for thumbnails, else 48.")] = None,
    flip: Annotated[
        bool | None, typer.Option("--flip/--no-flip", help="Mirror in training. Default: colour pictures only.")
    ] = None,
    curvature_epochs: Annotated[
        int | None, typer.Option(help="Number of epochs, evenly spread, after which curvature is measured.")
    ] = None,
    num_matvecs: shared.NumMatvecs = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(metavar="SCORE", help="Measure a score that makes the run longer (see curv-issues scores), or all."),
    ] = None,
    score: Annotated[
        str,
        typer.Option(help=f"Rank by default (the margin in training, late epochs most) or one of: {', '.join(SCORES)}."),
    ] = "default",
    cut_off: shared.CutOff = "auto",
    duplicates: Annotated[
        bool, typer.Option("--duplicates/--no-duplicates", help="Look for the same picture under different labels.")
    ] = True,
    duplicate_threshold: Annotated[
        float | None, typer.Option(help="Similarity (up to 1) from which on pictures count as the same. Default: from the data.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="SPLIT", help="List the pictures that stand in this other split too.")
    ] = None,
    format: Annotated[str, typer.Option(help=f"Of stdout: {', '.join(FORMATS)}.")] = "table",
    quiet: shared.Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a short probe on a labelled image dataset and list the labels that look wrong."""
    with exit_codes():
        look_up(FORMATS, format, "format")
        scores_to_measure = "all" if measure == ["all"] else measure or ()
        # wrong options end the command before anything slow is imported or read
        TrainingOptions(
            seed=seed,
            device=device,
            preset=preset,
            probe=probe,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            flip=flip,
            resolution=resolution,
            curvature_epochs=curvature_epochs,
            num_matvecs=num_matvecs,
            measure=scores_to_measure,
        )
        FindingOptions(score=score, cut_off=cut_off)
        DuplicateOptions(search=duplicates, threshold=duplicate_threshold)
        whole_option("max_samples", max_samples)
        values = None if value_range is None else parse_value_range(value_range)
        check_max_pixels(max_pixels)
        folder = output_folder(output if output is not None else folder_name(dataset, split))
        sources = [name for name in dataset if name]
        with _saving(folder, overwrite, sources, format, quiet) as saver, live_progress(quiet=quiet) as progress:
            from curv_issues.auditing import audit as run_audit

            result = run_audit(
                dataset[0] if len(dataset) == 1 else dataset,
                split=split,
                config_name=config_name,
                revision=revision,
                image_column=image_column,
                label_column=label_column,
                labels=labels,
                file_column=file_column,
                splits=splits,
                class_level=class_level,
                max_samples=max_samples,
                skip_unreadable=skip_unreadable,
                skip_unlabelled=skip_unlabelled,
                value_range=values,
                max_pixels=max_pixels,
                seed=seed,
                device=device,
                preset=preset,
                probe=probe,
                epochs=epochs,
                batch_size=batch_size,
                learning_rate=learning_rate,
                resolution=resolution,
                flip=flip,
                curvature_epochs=curvature_epochs,
                num_matvecs=num_matvecs,
                measure=scores_to_measure,
                score=score,
                cut_off=cut_off,
                duplicates=duplicates,
                duplicate_threshold=duplicate_threshold,
                against=against,
                progress=progress,
                on_result=saver.save,
            )
        _deliver(result, saver.folder, format=format, quiet=quiet)


@app.command()
def scores(
    format: Annotated[str, typer.Option(help="table or json.")] = "table",
    debug: Debug = False,
) -> None:
    """List the scores: which end is suspect, what each costs, and where it is from."""
    with exit_codes():
        typer.echo(render_scores(format))


app.command()(bench)


@app.command()
def demo(
    output: Annotated[str, typer.Option(help="Folder for the results; an older result in it is replaced.")] = "curv-issues-demo",
    format: Annotated[str, typer.Option(help=f"Of stdout: {', '.join(FORMATS)}.")] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes on stderr.")] = False,
    debug: Debug = False,
) -> None:
    """Audit scikit-learn's handwritten digits with planted errors: offline, under a minute."""
    with exit_codes():
        look_up(FORMATS, format, "format")
        folder = output_folder(output)
        check_output(folder, overwrite=True)
        from curv_issues.auditing import audit as run_audit
        from curv_issues.data.demo import COPIES, digits_with_errors

        data, is_flipped, is_copy = digits_with_errors(copies=COPIES)
        with _saving(folder, True, [], format, quiet) as saver, live_progress(quiet=quiet) as progress:
            result = run_audit(data, progress=progress, on_result=saver.save)
        _deliver(result, saver.folder, format=format, quiet=quiet)
        flagged = result.scores["flagged"].to_numpy()
        found = int((flagged & is_flipped).sum())
        planted = f"{int(is_flipped.sum())} wrong labels were planted"
        _tell(f"{planted}; {found} of them are among the {int(flagged.sum())} suspect labels.", format=format, quiet=quiet)
        pairs = int(result.scores["row"][is_copy].isin(result.conflicts["row"]).sum())
        groups = result.conflicts["group"].nunique()
        planted = f"{COPIES} copies of pictures under another label were planted"
        _tell(f"{planted}; {pairs} of them are in the {groups} groups.", format=format, quiet=quiet)


def _deliver(result: AuditResult, folder: Path, *, format: str, quiet: bool) -> None:
    """Print the findings of a saved result, and tell where everything lies."""
    try:
        _print_result(result, folder, format=format, quiet=quiet)
    except KeyboardInterrupt:
        raise _interrupted_after_saving(folder) from None


def _print_result(result: AuditResult, folder: Path, *, format: str, quiet: bool) -> None:
    from curv_issues.report.text import TOP, merged_findings  # imports pandas

    typer.echo(render(result, format), color=True)  # else names would lose what looks like colour off a terminal
    total = len(merged_findings(result))
    if format in ("table", "md") and total > TOP:
        more = f"The first {TOP} of {total:,} findings; all of them are in {folder / 'findings.parquet'}."
        _tell(more, format=format, quiet=quiet)
    groups = result.conflicts["group"].nunique()
    if format in ("table", "md") and groups > TOP:
        more = f"The first {TOP} of {groups:,} groups of the same picture; all of them are in {folder / 'conflicts.parquet'}."
        _tell(more, format=format, quiet=quiet)
    if result.overlap is not None:
        found, split = result.summary["against"], result.summary["against"]["split"] or "the other data"
        if found["rows"]:
            more = f"Pictures that stand in {split} too: {found['rows']:,}, under another label: {found['differing_rows']:,}; "
            more += f"all of them are in {folder / 'overlap.parquet'}."
        else:
            more = f"None of the pictures stands in {split} too."
        _tell(more, format=format, quiet=quiet)
    if not quiet:
        for note in result.summary["notes"]:
            typer.echo(visible(f"Note: {note}"), err=True)
        seconds = sum(result.summary["seconds"].values())
        typer.echo(visible(f"{result}, in {seconds:.0f} s."), err=True)
    _tell(f"Results: {folder}", format=format, quiet=quiet)


def _tell(text: str, *, format: str, quiet: bool) -> None:
    """A line for people: below the table, else on stderr, since stdout is for programs then."""
    if format == "table" or not quiet:
        typer.echo(visible(text), err=format != "table")


@contextlib.contextmanager
def _saving(folder: Path, overwrite: bool, sources: Sequence[str], format: str, quiet: bool) -> Iterator[ResultSaver]:
    """Hold the output folder, for a result that is saved as soon as there is one; after Ctrl-C show that and end with 130."""
    with claimed_output(folder, overwrite=overwrite, sources=sources):
        check_space(folder, LEAST_SPACE)
        saver = ResultSaver(folder, overwrite=overwrite)
        try:
            try:
                yield saver
                saver.add_sheet()
            except AuditInterrupted as interrupted:
                _show_interrupted(interrupted.result, saver, format=format, quiet=quiet)
                raise typer.Exit(AuditInterrupted.exit_code) from None
        except KeyboardInterrupt:
            if saver.result is None:
                raise
            raise _interrupted_after_saving(saver.folder) from None


def _show_interrupted(result: AuditResult | None, saver: ResultSaver, *, format: str, quiet: bool) -> None:
    if result is None:
        typer.echo("Interrupted before the first epoch was finished; nothing to save.", err=True)
        return
    summary = result.summary
    done, epochs = summary["epochs_done"], summary["recipe"]["epochs"]
    missing = summary["options"]["duplicates"] and summary["duplicates"] is None
    partly = " (complete: false)" if not summary["complete"] else "; pictures were not compared" if missing else ""
    typer.echo(f"Interrupted; this is the ranking after {done} of {counted(epochs, 'epoch')}{partly}.", err=True)
    saver.add_sheet()
    _deliver(result, saver.folder, format=format, quiet=quiet)


def _interrupted_after_saving(folder: Path) -> typer.Exit:
    typer.echo(f"Interrupted; the result is in {folder}.", err=True)
    return typer.Exit(AuditInterrupted.exit_code)
