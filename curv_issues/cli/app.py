"""The command `curv-issues`: parse, audit, render. No detection rules.

Data goes to stdout, progress and notes to stderr. Exit codes: 0 done, 1 gate failed, 2 usage, 3 dataset, 4 run
time, 130 interrupted.
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

from curv_issues.cli.apply import apply
from curv_issues.cli.bench import bench
from curv_issues.cli.compare import compare
from curv_issues.cli.diff import diff
from curv_issues.cli.duplicates import duplicates
from curv_issues.cli.export import export
from curv_issues.cli.gate import BaselinePath, FailOn, gate_of_audit, report_gate
from curv_issues.cli.help import FINDINGS, OUTPUT, add_command
from curv_issues.cli.options import Dataset, Format, Output, Quiet, Verbose, allow_local_probe, with_options
from curv_issues.cli.printing import Printing, print_line, print_result
from curv_issues.cli.report import report as write_page
from curv_issues.cli.review import review as serve_page
from curv_issues.cli.saving import ResultSaver, decisions_for
from curv_issues.cli.shared import Debug, Ending, debug_is_on, exit_codes, folder_name
from curv_issues.cli.show import show
from curv_issues.cli.streams import protect_streams, stdout_failure
from curv_issues.cli.unexpected import report_unexpected
from curv_issues.counting import counted
from curv_issues.data.source_options import SourceOptions
from curv_issues.errors import AuditError
from curv_issues.keywords import make_options
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.plugins import look_up
from curv_issues.progress_bar import live_progress
from curv_issues.report import FORMATS
from curv_issues.report.scores import render_scores
from curv_issues.results.folder import check_output, check_space, claimed_output, output_folder
from curv_issues.results.interrupted import AuditInterrupted
from curv_issues.visible import visible

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

LEAST_SPACE = 10_000_000  # bytes; more than the smallest result with its contact sheet takes


app = typer.Typer(
    name="curv-issues",
    help="Find wrong labels in image datasets from one short training run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command and exit with its code."""
    # Waiting threads must sleep: spinning ones slow a shared machine down several times. torch reads this on import.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    warnings.filterwarnings("ignore", module="PIL")  # about damaged metadata of images that can be read
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, because batch systems end jobs with it
    stdout = protect_streams()
    code = _run()
    failure = stdout_failure(stdout)
    if failure is not None:
        typer.echo(f"Error: Cannot write to stdout ({failure}). Files that the command saved are complete.", err=True)
        code = code or AuditError.exit_code
    sys.exit(code)


def _run() -> int:
    """Run the command line and return its exit code; print every error on stderr."""
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
    """Print a usage error of click, and return its exit code."""
    text = io.StringIO()
    error.show(file=text)
    typer.echo("\n".join(map(visible, text.getvalue().splitlines())), err=True)  # it quotes arguments, such as file names
    return error.exit_code


@app.callback(invoke_without_command=True)
def _global_options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Debug = False,
) -> None:
    if version:
        from curv_issues.version import __version__

        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise typer.Exit(2)


@add_command(app, "curv-issues audit ./photos --output photos-audit", "curv-issues audit uoft-cs/cifar10 --split test --cut-off 2%")
@with_options(SourceOptions, TrainingOptions, FindingOptions, DuplicateOptions)
def audit(
    dataset: Dataset,
    *,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="SPLIT",
            rich_help_panel=FINDINGS,
            help="Also report images that appear in this other split (train/test leakage).",
        ),
    ] = None,
    fail_on: FailOn = None,
    baseline: BaselinePath = None,
    output: Output = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=OUTPUT, help="Replace an older result in the folder.")
    ] = False,
    images: Annotated[
        bool,
        typer.Option("--images/--no-images", rich_help_panel=OUTPUT, help="Whether the results contain images."),
    ] = True,
    decisions: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=FINDINGS,
            help="Decisions of a person, as the report saves them: labels that were kept are not flagged. Default: decisions.json "
            "in the folder for the results, if there is one.",
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report/--no-report", rich_help_panel=OUTPUT, help="Whether to write the page report.html.")
    ] = True,
    format: Format = "table",
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
    **values: Any,
) -> None:
    """Find wrong labels and conflicting duplicates in a labelled image dataset.

    Trains a small network on the images and ranks the labels by how well it learns them. Prints the first findings, most suspect
    first, and saves all of them, every score, a contact sheet and a page to look at them in a folder. The dataset is not changed.
    """
    with exit_codes() as ending:
        look_up(FORMATS, format, "format")
        printing = Printing(format, quiet, verbose)
        values["measure"] = "all" if values["measure"] == ["all"] else values["measure"] or ()
        allow_local_probe(values)
        # check the options before slow imports and reading
        source, training = make_options(SourceOptions, values), make_options(TrainingOptions, values)
        finding, duplicate_options = make_options(FindingOptions, values), make_options(DuplicateOptions, values)
        gate = gate_of_audit(fail_on, baseline, duplicates=duplicate_options.duplicates, against=against)
        folder = output_folder(output if output is not None else folder_name(dataset, values["split"]))
        known = decisions_for(folder, decisions)
        sources = [name for name in dataset if name]
        with (
            _saving(folder, overwrite, sources, printing, ending, report=report, decisions=known) as saver,
            live_progress(quiet=quiet) as progress,
        ):
            from curv_issues.auditing.audit import load_and_audit

            result = load_and_audit(
                dataset[0] if len(dataset) == 1 else dataset,
                source,
                training,
                finding,
                duplicate_options,
                against=against,
                images=images,
                decisions=known,
                progress=progress,
                on_result=saver.save,
            )
            saver.add_images(result)
        print_result(result, saver.folder, printing)
        if gate is not None:
            report_gate(gate.check(result), result)


