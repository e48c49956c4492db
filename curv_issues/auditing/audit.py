"""From a dataset to findings, in one call: wiring only."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.auditing.assembly import make_result
from curv_issues.auditing.leakage import compare_with_split
from curv_issues.auditing.sheet import draw_sheet
from curv_issues.data.base import LabeledData, check_auditable
from curv_issues.memory import peak_memory
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.progress import Progress, ProgressCallback
from curv_issues.progress_bar import default_progress
from curv_issues.results.interrupted import AuditInterrupted
from curv_issues.results.result import AuditResult
from curv_issues.stopping import StopFlag, stop_flag

if TYPE_CHECKING:
    import datasets

    from curv_issues.curvature import CurvatureForm
    from curv_issues.duplicates.search import ComparedImages
    from curv_issues.trackers.base import Tracker
    from curv_issues.training.run import ProbeRun


def audit(
    dataset: str | Path | Sequence[str | Path] | datasets.Dataset | datasets.DatasetDict | LabeledData,
    *,
    split: str | None = None,
    config_name: str | None = None,
    revision: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    labels: Any = None,
    file_column: str | None = None,
    splits: bool | None = None,
    class_level: int | None = None,
    max_samples: int | None = None,
    skip_unreadable: bool = False,
    skip_unlabelled: bool = False,
    value_range: tuple[float, float] | None = None,
    max_pixels: int | None = None,
    seed: int = 0,
    device: str = "auto",
    preset: str = "standard",
    probe: Any = "convnet",
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    weight_decay: float = 5e-4,
    flip: bool | None = None,
    shift: int | None = None,
    resolution: int | None = None,
    curvature_epochs: int | None = None,
    num_matvecs: int | None = None,
    step: float = 1e-2,
    form: CurvatureForm = "squared",
    measure: str | Sequence[str] = (),
    score: str = "default",
    cut_off: str | float = "auto",
    duplicates: bool = True,
    duplicate_threshold: float | None = None,
    against: str | Path | datasets.Dataset | LabeledData | None = None,
    trackers: Sequence[type[Tracker]] = (),
    progress: ProgressCallback | bool | None = None,
    on_result: Callable[[AuditResult], object] | None = None,
) -> AuditResult:
    """Train a probe on a labelled image dataset and find the labels that look wrong.

    Args:
        dataset: Hub id, local folder (laid out like a Hub dataset, an image folder, or written by `save_to_disk`), parquet
            files, a `datasets.Dataset` or `DatasetDict`, or `LabeledData` (see `from_arrays`).
        split: an expression of the datasets library: "train", "train+test", "train[:10%]".
        config_name: configuration of a Hub dataset.
        revision: branch, tag or commit of a Hub dataset.
        image_column: image column; default: detected by type.
        label_column: label column; default: detected by name, else by type.
        labels: table of labels for a folder of images, or "folders"; see `load_data`, as for all options down to `class_level`.
        file_column: column of the file names in tables of labels.
        splits: whether top-level folders called train, test, ... are splits.
        class_level: which folder below the split names the class, 1 for the topmost.
        max_samples: audit a stratified sample of this size.
        skip_unreadable: leave out images that cannot be decoded, and list them, instead of raising.
        skip_unlabelled: leave out samples without a label, and count them, instead of raising.
        value_range: the values shown as black and white in images of more than 8 bits per channel, such as (0, 4095);
            default: one range for all of them, from the images.
        max_pixels: images with more pixels count as unreadable; default: 64 million, or fewer on a machine with little memory.
        seed: of sampling and training. The same seed gives the same result on the same machine.
        device: see `TrainingOptions`, as for all options down to `measure`.
        preset: "quick", "standard" or "thorough".
        probe: name, `nn.Module`, function from `ProbeSpec` to a module, or "module:function".
        epochs: passes over the data.
        batch_size: samples per step.
        learning_rate: peak of the schedule.
        weight_decay: of SGD.
        flip: mirror at random in training.
        shift: largest random shift in training, pixels.
        resolution: of the probe's input, pixels.
        curvature_epochs: number of epochs after which curvature is measured.
        num_matvecs: Hutchinson directions per measurement.
        step: finite-difference step, [0, 1] pixels.
        form: of curvature, "squared" or "norm".
        measure: names of scores that make the run longer, or "all"; the score named by `score` is always measured.
        score: "default" or the name of one score to rank by.
        cut_off: "auto", a minimum suspicion, or a fraction such as "5%".
        duplicates: search for duplicate images with conflicting labels.
        duplicate_threshold: minimum similarity (0-1) at which two images count as duplicates; default: from the data.
        against: also report images that appear in this other split of the dataset (text, as `split`) or other dataset.
        trackers: tracker classes of your own; their scores join the table.
        progress: called with `Progress` along the way; True or False: show progress on stderr or do not; None: show it on a
            terminal or in a notebook.
        on_result: called with the result before the contact sheet is drawn, such as to save it; also after Ctrl-C, or if the
            search for duplicates fails.

    Returns:
        Scores, findings and all that `rejudge` needs.

    Raises:
        UsageError: an option is wrong.
        DatasetError: the dataset is missing or unreadable, or its columns or labels cannot be used.
        AuditError: the loss became NaN, or the disk is full.
        AuditInterrupted: Ctrl-C; carries the ranking so far.
    """
    training = TrainingOptions(
        seed=seed,
        device=device,
        preset=preset,
        probe=probe,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        flip=flip,
        shift=shift,
        resolution=resolution,
        curvature_epochs=curvature_epochs,
        num_matvecs=num_matvecs,
        step=step,
        form=form,
        measure=measure,
    )
    own_scores = [str(getattr(tracker, "name", "")) for tracker in trackers]
    finding = FindingOptions(score=score, cut_off=cut_off, own_scores=own_scores)
    training = training.with_score(finding.score)
    looking = DuplicateOptions(duplicates=duplicates, duplicate_threshold=duplicate_threshold)
    start = time.perf_counter()
    from curv_issues.auditing.leakage import load_against
    from curv_issues.data.loading import load_data  # imports datasets, which errors above need not wait for

    if device not in ("auto", "cpu"):
        from curv_issues.device import choose_device  # imports torch

        choose_device(device)  # report a device that is missing before hours of loading

    with default_progress(progress) as report:

        def loading(done: int, total: int) -> None:
            if report:
                report(Progress("load", done, total))

        data = load_data(
            dataset,
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
            seed=seed,
            resolution=resolution,
            skip_unreadable=skip_unreadable,
            skip_unlabelled=skip_unlabelled,
            value_range=value_range,
            max_pixels=max_pixels,
            progress=loading,
        )
        others = None
        if against is not None:
            others = load_against(
                against,
                data,
                dataset=dataset,
                config_name=config_name,
                revision=revision,
                labels=labels,
                file_column=file_column,
                splits=splits,
                class_level=class_level,
                skip_unreadable=skip_unreadable,
                skip_unlabelled=skip_unlabelled,
                max_pixels=max_pixels,
                progress=loading,
            )
        seconds = {"load": time.perf_counter() - start}
        return audit_data(
            data,
            training,
            finding,
            looking,
            others=others,
            trackers=trackers,
            progress=report,
            on_result=on_result,
            seconds=seconds,
        )


def audit_data(
    data: LabeledData,
    training: TrainingOptions,
    finding: FindingOptions,
    looking: DuplicateOptions | None = None,
    *,
    others: LabeledData | None = None,
    trackers: Sequence[type[Tracker]] = (),
    progress: ProgressCallback | None = None,
    on_result: Callable[[AuditResult], object] | None = None,
    seconds: dict[str, float] | None = None,
) -> AuditResult:
    """Audit data that is already decoded; see `audit`.

    Args:
        data: at least two samples, of two classes.
        training: options of the training.
        finding: options of the findings.
        looking: options of the search for duplicates.
        others: also report images that appear in this data.
        trackers: user-supplied tracker classes.
        progress: called after every step.
        on_result: called with the result before its contact sheet is drawn; see `audit`.
        seconds: seconds of earlier stages, for the summary.
    """
    looking = looking or DuplicateOptions()
    check_auditable(data)
    from curv_issues.training.run import run_probe  # imports torch, which errors above need not wait for

    with stop_flag() as stop:
        run = run_probe(data, training, trackers=trackers, mirrored=looking.duplicates, progress=progress, stop=stop)
        if run is None:
            raise AuditInterrupted(None)
        if not run.complete and finding.score != "default" and np.isnan(run.scores[finding.score]).any():
            finding = replace(finding, score="default")  # stopped before the first measurement: rank by what there is
        start = time.perf_counter()
        compared, other = None, None
        try:
            if looking.duplicates:
                compared = stop.unless_stopped(lambda: compare_images(data, run, looking.duplicate_threshold, progress=progress))
            if others is not None:
                threshold = looking.duplicate_threshold if compared is None else compared.threshold  # one rule for all images
                compare = functools.partial(compare_with_split, data, others, threshold=threshold, device=run.device)
                other = stop.unless_stopped(compare)
        except Exception:
            if on_result:
                on_result(make_result(data, run, training, finding, looking))
            raise
        compared_at = time.perf_counter()

        def measured(result: AuditResult) -> AuditResult:
            """The result with seconds and memory up to now."""
            searched = compared is not None or other is not None
            own = {**({"compare": compared_at - start} if searched else {}), "find": time.perf_counter() - compared_at}
            spent = {key: round(value, 3) for key, value in {**(seconds or {}), **run.seconds, **own}.items()}
            return result.with_extras(seconds={**result.summary.get("seconds", {}), **spent}, peak_memory=peak_memory())

        result = measured(make_result(data, run, training, finding, looking, compared, other))
        if on_result:
            on_result(result)
        result = measured(_add_sheet(result, data, stop))
        if stop.is_set:
            raise AuditInterrupted(result)
        return result


def _add_sheet(result: AuditResult, data: LabeledData, stop: StopFlag) -> AuditResult:
    """Return the result with its contact sheet; Ctrl-C or a failure, which leaves a note, costs only the sheet."""
    try:
        sheet = stop.interruptible(lambda: draw_sheet(data, result.scores))  # a ranking that was cut short has its sheet too
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        note = f"There is no contact sheet, because it could not be drawn ({reason})."
        return result.with_extras(notes=[*result.summary["notes"], note])
    return result.with_extras(contact_sheet=sheet)


def compare_images(
    data: LabeledData, run: ProbeRun, threshold: float | None = None, *, progress: ProgressCallback | None = None
) -> ComparedImages:
    """Search for duplicates, using the probe's features of the images and of their mirror images."""
    from curv_issues.duplicates.search import compare_within

    assert run.mirrored_embeddings is not None  # there after a complete run
    features = run.embeddings.astype(np.float32) + run.mirrored_embeddings

    def report(done: int, total: int) -> None:
        if progress:
            progress(Progress("compare", done, total))

    return compare_within(data, features=features, threshold=threshold, device=run.device, on_step=report)
