"""apply_decisions(): write a corrected copy of a dataset. The dataset itself is never changed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curv_issues.applying.changes import changes_table
from curv_issues.applying.copying import LINKS
from curv_issues.applying.edits import Written
from curv_issues.applying.kinds import kind_of
from curv_issues.applying.log import describe_removed, read_removed, write_log
from curv_issues.applying.plan import Plan, Rules, check_classes, make_plan
from curv_issues.applying.source import AuditedDataset, Located, check_found, locate, open_audited
from curv_issues.applying.staging import check_new_folder, new_folder
from curv_issues.applying.writing import record_of, write_dataset
from curv_issues.counting import counted
from curv_issues.data.reopening import opened_names
from curv_issues.errors import UsageError
from curv_issues.progress import Progress, ProgressCallback
from curv_issues.progress_bar import default_progress
from curv_issues.results.arrow import clean_text
from curv_issues.review.decisions import ALREADY_APPLIED, DECISIONS, RELABEL, REMOVE, Decision, read_decisions
from curv_issues.version import installed_version

if TYPE_CHECKING:
    import pandas as pd

    from curv_issues.results.result import AuditResult

FORMATS = ("dataset", "changes")
_HAS_CHANGED = "The dataset has changed since the audit; samples were matched by their content."
_PACKAGES = ("curv-issues", "datasets", "pyarrow", "numpy")


@dataclass(frozen=True, eq=False, repr=False)
class Applied:
    """What was changed, or would be.

    Attributes:
        changes: one row per change: row, split, path, given, label (null: removed), action ("relabel" or "remove"), reason.
        not_applied: the same columns, for decisions that could not be applied; `reason` says why.
        output: the new folder; None after a dry run.
        kind: kind of the new dataset, a key of `WRITERS`; None: only the changes were written.
        fingerprint: of the audited samples after the changes, as `LabeledData` has it; None if it is not known.
        notes: what a user should know, one line each.
    """

    changes: pd.DataFrame
    not_applied: pd.DataFrame
    output: Path | None
    kind: str | None
    fingerprint: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of labels changed, of samples removed, and of decisions that could not be applied."""
        actions = Counter(self.changes["action"])
        return {"relabelled": actions[RELABEL], "removed": actions[REMOVE], "not_applied": len(self.not_applied)}

    def __str__(self) -> str:
        counts = self.counts
        relabelled = counted(counts["relabelled"], "label")
        removed = counted(counts["removed"], "sample")
        return f"{relabelled} changed, {removed} removed, {counted(counts['not_applied'], 'decision')} not applied"

    def __repr__(self) -> str:
        return f"<Applied {self}>"


def apply_decisions(
    result: AuditResult | str | Path,
    decisions: Sequence[Decision] | str | Path | None = None,
    output: str | Path | None = None,
    *,
    dataset: Any = None,
    labels: Any = None,
    features: Any = None,
    auto: float | None = None,
    drop_conflicts: str | None = None,
    drop_duplicates: str | None = None,
    new_classes: bool = False,
    link: str | None = None,
    format: str = "dataset",
    dry_run: bool = False,
    progress: ProgressCallback | bool | None = None,
) -> Applied:
    """Write a corrected copy of the audited dataset, of the same kind, into a new folder.

    Labels that a person has decided to change are changed, and samples to remove are left out. The old labels are in a new column
    `label_original` (named after the label column). Order, other columns, splits and image files stay the same. The folder also
    gets `changes.csv` and `applied.json`. It appears as a whole, or not at all.

    Args:
        result: of the audit, or its folder.
        decisions: a list, or the path of a file of decisions; None: decisions.json in the folder of the result.
        output: the new folder, which must not exist or be empty; None for a dry run only.
        dataset: the audited dataset, if it has moved or was an object in memory; None: open it where it was.
        labels: its table of labels, if it has moved.
        features: its file of features, if it has moved.
        auto: also relabel samples with a label issue that no person has decided, to the suggested class, if its probability is
            at least this, in (0, 1]. The probability is p_wrong * suggested_probability / (1 - given_probability).
        drop_conflicts: "keep-one": of each group of duplicates with conflicting labels, keep one sample that is not suspect.
        drop_duplicates: "keep-one": of each group of duplicates with one label, keep the first.
        new_classes: allow decisions to relabel to a class that the dataset does not have yet.
        link: "hard" or "symbolic": link to the images of an image folder instead of copying them.
        format: "dataset", or "changes" to write `changes.csv` and `applied.json` only, which needs no dataset.
        dry_run: only return what would change.
        progress: a callback; True: show progress on stderr; False: do not; None: show it on a terminal or in a notebook.

    Returns:
        The changes, and the decisions that could not be applied.

    Raises:
        UsageError: an option, the decisions or the output folder cannot be used, or no new dataset can be written from this kind.
        DatasetError: the dataset cannot be opened, is another one, or cannot be read after the changes.
        AuditError: the files cannot be written.
    """
    rules = Rules(auto, drop_conflicts, drop_duplicates)
    _check_choice("format", format, FORMATS)
    _check_choice("link", link, (None, *LINKS))
    if output is None and not dry_run:
        raise UsageError("The new dataset needs a folder; pass output=FOLDER, or dry_run=True.")
    result, folder = _load(result)
    made = _read_decisions(decisions, folder, rules)
    audited = open_audited(result, dataset=dataset, labels=labels, features=features) if format == "dataset" else None
    kind = None if audited is None else kind_of(audited)
    if link is not None and kind != "image folder":
        raise UsageError(f"--link (link) is for folders of images; this is {'a list of changes' if kind is None else f'a {kind}'}.")
    target = None if output is None else check_new_folder(output, sources=audited.paths if audited else [], result=folder)
    removed = read_removed(_folders_of_log(audited, result))
    plan = make_plan(result, made, rules, removed=removed)
    _check_fit(plan, made, rules, result)
    known = result.class_names if audited is None else [clean_text(name) for name in audited.opened.labels.class_names]
    check_classes(plan.changes, known, new_classes=new_classes)
    located = _without_dataset(plan) if audited is None else locate(plan.changes, audited, result)
    if audited is not None:
        check_found(located, audited.opened.source.name)
    changes = [located.changes[row] for row in sorted(located.changes)]
    tables = changes_table(changes), changes_table([*plan.not_applied, *located.failed])
    notes = () if located.is_unchanged else (_HAS_CHANGED,)
    if target is None or dry_run:
        return Applied(*tables, None, kind, notes=notes)
    written, fingerprint = Written(), None
    with new_folder(target) as staged, default_progress(progress) as callback:
        if audited is not None and kind is not None:
            report = None if callback is None else (lambda done, total: callback(Progress("write", done, total)))
            written, fingerprint = write_dataset(
                result, audited, located, staged, kind=kind, target=target, link=link, progress=report
            )
        described = result.summary["dataset"]
        removals = [plan.decided[change.row] for change in changes if change.row in plan.decided and change.action == REMOVE]
        entries = {
            "source": described.get("source"),
            "split": described.get("split"),
            "kind": kind,
            "fingerprint_before": described.get("fingerprint") if located.is_unchanged else None,
            "fingerprint_after": fingerprint,
            "counts": Applied(*tables, None, None).counts,
            "rules": asdict(rules),
            "versions": {name: installed_version(name) for name in _PACKAGES},
            "open_with": None if audited is None else record_of(audited, written),
            "removed": describe_removed([*removed, *removals]),
        }
        moved = written.new_paths
        pieces = audited.opened.selection.pieces if audited is not None and moved else ()
        paths = [path for piece in pieces for path in piece.table.files(piece.rows)]
        new_paths = {change.row: moved[paths[row]] for row, change in located.changes.items() if moved and paths[row] in moved}
        write_log(staged, changes, entries, new_paths=new_paths)
    return Applied(*tables, target, kind, fingerprint, (*notes, *written.notes))


