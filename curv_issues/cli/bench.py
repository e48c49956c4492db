"""The command `curv-issues bench`: parse, run the cells, write tables and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from curv_issues.cli.help import BENCHMARK, OUTPUT
from curv_issues.cli.options import Dataset, Output, Quiet, allow_local_probe, with_options
from curv_issues.cli.shared import Debug, exit_codes, folder_name
from curv_issues.data.source_options import SourceOptions
from curv_issues.errors import UsageError
from curv_issues.keywords import make_options
from curv_issues.noise.spec import noise_forms, parse_noise
from curv_issues.option_checks import Whole
from curv_issues.options import FindingOptions, TrainingOptions
from curv_issues.progress_bar import live_progress
from curv_issues.results.folder import output_folder
from curv_issues.stopping import stop_flag
from curv_issues.visible import visible

_SEEDS = Whole(1, 1_000, optional=False)


@with_options(SourceOptions, TrainingOptions, FindingOptions, without=("seed", "measure", "score", "show_column"))
def bench(
    dataset: Dataset,
    *,
    noise: Annotated[
        list[str] | None,
        typer.Option(rich_help_panel=BENCHMARK, help=f"Noise to plant; repeat it. {noise_forms()}. Default: uniform:0.1."),
    ] = None,
    methods: Annotated[
        list[str] | None,
        typer.Option(rich_help_panel=BENCHMARK, help="all, or names of scores and baselines (see curv-issues scores), by commas."),
    ] = None,
    seeds: Annotated[int, typer.Option(rich_help_panel=BENCHMARK, help="Runs of each noise, with the seeds 0, 1, ...")] = 3,
    output: Output = None,
    resume: Annotated[
        bool, typer.Option("--resume", rich_help_panel=OUTPUT, help="Run only the cells that are missing in the folder.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=OUTPUT, help="Replace the results in the folder.")
    ] = False,
    format: Annotated[str, typer.Option(rich_help_panel=OUTPUT, help="Output format on stdout: table, md or json.")] = "table",
    quiet: Quiet = False,
    debug: Debug = False,
    **values: Any,
) -> None:
    """Compare how well rankings and baselines find planted errors in your data.

    Plants known errors, trains, and compares the default ranking, every score and every baseline. Prints a table, and saves it with
    plots and one file per run in a folder. Runs that are finished are kept after Ctrl-C; --resume continues.
    """
    with exit_codes():
        if format not in ("table", "md", "json"):
            raise UsageError(f"Unknown format {format!r}; choose one of: table, md, json.")
        noises = tuple(dict.fromkeys(parse_noise(text) for text in noise or ["uniform:0.1"]))
        _SEEDS("seeds", seeds)
        source = make_options(SourceOptions, values)
        finding = make_options(FindingOptions, values)
        allow_local_probe(values)
        options = make_options(TrainingOptions, values)
        from curv_issues.bench.methods import parse_methods

        parse_methods(methods or ["all"], num_samples=0, with_features=True)  # reports wrong names before the data is read
        folder = output_folder(output if output is not None else folder_name(dataset, values["split"], prefix="curv-issues-bench"))
        from curv_issues.bench.results import check_folder, remove_cells

        check_folder(folder, resume=resume, overwrite=overwrite, sources=[name for name in dataset if name])
        with live_progress(quiet=quiet) as progress:
            from curv_issues.auditing.audit import image_resolution, with_loaded_backbone
            from curv_issues.auditing.notes import notes_on
            from curv_issues.bench.run import Plan, check_noises, finished_cells, run_bench
            from curv_issues.data.loading import load
            from curv_issues.device import choose_device
            from curv_issues.progress import Progress

            choose_device(options.device)
            options = with_loaded_backbone(options, source)
            data = load(
                dataset[0] if len(dataset) == 1 else dataset,
                source,
                resolution=image_resolution(options),
                progress=progress and (lambda done, total: progress(Progress("load", done, total))),
            )
            if options.uses_features_of_backbone:
                from curv_issues.backbones import extract

                data = extract.with_features(data, options.backbone, device=options.device, progress=progress)
            with_features = data.choose_input(options.input) != "images"
            chosen = parse_methods(methods or ["all"], num_samples=len(data), with_features=with_features)
            plan = Plan(noises, seeds, chosen, options, finding)
            check_noises(data, plan)
            if overwrite:
                remove_cells(folder)
            with stop_flag() as stop:
                stop.interruptible(lambda: run_bench(data, plan, folder, progress=progress))
        results = finished_cells(data, plan, folder)
        for note in [] if quiet else notes_on(data):
            typer.echo(visible(f"Note: {note}"), err=True)
        if results:
            _print_and_save(results, folder, format=format, quiet=quiet)
        if stop.is_set:
            total = len(plan.cells())
            typer.echo(f"Interrupted; {len(results)} of {total} cells are finished; go on with --resume.", err=True)
            raise typer.Exit(130)


def _print_and_save(results: list[dict], folder: Path, *, format: str, quiet: bool) -> None:
    """Print the results on stdout, and save them as Markdown with plots."""
    import json

    from curv_issues.bench.plots import can_draw, draw_plots
    from curv_issues.bench.results import write_text
    from curv_issues.bench.table import markdown, render

    if format == "json":
        typer.echo(json.dumps(results, indent=1), color=True)
    else:
        typer.echo(markdown(results) if format == "md" else render(results), color=True)
    plots = draw_plots(results, folder / "plots") if can_draw() else []
    shown = [(plot.noise, plot.title, plot.path.relative_to(folder).as_posix()) for plot in plots]
    write_text(folder / "bench.md", markdown(results, shown))
    if not quiet and not can_draw():
        typer.echo(
            "Note: No plots were drawn, because matplotlib is not installed; run pip install 'curv-issues[plots]', then this "
            "command again with --resume.",
            err=True,
        )
    if format == "table" or not quiet:
        typer.echo(visible(f"Results: {folder}"), err=format != "table")
