"""Audit a dataset: load, train, judge. No detection rules."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.auditing.assembly import make_result
from curv_issues.auditing.images import draw_images, shown_table
from curv_issues.auditing.leakage import compare_with_split
from curv_issues.auditing.membership import held_out_samples, with_membership
from curv_issues.backbones import BACKBONE_OR_FEATURES
from curv_issues.data.base import LabeledData, check_auditable
from curv_issues.data.pred_probs import with_pred_probs
from curv_issues.data.source_options import SourceOptions
from curv_issues.errors import UsageError
from curv_issues.findings.ranking import is_measured
from curv_issues.keywords import check_keywords, make_options, takes_options
from curv_issues.memory import peak_memory
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.progress import Progress, ProgressCallback
from curv_issues.progress_bar import default_progress
from curv_issues.results.interrupted import AuditInterrupted
from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import Decision, read_decisions
from curv_issues.stopping import StopFlag, stop_flag
from curv_issues.trackers import CROSS_FIT_SCORES

if TYPE_CHECKING:
    from typing import Unpack

    import datasets

    from curv_issues.duplicates.search import ComparedImages
    from curv_issues.keyword_types import AuditKeywords
    from curv_issues.trackers.base import Tracker
    from curv_issues.training.run import ProbeRun


@takes_options(SourceOptions, TrainingOptions, FindingOptions, DuplicateOptions)
def audit(
    dataset: str | Path | Sequence[str | Path] | datasets.Dataset | datasets.DatasetDict | LabeledData,
    *,
    against: str | Path | datasets.Dataset | LabeledData | None = None,
    pred_probs: Any = None,
    trackers: Sequence[type[Tracker]] = (),
    images: bool = True,
    decisions: str | Path | Sequence[Decision] = (),
    progress: ProgressCallback | bool | None = None,
    on_result: Callable[[AuditResult], object] | None = None,
    **options: Unpack[AuditKeywords],
) -> AuditResult:
    """Train a probe on a labelled image dataset and find the labels that look wrong.

    Args:
        dataset: Hub id, local folder (laid out like a Hub dataset, an image folder, or written by `save_to_disk`), parquet
            files, a `datasets.Dataset` or `DatasetDict`, or `LabeledData` (see `from_arrays`).
        **options: see `SourceOptions`, `TrainingOptions`, `FindingOptions` and `DuplicateOptions`.
        against: also report images that appear in this other split of the dataset (text, as `split`) or other dataset.
        pred_probs: (n, k), class probabilities for each sample from a model of your own that was not trained on it; they become
            those of the result, and the default ranking joins their loss. See `with_pred_probs`.
        trackers: user-supplied tracker classes; their scores are added to the table.
        images: whether the result may contain images: the contact sheet, and small images for the report. False for private data.
        decisions: of a person, which count in the result: a file decisions.json or what `read_decisions` returns; see
            `with_decisions`.
        progress: called with `Progress` events; True: show progress on stderr; False: do not; None: show it on a terminal or
            in a notebook.
        on_result: called with the result before images are drawn, for example to save it; also after Ctrl-C, or if
            the search for duplicates fails.

    Returns:
        Scores, findings and everything that `rejudge` needs.

    Raises:
        UsageError: an option is wrong.
        DatasetError: the dataset is missing or unreadable, or its columns or labels cannot be used.
        AuditError: the loss became NaN, or the disk is full.
        AuditInterrupted: Ctrl-C; carries the ranking so far.
    """
    check_keywords("audit", options, SourceOptions, TrainingOptions, FindingOptions, DuplicateOptions)
    own_scores = [str(getattr(tracker, "name", "")) for tracker in trackers]
    with default_progress(progress) as report:
        return load_and_audit(
            dataset,
            make_options(SourceOptions, options),
            make_options(TrainingOptions, options),
            make_options(FindingOptions, options, own_scores=own_scores),
            make_options(DuplicateOptions, options),
            against=against,
            pred_probs=pred_probs,
            trackers=trackers,
            images=images,
            decisions=decisions,
            progress=report,
            on_result=on_result,
        )


def load_and_audit(
    dataset: Any,
    source: SourceOptions,
    training: TrainingOptions,
    finding: FindingOptions,
    duplicate_options: DuplicateOptions,
    *,
    against: Any = None,
    pred_probs: Any = None,
    trackers: Sequence[type[Tracker]] = (),
    images: bool = True,
    decisions: str | Path | Sequence[Decision] = (),
    progress: ProgressCallback | None = None,
    on_result: Callable[[AuditResult], object] | None = None,
) -> AuditResult:
    """Audit a dataset with options that are already checked; see `audit`."""
    start = time.perf_counter()
    decisions = read_decisions(decisions) if isinstance(decisions, str | Path) else decisions  # before hours of loading
    from curv_issues.auditing.leakage import load_other_split
    from curv_issues.data.loading import load  # imports datasets, so only after the options are checked

    training = with_loaded_backbone(training, source)
    if training.device not in ("auto", "cpu"):
        from curv_issues.device import choose_device  # imports torch

        choose_device(training.device)  # report a missing device before hours of loading

    def report_loading(done: int, total: int) -> None:
        if progress:
            progress(Progress("load", done, total))

    resolution = training.resolution if isinstance(dataset, LabeledData) else image_resolution(training)
    data = load(dataset, source, seed=training.seed, resolution=resolution, progress=report_loading)
    if pred_probs is not None:
        data = with_pred_probs(data, pred_probs)
    others = None if against is None else load_other_split(against, data, dataset, source, progress=report_loading)
    return audit_data(
        data,
        training,
        finding,
        duplicate_options,
        others=others,
        trackers=trackers,
        images=images,
        decisions=decisions,
        progress=progress,
        on_result=on_result,
        seconds={"load": time.perf_counter() - start},
    )


def with_loaded_backbone(training: TrainingOptions, source: SourceOptions | None = None) -> TrainingOptions:
    """Return the options with their backbone loaded and checked, to report an error before hours of loading images."""
    if training.backbone is None:
        return training
    if source is not None and source.has_features:
        raise UsageError(BACKBONE_OR_FEATURES)
    from curv_issues.backbones.loading import load_backbone  # imports torch

    loaded = load_backbone(training.backbone)
    if training.fine_tune:
        from curv_issues.backbones.fine_tuning import check_trainable

        check_trainable(loaded)
    return replace(training, backbone=loaded)


def image_resolution(training: TrainingOptions) -> int | None:
    """Return the resolution at which images are decoded: that of the options, or of a backbone that is fine-tuned."""
    if training.resolution is not None or not training.fine_tune:
        return training.resolution
    from curv_issues.backbones.fine_tuning import input_side  # imports torch
    from curv_issues.backbones.loading import load_backbone

    return input_side(load_backbone(training.backbone))


def audit_data(
    data: LabeledData,
    training: TrainingOptions,
    finding: FindingOptions,
    duplicate_options: DuplicateOptions | None = None,
    *,
    others: LabeledData | None = None,
    trackers: Sequence[type[Tracker]] = (),
    images: bool = True,
    decisions: Sequence[Decision] = (),
    progress: ProgressCallback | None = None,
    on_result: Callable[[AuditResult], object] | None = None,
    seconds: dict[str, float] | None = None,
) -> AuditResult:
    """Audit data that is already decoded; see `audit`.

    Args:
        data: at least two samples, of two classes.
        training: options of the training.
        finding: options of the findings.
        duplicate_options: options of the search for duplicates; None: the default.
        others: also report images that appear in this data.
        trackers: user-supplied tracker classes.
        images: whether the result may contain images; see `audit`.
        decisions: of a person; see `audit`.
        progress: called after every step.
        on_result: called with the result before the contact sheet is drawn; see `audit`.
        seconds: duration of earlier stages in seconds, for the summary.
    """
    duplicate_options = duplicate_options or DuplicateOptions()
    training = with_loaded_backbone(training).with_score(finding.score)  # once: training and notes need it too
    check_auditable(data)
    _check_cross_fit_score(finding.score, data, training)
    from curv_issues.training.run import run_probe  # imports torch
    from curv_issues.training.trained import check_score, score_trained

    if training.fine_tune and data.features is not None:
        raise UsageError(BACKBONE_OR_FEATURES)
    if data.pred_probs is not None and training.epochs == 0:
        raise UsageError("pred_probs join the ranking of a training, but with epochs=0 there is none; leave one of them out.")
    check_score(training, finding.score)
    run_it = score_trained if training.epochs == 0 else run_probe
    mirrored = duplicate_options.duplicates
    with stop_flag() as stop:
        if training.uses_features_of_backbone:
            from curv_issues.backbones.extract import with_features

            start = time.perf_counter()
            extract = functools.partial(with_features, backbone=training.backbone, device=training.device, progress=progress)
            extended = stop.unless_stopped(functools.partial(extract, data))
            if extended is None:
                raise AuditInterrupted(None)
            data = extended
            seconds = {**(seconds or {}), "features": time.perf_counter() - start}
        held_out = None
        if others is not None:
            choose = functools.partial(held_out_samples, data, others, training, progress=progress)
            held_out = stop.unless_stopped(choose)
        run = run_it(data, training, trackers=trackers, mirrored=mirrored, held_out=held_out, progress=progress, stop=stop)
        if run is None:
            raise AuditInterrupted(None)
        start = time.perf_counter()
        estimated = stop.interruptible(functools.partial(_with_estimates, run, data))  # a ranking does not need it
        run = replace(run, class_history=None, leave_one_out=None) if estimated is None else estimated
        seconds = {**(seconds or {}), "estimate": time.perf_counter() - start}
        if run.interrupted and finding.score != "default" and not is_measured(run.scores, finding.score):
            finding = replace(finding, score="default")  # the score was not measured before Ctrl-C
        start = time.perf_counter()
        compared, other = None, None
        threshold = duplicate_options.duplicate_threshold
        try:
            if duplicate_options.duplicates:
                compared = stop.unless_stopped(lambda: compare_images(data, run, threshold, progress=progress))
            if others is not None:
                other_threshold = threshold if compared is None else compared.threshold  # the same for all images
                compare = functools.partial(compare_with_split, data, others, threshold=other_threshold, device=run.device)
                other = stop.unless_stopped(compare)
        except Exception:
            if on_result:
                on_result(make_result(data, run, training, finding, duplicate_options))
            raise
        compared_at = time.perf_counter()

        def with_costs(result: AuditResult) -> AuditResult:
            """Return the result with the seconds and the peak memory so far."""
            searched = compared is not None or other is not None
            own = {**({"compare": compared_at - start} if searched else {}), "find": time.perf_counter() - compared_at}
            spent = {key: round(value, 3) for key, value in {**(seconds or {}), **run.seconds, **own}.items()}
            return result.with_extras(seconds={**result.summary.get("seconds", {}), **spent}, peak_memory=peak_memory())

        result = make_result(data, run, training, finding, duplicate_options, compared, other)
        if others is not None:
            result = with_membership(result, run.membership, data, others, training)
        if decisions:
            from curv_issues.auditing.decided import with_decisions  # imports scipy

            result = with_decisions(result, decisions)
        result = with_costs(result)
        if on_result:
            on_result(result)
        if data.shown:
            result = result.with_extras(tables={"shown": shown_table(data, result)})
        if images:
            result = with_costs(_add_images(result, data, stop))
        if stop.is_set:
            raise AuditInterrupted(result)
        return result


def _with_estimates(run: ProbeRun, data: LabeledData) -> ProbeRun:
    """Return the run with what is estimated after the training."""
    from curv_issues.auditing.isolation import with_isolation  # imports torch
    from curv_issues.auditing.label_noise import with_label_noise  # imports scipy

    return with_isolation(with_label_noise(run, data.labels), data)


def _check_cross_fit_score(score: str, data: LabeledData, training: TrainingOptions) -> None:
    """Raise UsageError if samples shall be ranked by a score of cross-fitting that this audit does not measure."""
    if score not in CROSS_FIT_SCORES:
        return
    if training.epochs == 0:
        uses = "no training"
    elif data.pred_probs is not None and score != "held_out_loss":
        uses = "pred_probs instead"
    elif data.pred_probs is None and (training.input == "images" or (data.features is None and training.backbone is None)):
        uses = "images only"
    else:
        return
    raise UsageError(f"The score {score!r} is measured by cross-fitting on features, but this audit uses {uses}.")


def _add_images(result: AuditResult, data: LabeledData, stop: StopFlag) -> AuditResult:
    """Return the result with contact sheet and thumbnails; without them after Ctrl-C; with a note if they cannot be drawn."""
    try:
        drawn = stop.interruptible(lambda: draw_images(data, result))  # an interrupted ranking gets its images too
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        note = f"There is no contact sheet and the report has no images, because they could not be drawn ({reason})."
        return result.with_extras(notes=[*result.summary["notes"], note])
    return result if drawn is None else result.with_extras(**drawn._asdict())


def compare_images(
    data: LabeledData, run: ProbeRun, threshold: float | None = None, *, progress: ProgressCallback | None = None
) -> ComparedImages:
    """Search for duplicates, with features of the images and of their mirror images, of the backbone or the probe."""
    from curv_issues.duplicates.search import compare_within

    mirrored = run.mirrored_embeddings  # of a complete run on images
    features = data.features if mirrored is None else run.embeddings.astype(np.float32) + mirrored

    def report(done: int, total: int) -> None:
        if progress:
            progress(Progress("compare", done, total))

    return compare_within(data, features=features, threshold=threshold, device=run.device, on_step=report)
