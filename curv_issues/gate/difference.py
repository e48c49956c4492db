"""What has changed between two results: findings, and the samples of the datasets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curv_issues.errors import UsageError
from curv_issues.gate.baseline import searches_of
from curv_issues.results.kinds import PLACE
from curv_issues.results.result import AuditResult

_COMPARED = ["row", "given", "suggested"]  # columns whose changes make a finding a moved one
_MOVED = [
    *("kind", "changed", "row", "path", "given", "suggested"),
    *("old_row", "old_path", "old_given", "old_suggested", "suspicion", "image_sha256"),
]
_RELABELLED = ["row", "path", "given", "old_row", "old_path", "old_given", "image_sha256"]
_SAME_FINDING = (
    ["kind", "image_sha256", "given", "suggested", "row"],
    ["kind", "image_sha256", "given", "path"],
    ["kind", "image_sha256", "given"],
    ["kind", "image_sha256", "path"],
    ["kind", "image_sha256"],
)
_SAME_SAMPLE = (["image_sha256", "given", "path"], ["image_sha256", "given"], ["image_sha256", "path"], ["image_sha256"])


@dataclass(frozen=True, eq=False)
class ResultDifference:
    """What has changed from an old result to a new one. Images are the same if their decoded pixels are.

    Attributes:
        new_findings: findings of the new result only, with its columns.
        gone_findings: findings of the old result only.
        moved_findings: findings of the same kind and image in both, with another row, given or suggested class: `kind`,
            `changed` (which of the three), `row`, `path`, `given`, `suggested`, `old_row`, `old_path`, `old_given`,
            `old_suggested`, `suspicion`, `image_sha256`.
        num_unchanged: number of findings that are the same in both.
        added_samples: samples of the new dataset only: `row`, `split`, `path`, `given`, `image_sha256`.
        removed_samples: samples of the old dataset only.
        relabelled_samples: samples of both with another given class: `row`, `path`, `given`, `old_row`, `old_path`, `old_given`,
            `image_sha256`.
        notes: what makes the comparison less reliable.
    """

    new_findings: pd.DataFrame
    gone_findings: pd.DataFrame
    moved_findings: pd.DataFrame
    num_unchanged: int
    added_samples: pd.DataFrame
    removed_samples: pd.DataFrame
    relabelled_samples: pd.DataFrame
    notes: tuple[str, ...]


def compare_results(old: AuditResult, new: AuditResult) -> ResultDifference:
    """Compare two results by the content of their images.

    Each finding or sample has at most one counterpart. Of several identical images, those with the same label, then those with the
    same path, belong together. A further copy of an image is an added sample, and its finding a new one.

    Args:
        old: the earlier result.
        new: the later result.

    Raises:
        UsageError: one of them is not a result, or its images have no hashes.
    """
    for name, result in (("old", old), ("new", new)):
        if not isinstance(result, AuditResult):
            raise UsageError(f"Expected an AuditResult as the {name} result, but got {type(result).__name__}.")
        if (result.images["image_sha256"] == "").any():
            raise UsageError(f"The {name} result has no image hashes, so it cannot be compared.")
    findings, samples = (old.findings, new.findings), (_samples(old), _samples(new))
    before, after = _match(*findings, _SAME_FINDING)
    sample_before, sample_after = _match(*samples, _SAME_SAMPLE)
    both = _side_by_side(*findings, before, after)
    both["changed"] = _changed(both)
    moved = both[both["changed"] != ""]
    common = _side_by_side(*samples, sample_before, sample_after)
    return ResultDifference(
        new_findings=_others(findings[1], after),
        gone_findings=_others(findings[0], before),
        moved_findings=moved[_MOVED].reset_index(drop=True),
        num_unchanged=len(both) - len(moved),
        added_samples=_others(samples[1], sample_after),
        removed_samples=_others(samples[0], sample_before),
        relabelled_samples=common.loc[common["given"] != common["old_given"], _RELABELLED].reset_index(drop=True),
        notes=tuple(_notes(old, new, num_common=len(common))),
    )


def _samples(result: AuditResult) -> pd.DataFrame:
    return result.scores[[*PLACE, "given"]].assign(image_sha256=result.images["image_sha256"])


def _match(old: pd.DataFrame, new: pd.DataFrame, keys: Sequence[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Match rows of two tables one to one, by the first key, then what is left by the next one.

    Returns:
        Positions of the matched rows in `old` and in `new`, in the order of `new`.
    """
    rest = [frame.reset_index(drop=True).assign(position=np.arange(len(frame))) for frame in (old, new)]
    found = []
    for key in keys:
        # equal rows are matched in their order
        numbered = [frame.assign(turn=frame.groupby(key, dropna=False, sort=False).cumcount()) for frame in rest]
        pairs = numbered[0].merge(numbered[1], on=[*key, "turn"], suffixes=("_old", "_new"))[["position_old", "position_new"]]
        found.append(pairs)
        rest = [frame[~frame["position"].isin(pairs[name])] for frame, name in zip(rest, pairs.columns, strict=True)]
    matched = pd.concat(found).sort_values("position_new").to_numpy(dtype=np.int64)
    return matched[:, 0], matched[:, 1]


def _side_by_side(old: pd.DataFrame, new: pd.DataFrame, before: np.ndarray, after: np.ndarray) -> pd.DataFrame:
    """Return the matched rows of the new table, with the columns of the old one as `old_NAME`."""
    others = old.iloc[before].add_prefix("old_").reset_index(drop=True)
    return pd.concat([new.iloc[after].reset_index(drop=True), others], axis=1)


def _others(rows: pd.DataFrame, matched: np.ndarray) -> pd.DataFrame:
    return rows[~np.isin(np.arange(len(rows)), matched)].reset_index(drop=True)


def _changed(both: pd.DataFrame) -> list[str]:
    """Return which columns differ in each row, such as "row, given"; "" if none does."""
    differs = {name: (both[name] != both[f"old_{name}"]).tolist() for name in _COMPARED}
    return [", ".join(name for name in _COMPARED if differs[name][index]) for index in range(len(both))]


def _notes(old: AuditResult, new: AuditResult, *, num_common: int) -> Iterator[str]:
    if num_common == 0:
        yield "The two datasets have no image in common."
    for name, result in (("old", old), ("new", new)):
        if not result.complete:
            yield f"The {name} result is of an interrupted audit."
    if searches_of(old)["duplicates"] != searches_of(new)["duplicates"]:
        yield "Only one of the two audits searched for duplicates, so their findings of duplicates differ."
