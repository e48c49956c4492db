"""The command `curv-issues apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from curv_issues.cli.help import CHANGES, DATA, OUTPUT
from curv_issues.cli.options import Quiet
from curv_issues.cli.shared import Debug, exit_codes
from curv_issues.errors import UsageError
from curv_issues.plugins import look_up
from curv_issues.progress_bar import live_progress
from curv_issues.report import FORMATS
from curv_issues.visible import visible

if TYPE_CHECKING:
    from curv_issues.applying.apply import Applied

ONLY_CHANGES = "changes"


def apply(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="Folder of results that audit has written.")],
    *,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET", rich_help_panel=DATA, help="The audited dataset, if it has moved. Default: where it was audited."
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="FILE", rich_help_panel=DATA, help="Its table of labels, if that has moved.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(metavar="FILE", rich_help_panel=DATA, help="Its file of features, if that has moved.")
    ] = None,
    decisions: Annotated[
        str | None,
        typer.Option(metavar="FILE", rich_help_panel=CHANGES, help="A person's decisions. Default: decisions.json in DIR."),
    ] = None,
    drop_conflicts: Annotated[
        str | None,
        typer.Option(
            metavar="keep-one",
            rich_help_panel=CHANGES,
            help="keep-one: of each group of duplicates with conflicting labels, keep one that is not suspect.",
        ),
    ] = None,
    drop_duplicates: Annotated[
        str | None,
        typer.Option(
            metavar="keep-one",
            rich_help_panel=CHANGES,
            help="keep-one: of each group of duplicates with one label, keep the first.",
        ),
    ] = None,
    auto: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            rich_help_panel=CHANGES,
            help="Also change labels that no person has decided, to the suggested class, if it is right with at least this "
            "probability, such as 0.95.",
        ),
    ] = None,
    new_classes: Annotated[
        bool, typer.Option("--new-classes", rich_help_panel=CHANGES, help="Allow classes that the dataset does not have yet.")
    ] = False,
    output: Annotated[
        str | None, typer.Option(metavar="NEW", rich_help_panel=OUTPUT, help="Folder for the new dataset; it must not exist.")
    ] = None,
    link: Annotated[
        str | None,
        typer.Option(
            metavar="hard|symbolic", rich_help_panel=OUTPUT, help="Link to the images of an image folder instead of copying them."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", rich_help_panel=OUTPUT, help="Print what would change, and write nothing.")
    ] = False,
    format: Annotated[
        str,
        typer.Option(
            rich_help_panel=OUTPUT,
            help=f"Output format on stdout: {', '.join(FORMATS)}. Or {ONLY_CHANGES}: write only a list of changes, not a dataset.",
        ),
    ] = "table",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a corrected copy of an audited dataset.

    Changes the labels and leaves out the samples that a person has decided to change or remove. The copy is of the same kind as the
    dataset: parquet files, an image folder, or a table of labels. The old labels are in a new column, and all changes in
    changes.csv. The dataset itself is not changed. Decisions that do not fit it are listed on stderr and not applied.
    """
    with exit_codes():
        only_changes = format == ONLY_CHANGES
        if not only_changes:
            look_up(FORMATS, format, "format")
        if output is None and not dry_run:
            raise UsageError("The new dataset needs a folder; pass --output NEW, or --dry-run to see what would change.")
        with live_progress(quiet=quiet) as progress:
            from curv_issues.applying.apply import apply_decisions

            applied = apply_decisions(
                directory,
                decisions,
                output,
                dataset=dataset,
                labels=labels,
                features=features,
                auto=auto,
                drop_conflicts=drop_conflicts,
                drop_duplicates=drop_duplicates,
                new_classes=new_classes,
                link=link,
                format=ONLY_CHANGES if only_changes else "dataset",
                dry_run=dry_run,
                progress=progress or False,
            )
        _print_applied(applied, "table" if only_changes else format, quiet=quiet)


def _print_applied(applied: Applied, format: str, *, quiet: bool) -> None:
    """Print the changes on stdout, and what is not applied on stderr."""
    from curv_issues.applying.changes import changes_of
    from curv_issues.report.changes import render_changes
    from curv_issues.report.text import TOP

    for change in changes_of(applied.not_applied):
        typer.echo(visible(f"Not applied: {change}."), err=True)
    typer.echo(render_changes(applied.changes, applied.not_applied, format), color=True)
    lines = (
        [f"The first {TOP} of {len(applied.changes):,} changes."]
        if len(applied.changes) > TOP and format in ("table", "md")
        else []
    )
    lines.append(f"{applied}.")
    lines.append("Nothing was written (dry run)." if applied.output is None else f"New dataset: {applied.output}")
    if not quiet:
        for note in applied.notes:
            typer.echo(visible(f"Note: {note}"), err=True)
    for line in lines:
        if format == "table" or not quiet:
            typer.echo(visible(line), err=format != "table")