@add_command(app, "curv-issues scores", "curv-issues scores --format json")
def scores(
    format: Annotated[str, typer.Option(rich_help_panel=OUTPUT, help="Output format on stdout: table or json.")] = "table",
    debug: Debug = False,
) -> None:
    """List the scores that a run can measure, and those of the baselines of bench.

    For each: which end is suspect, whether it is always measured, its definition, its cost and its source. Name one with --score to
    rank by it; add one that is measured on demand with --measure.
    """
    with exit_codes():
        typer.echo(render_scores(format))


add_command(
    app, "curv-issues show photos-audit --cut-off 2%", "curv-issues show photos-audit --kind duplicate_conflict --format csv"
)(show)

add_command(app, "curv-issues report photos-audit", "curv-issues report photos-audit --no-images --output report.html")(write_page)

add_command(app, "curv-issues review photos-audit", "curv-issues review photos-audit --port 8000 --no-browser")(serve_page)

add_command(
    app,
    "curv-issues bench ./photos --noise uniform:0.1 --seeds 3",
    "curv-issues bench ./photos --methods margin,cumulative_loss --resume",
)(bench)


add_command(app, "curv-issues diff audit-before audit-after", "curv-issues diff audit-before audit-after --format csv")(diff)
add_command(
    app,
    "curv-issues compare cifar100-audit --with cifar100_infl_matrix.npz",
    "curv-issues compare photos-audit --with scores.parquet:memorization --plot similarity.png",
)(compare)
add_command(
    app,
    "curv-issues duplicates ./photos --turned",
    "curv-issues duplicates ./photos/train --against ./photos/test --format paths0",
)(duplicates)
add_command(
    app,
    "curv-issues apply photos-audit --output photos-fixed",
    "curv-issues apply photos-audit --drop-conflicts keep-one --auto 0.95 --dry-run",
)(apply)
add_command(
    app,
    "curv-issues export photos-audit --to fiftyone --output suspects",
    "curv-issues export photos-audit --push-to me/photos-findings",
)(export)


@add_command(app, "curv-issues demo", "curv-issues demo --output digits --format md")
def demo(
    output: Annotated[
        str, typer.Option(rich_help_panel=OUTPUT, help="Folder for the results; an older result in it is replaced.")
    ] = "curv-issues-demo",
    format: Format = "table",
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Audit scikit-learn's handwritten digits with planted errors, offline.

    Plants wrong labels and copies under another label, audits the images, and reports how many of the planted errors are among the
    findings. Takes about a minute on two CPU cores.
    """
    with exit_codes() as ending:
        look_up(FORMATS, format, "format")
        printing = Printing(format, quiet, verbose)
        folder = output_folder(output)
        check_output(folder, overwrite=True)
        from curv_issues.auditing.audit import audit as run_audit
        from curv_issues.noise.demo import COPIES, digits_with_errors

        data, is_flipped, is_copy = digits_with_errors(copies=COPIES)
        with _saving(folder, True, [], printing, ending) as saver, live_progress(quiet=quiet) as progress:
            result = run_audit(data, progress=progress or False, on_result=saver.save)
            saver.add_images(result)
        print_result(result, saver.folder, printing)
        flagged = result.scores["flagged"].to_numpy()
        found = int((flagged & is_flipped).sum())
        planted = f"{int(is_flipped.sum())} wrong labels were planted"
        print_line(f"{planted}; {found} of them are among the {int(flagged.sum())} suspect labels.", printing)
        pairs = int(result.scores["row"][is_copy].isin(result.conflicts["row"]).sum())
        groups = result.conflicts["group"].nunique()
        planted = f"{COPIES} copies of images under another label were planted"
        print_line(f"{planted}; {pairs} of them are in the {groups} groups.", printing)


@contextlib.contextmanager
def _saving(
    folder: Path, overwrite: bool, sources: Sequence[str], printing: Printing, ending: Ending, **options: Any
) -> Iterator[ResultSaver]:
    """Lock the output folder and yield a `ResultSaver` with these options; after Ctrl-C, print the ranking so far and exit."""
    with claimed_output(folder, overwrite=overwrite, sources=sources):
        check_space(folder, LEAST_SPACE)
        saver = ResultSaver(folder, overwrite=overwrite, ending=ending, **options)
        try:
            yield saver
        except AuditInterrupted as interrupted:
            _show_interrupted(interrupted.result, saver, printing)
            raise typer.Exit(AuditInterrupted.exit_code) from None


def _show_interrupted(result: AuditResult | None, saver: ResultSaver, printing: Printing) -> None:
    """Print how far the audit came before Ctrl-C, and the ranking so far."""
    if result is None:
        typer.echo("Interrupted before the first epoch was finished; no result was saved.", err=True)
        return
    summary = result.summary
    done, epochs = summary["epochs_done"], summary["recipe"]["epochs"]
    missing = summary["options"]["duplicates"] and summary["duplicates"] is None
    partly = " (complete: false)" if not summary["complete"] else "; images were not compared" if missing else ""
    typer.echo(f"Interrupted; this is the ranking after {done} of {counted(epochs, 'epoch')}{partly}.", err=True)
    saver.add_images(result)
    print_result(result, saver.folder, printing)