def _check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    if value not in choices:
        expected = " or ".join(str(choice) for choice in choices if choice is not None)
        raise UsageError(f"--{name} ({name}) must be {expected}, got {value!r}.")


def _load(result: AuditResult | str | Path) -> tuple[AuditResult, Path | None]:
    from curv_issues.results.result import AuditResult

    if isinstance(result, AuditResult):
        return result, None
    return AuditResult.load(result, memory_map=True), Path(result).expanduser()


def _read_decisions(decisions: Sequence[Decision] | str | Path | None, folder: Path | None, rules: Rules) -> list[Decision]:
    if isinstance(decisions, str | os.PathLike):
        return read_decisions(Path(decisions).expanduser())
    if decisions is not None:
        return list(decisions)
    if folder is not None and os.path.lexists(folder / DECISIONS):
        return read_decisions(folder / DECISIONS)
    if not rules.are_given:
        where = "There are no decisions" if folder is None else f"{folder} has no {DECISIONS}"
        raise UsageError(
            f"{where}, so there is nothing to apply; pass --decisions (decisions=...), --drop-conflicts, --drop-duplicates or "
            "--auto."
        )
    return []


def _folders_of_log(audited: AuditedDataset | None, result: AuditResult) -> list[str]:
    """Return the folders in which a log of earlier changes of the dataset may be."""
    record = result.summary["dataset"].get("opened_with")
    recorded = record if isinstance(record, dict) else {}
    paths = audited.dataset if audited is not None else opened_names(result.summary["dataset"])
    options = recorded.get("options")
    labels = audited.options.labels if audited is not None else options.get("labels") if isinstance(options, dict) else None
    found = [
        path for path in [labels, *(paths if isinstance(paths, list) else [])] if isinstance(path, str) and os.path.exists(path)
    ]
    return [path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path)) for path in found]


def _without_dataset(plan: Plan) -> Located:
    """Return the changes in the rows of the audit, without a search in the dataset."""
    return Located({change.row: change for change in plan.changes if change.row is not None}, [], is_unchanged=True)


def _check_fit(plan: Plan, decisions: Collection[Decision], rules: Rules, result: AuditResult) -> None:
    """Raise UsageError if there are decisions, and none of them fits the dataset."""
    strange = [change for change in plan.not_applied if not change.reason.startswith(ALREADY_APPLIED)]
    if decisions and not plan.decided and not rules.are_given and len(strange) == len(decisions):
        name = result.summary["dataset"].get("source")
        raise UsageError(
            f"None of the {counted(len(decisions), 'decision')} fits the audited dataset {name} ({strange[0]}); pass the decisions "
            "on this result with --decisions (decisions=...). Nothing was written."
        )
