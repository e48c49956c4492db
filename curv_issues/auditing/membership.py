"""How well training samples can be told from those of another split: a check of privacy, and of overfitting."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from curv_issues.data.base import LabeledData
from curv_issues.options import TrainingOptions
from curv_issues.progress import ProgressCallback
from curv_issues.results.result import AuditResult

if TYPE_CHECKING:
    from curv_issues.training.held_out import HeldOutSamples


def held_out_samples(
    data: LabeledData, others: LabeledData, training: TrainingOptions, *, progress: ProgressCallback | None = None
) -> HeldOutSamples | None:
    """Return samples of another split to measure during the training; None if the network could not read them.

    Args:
        data: the samples of the training, with the features of a backbone if it uses them.
        others: the other split.
        training: options of the training.
        progress: called while features are extracted.
    """
    from curv_issues.training.held_out import choose_held_out  # imports torch

    if _lacks_features(data, others, training):
        return None
    on_features = data.choose_input(training.input) == "features"
    found = choose_held_out(data, others, seed=training.seed)
    if found is None or not on_features or found.data.features is not None:
        return found
    from curv_issues.backbones.extract import with_features

    return replace(found, data=with_features(found.data, training.backbone, device=training.device, progress=progress))


def _lacks_features(data: LabeledData, others: LabeledData, training: TrainingOptions) -> bool:
    on_features = data.choose_input(training.input) == "features"
    return on_features and others.features is None and not training.uses_features_of_backbone


def with_membership(
    result: AuditResult, membership: dict[str, Any] | None, data: LabeledData, others: LabeledData, training: TrainingOptions
) -> AuditResult:
    """Return the result with the comparison of training and held-out samples in its summary, and a note.

    Args:
        result: of an audit.
        membership: see `HeldOut.compare`; None: the samples were not compared, and the note says why.
        data: the samples of the training.
        others: the split that the held-out samples are from.
        training: options of the training.
    """
    if membership is None:
        from curv_issues.training.held_out import describe_unusable  # imports torch

        if _lacks_features(data, others, training):
            reason = "the training is on features, which are not given for them"
        else:
            reason = describe_unusable(data, others) or "their loss and curvature were not measured"
        where = others.source.split or others.source.source
        note = f"Samples of the training are not compared with those of {where} (membership): {reason}."
        return result.with_extras(membership=None, notes=[*result.summary["notes"], note])
    described = {"source": others.source.source, "split": others.source.split, **membership}
    return result.with_extras(membership=described, notes=[*result.summary["notes"], describe_membership(described)])


def describe_membership(membership: dict[str, Any]) -> str:
    """Return the comparison in a sentence."""
    values = " and ".join(f"its {name} with AUROC {found['value']:.2f}" for name, found in membership["auroc"].items())
    where = membership["split"] or membership["source"]
    return (
        f"Samples of the training are distinguished from those of {where} ({membership['num_held_out']:,} samples) by {values} "
        "(0.5: not at all, 1: always)."
    )
