"""Combine data, run and judgement into the result of an audit."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curv_issues.auditing.notes import notes_on_audit
from curv_issues.auditing.summary import describe_dataset, left_out_table, plain_options, versions
from curv_issues.data.base import LabeledData
from curv_issues.duplicates.table import KEPT_FROM, pairs_table
from curv_issues.findings.judgement import Evidence, OtherSplit, findings_table, judge
from curv_issues.findings.samples import evidence_of_data
from curv_issues.findings.verdicts import find_verdicts
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.results.arrow import text_column
from curv_issues.results.kinds import KINDS
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import SCORES
from curv_issues.training.recipe import standard_epochs

if TYPE_CHECKING:
    from curv_issues.duplicates.search import ComparedImages
    from curv_issues.training.record import TrainingRecord

NOT_COMPARED = "The search for duplicates did not end, so images under different labels are not reported; run the audit again."


def evidence_of_run(data: LabeledData, run: TrainingRecord, **more: Any) -> Evidence:
    """Return the evidence of a run, with `more` fields of `Evidence`."""
    return evidence_of_data(
        data,
        suggested=run.suggested,
        scores=run.scores,
        directions={name: metadata["direction"] for name, metadata in run.score_metadata.items()},
        margins=run.trajectories.get("margin"),
        reference_margin=run.reference_margin,
        standard_epochs=0.0 if run.recipe is None else standard_epochs(len(data), fine_tune=run.recipe.fine_tune),
        on_features=run.on_features,
        pred_probs=run.pred_probs,
        features=run.embeddings,
        error_count=run.error_count,
        **more,
    )


def make_result(
    data: LabeledData,
    run: TrainingRecord,
    training: TrainingOptions | None,
    finding: FindingOptions,
    duplicate_options: DuplicateOptions,
    compared: ComparedImages | None = None,
    others: OtherSplit | None = None,
) -> AuditResult:
    """Return the result of a run; kinds of findings without evidence are not judged. `training` None: it was the user's own."""
    evidence = evidence_of_run(data, run, compared=compared, other_split=others)
    judged = judge(evidence, finding)
    verdicts = find_verdicts(evidence, judged.columns["flagged"], judged.tables.get("conflicts"))
    suggested = text_column(np.array(data.class_names, dtype=object)[run.suggested])
    columns = dict.fromkeys(SCORES.names[len(evidence.samples.columns) + 1 :])  # fixes the order of the columns
    found = {**judged.columns, "verdict": text_column(verdicts)}
    scores = evidence.samples.assign(suggested=suggested, **columns, **run.scores).assign(**found)
    images = pd.DataFrame(
        {
            "row": data.rows,
            "height": data.sizes[:, 0],
            "width": data.sizes[:, 1],
            "file_sha256": data.file_sha256,
            "image_sha256": data.image_sha256,
        }
    )
    findings = findings_table(evidence, judged, judged.columns["suspicion"], verdicts)
    counts = findings["kind"].value_counts()
    pairs = None if compared is None else pairs_table(compared, data.rows)
    summary = {
        "complete": run.complete,
        "epochs_done": run.epochs_done,
        "dataset": describe_dataset(data),
        "options": {**({} if training is None else plain_options(training)), **asdict(finding), **asdict(duplicate_options)},
        "recipe": None if run.recipe is None else asdict(run.recipe),
        "seed": None if training is None else training.seed,
        "versions": versions(),
        "device": run.device,
        "compute_type": run.compute_type,
        "input": None if training is None else data.choose_input(training.input),
        "pred_probs": None if run.pred_probs is None else "out-of-sample" if run.out_of_sample else "in-sample",
        "num_findings": {kind: int(counts.get(kind, 0)) for kind, info in KINDS.items() if info.has_findings},
        "duplicates": None,
        **judged.summary,
        "reference_margin": run.reference_margin,
        **({} if run.privacy is None else {"privacy": run.privacy}),
        "notes": [
            *notes_on_audit(data, run, training),
            *judged.notes,
            *([NOT_COMPARED] if duplicate_options.duplicates and compared is None else []),
        ],
    }
    if compared is not None:
        summary["duplicates"].update(pairs_compared=len(compared), pairs_kept_from=min(KEPT_FROM, compared.threshold))
    return AuditResult(
        scores=scores,
        findings=findings,
        trajectories=run.trajectories,
        pred_probs=run.pred_probs,
        embeddings=run.embeddings,
        images=images,
        score_metadata={**run.score_metadata, **judged.metadata},
        summary=summary,
        probe=run.weights,
        tables={**judged.tables, "pairs": pairs, "left_out": left_out_table(data.source.files)},
    )
