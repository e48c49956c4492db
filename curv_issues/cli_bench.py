"""The command `curv-issues bench`: parse, run the cells, write tables and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curv_issues import cli_options as shared
from curv_issues.cli_shared import Debug, exit_codes, folder_name
from curv_issues.config import TrainingOptions, parse_cut_off, whole_option
from curv_issues.data.value_range import check_max_pixels, parse_value_range
from curv_issues.errors import UsageError
from curv_issues.live import live_progress
from curv_issues.noise.spec import noise_forms, parse_noise
from curv_issues.storage import output_folder
from curv_issues.visible import visible


def bench(
    dataset: shared.Dataset,
    noise: Annotated[
        list[str] | None, typer.Option(help=f"What to plant; repeat it. {noise_forms()}. Default: uniform:0.1.")
    ] = None,
    methods: Annotated[
        list[str] | None, typer.Option(help="all, or names of scores and baselines (see curv-issues scores), by commas.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each noise, with the seeds 0, 1, ...")] = 3,
    max_samples: Annotated[int | None, typer.Option(help="Use a stratified sample of this size, the same in every run.")] = None,
    output: Annotated[str | None, typer.Option(help="Folder for the results. Default: named after dataset and split.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Run only the cells that are missing in the folder.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the results in the folder.")] = False,
    split: shared.Split = None,
    config_name: shared.ConfigName = None,
    revision: shared.Revision = None,
    image_column: shared.ImageColumn = None,
    label_column: shared.LabelColumn = None,
    labels: shared.Labels = None,
    file_column: shared.FileColumn = None,
    splits: shared.Splits = None,
    class_level: shared.ClassLevel = None,
    skip_unreadable: shared.SkipUnreadable = False,
    skip_unlabelled: shared.SkipUnlabelled = False,
    value_range: shared.ValueRange = None,
    max_pixels: shared.MaxPixels = None,
    device: shared.Device = "auto",
    preset: shared.Preset = "standard",
    probe: shared.Probe = "convnet",
    epochs: shared.Epochs = None,
    curvature_epochs: Annotated[int | None, typer.Option(help="Epochs after which curvature is measured. Default: every.")] = None,
    num_matvecs: shared.NumMatvecs = None,
    cut_off: shared.CutOff = "auto",
    format: Annotated[str, typer.Option(help="Of stdout: table, md or json.")] = "table",
    quiet: shared.Quiet = False,
    debug: Debug = False,
) -> None:
    """Plant known errors and compare how well the default ranking, every score and every baseline find them."""
    with exit_codes():
        if format not in ("table", "md", "json"):
            raise UsageError(f"Unknown format {format!r}; choose one of: table, md, json.")
        noises = tuple(dict.fromkeys(parse_noise(text) for text in noise or ["uniform:0.1"]))
        whole_option("seeds", seeds)
        whole_option("max_samples", max_samples)
        values = None if value_range is None else parse_value_range(value_range)
        check_max_pixels(max_pixels)
        parse_cut_off(cut_off)
        options = TrainingOptions(
            device=device,
            preset=preset,
            probe=probe,
            epochs=epochs,
            curvature_epochs=curvature_epochs,
            num_matvecs=num_matvecs,
        )
        from curv_issues.bench.methods import parse_methods

        parse_methods(methods or ["all"], num_samples=0)  # a wrong name ends the command before anything is read
        folder = output_folder(output if output is not None else folder_name(dataset, split, prefix="curv-issues-bench"))
        from curv_issues.bench.results import check_folder, remove_cells

        check_folder(folder, resume=resume, overwrite=overwrite, sources=[name for name in dataset if name])
        with live_progress(quiet=quiet) as progress:
            from curv_issues.bench.run import Plan, check_noises, finished_cells, run_bench
            from curv_issues.data.huggingface import load_data
            from curv_issues.device import choose_device
            from curv_issues.progress import Progress
            from curv_issues.summary import notes_on

            choose_device(device)
            data = load_data(
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
                seed=0,
                skip_unreadable=skip_unreadable,
                skip_unlabelled=skip_unlabelled,
                value_range=values,
                max_pixels=max_pixels,
                progress=progress and (lambda done, total: progress(Progress("load", done, total))),
            )
            plan = Plan(noises, seeds, parse_methods(methods or ["all"], num_samples=len(data)), options, cut_off)
            check_noises(data, plan)
            if overwrite:
                remove_cells(folder)
            interrupted = False
            try:
                run_bench(data, plan, folder, progress=progress)
            except KeyboardInterrupt:
                interrupted = True
        results = finished_cells(data, plan, folder)
        for note in [] if quiet else notes_on(data):
            typer.echo(visible(f"Note: {note}"), err=True)
        if results:
            _deliver(results, folder, format=format, quiet=quiet)
        if interrupted:
            total = len(plan.cells())
            typer.echo(f"Interrupted; {len(results)} of {total} cells are finished; go on with --resume.", err=True)
            raise typer.Exit(130)


def _deliver(results: list[dict], folder: Path, *, format: str, quiet: bool) -> None:
    import json

    from curv_issues.bench.plots import draw_plots
    from curv_issues.bench.results import write_text
    from curv_issues.bench.table import markdown, render

    if format == "json":
        typer.echo(json.dumps(results, indent=1), color=True)
    else:
        typer.echo(markdown(results) if format == "md" else render(results), color=True)
    write_text(folder / "bench.md", markdown(results))
    draw_plots(results, folder / "plots")
    if format == "table" or not quiet:
        typer.echo(visible(f"Results: {folder}"), err=format != "table")
