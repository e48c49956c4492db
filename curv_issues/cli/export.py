"""The command `export`: findings for other tools, for the Hugging Face Hub, or for a dataset card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from curv_issues.cli.help import DATA, FINDINGS, OUTPUT
from curv_issues.cli.options import Quiet
from curv_issues.cli.shared import Debug, exit_codes
from curv_issues.counting import counted
from curv_issues.errors import UsageError
from curv_issues.export import EXPORTERS
from curv_issues.plugins import look_up
from curv_issues.progress import Progress
from curv_issues.progress_bar import live_progress
from curv_issues.results.folder import output_folder, resolve
from curv_issues.results.kinds import KINDS
from curv_issues.visible import visible

CARD, TABLE = "card", "csv"  # formats without images


def export(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="Folder of results that audit has written.")],
    to: Annotated[
        str | None, typer.Option(metavar="FORMAT", rich_help_panel=OUTPUT, help=f"Format of the export: {', '.join(EXPORTERS)}.")
    ] = None,
    push_to: Annotated[
        str | None,
        typer.Option(
            metavar="ORG/NAME",
            rich_help_panel=OUTPUT,
            help="Instead of --to: upload findings and scores to this dataset of the Hugging Face Hub, which is made for them.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(rich_help_panel=OUTPUT, help="Folder for the export, new or empty. Default: DIR-FORMAT; a card is printed."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=OUTPUT, help="Replace an older export in the folder.")
    ] = False,
    public: Annotated[
        bool,
        typer.Option("--public", rich_help_panel=OUTPUT, help="With --push-to: create a public dataset, not a private one."),
    ] = False,
    images: Annotated[
        bool | None,
        typer.Option(
            "--images/--no-images",
            rich_help_panel=OUTPUT,
            help="Whether the export contains the images. Default: with --to. Without images, a format refers to the files of the "
            "dataset.",
        ),
    ] = None,
    image_root: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            rich_help_panel=OUTPUT,
            help="Address of the folder of images in label-studio tasks. Default: Label Studio's local files.",
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(rich_help_panel=FINDINGS, help=f"Only findings of this kind: {', '.join(KINDS)}.")
    ] = None,
    all_samples: Annotated[
        bool, typer.Option("--all", rich_help_panel=FINDINGS, help="Export the samples without findings too.")
    ] = False,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET",
            rich_help_panel=DATA,
            help="Where the dataset is now, for its images; repeat it for several files. Default: where the audit has found it.",
        ),
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Export the findings of a finished audit to another tool.

    Writes the samples with findings for FiftyOne, Label Studio, CVAT, Datumaro, Croissant or a spreadsheet. The images are read
    from the dataset again, and must be those that were audited. The dataset and the results are not changed.
    """
    with exit_codes():
        only_to = {"--output": output, "--overwrite": overwrite, "--image-root": image_root, "--all": all_samples}
        _check(to, push_to, only_to, {"--public": public})
        if to == CARD:
            of_samples = {"--all": all_samples, "--images": images, "--no-images": images is False, "--image-root": image_root}
            _refuse(of_samples, f"--to {CARD}")
            if output is None:
                _refuse({"--overwrite": overwrite, "--dataset": dataset}, f"--to {CARD} without --output")
        if to == TABLE:
            _refuse({"--images": images, "--dataset": dataset}, f"--to {TABLE}")
        from curv_issues.results.result import AuditResult

        result = AuditResult.load(directory)
        if to == CARD and output is None:
            from curv_issues.auditing.rejudge import only_kind
            from curv_issues.export.card import render

            typer.echo(render(result if kind is None else only_kind(result, kind)))
            return
        with live_progress(quiet=quiet) as progress:

            def on_step(done: int, total: int) -> None:
                if progress:
                    progress(Progress("export", done, total))

            place = tuple(dataset or ())
            if push_to is not None:
                from curv_issues.export.push import push_findings

                pushed = push_findings(
                    result, push_to, kind=kind, public=public, images=bool(images), dataset=place, on_step=on_step
                )
                if public and pushed.is_private:
                    typer.echo(f"Note: {push_to} stays private; change its visibility on the Hub.", err=True)
                kept = "private" if pushed.is_private else "public"
                done = f"Uploaded {counted(pushed.num_findings, 'finding')} to {pushed.url} ({kept})."
            else:
                from curv_issues.export.run import export_findings

                assert to is not None
                exported = export_findings(
                    result,
                    to,
                    output if output is not None else f"{resolve(output_folder(directory))}-{to}",
                    kind=kind,
                    all_samples=all_samples,
                    images=images is not False,
                    image_root=image_root,
                    dataset=place,
                    overwrite=overwrite,
                    on_step=on_step,
                )
                if exported.num_samples == 0:
                    typer.echo("Note: There are no findings, so the export is empty; --all exports all samples.", err=True)
                done = f"Exported {exported.num_samples:,} of {counted(len(result), 'sample')} to {exported.folder}."
        typer.echo(visible(done))


def _check(to: str | None, push_to: str | None, only_to: Mapping[str, object], only_push: Mapping[str, object]) -> None:
    """Raise UsageError for options that do not fit together; the mappings have the values of options for one of the two."""
    if (to is None) == (push_to is None):
        raise UsageError(f"Pass either --to or --push-to; the formats of --to are: {', '.join(EXPORTERS)}.")
    if to is not None:
        look_up(EXPORTERS, to, "format of an export")
    _refuse(only_to if to is None else only_push, "--push-to" if to is None else "--to")


def _refuse(given: Mapping[str, object], what: str) -> None:
    """Raise UsageError if an option has a value."""
    wrong = [name for name, value in given.items() if value]
    if wrong:
        raise UsageError(f"{wrong[0]} does not apply to {what}; leave it out.")
