"""List images of one dataset that also appear in another, such as training images in a test split, with both labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curv_issues.findings.judgement import Evidence, KindJudgement, OtherSplit
from curv_issues.findings.section import Section
from curv_issues.options import FindingOptions
from curv_issues.results.tables import TABLES

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult


def judge(evidence: Evidence, _: FindingOptions) -> KindJudgement | None:
    """List the images that also appear in the other split; None if there is none. See `judgement.judge`."""
    if evidence.other_split is None:
        return None
    table = leakage_table(evidence, evidence.other_split)
    counts = {
        "threshold": evidence.other_split.compared.threshold,
        "rows": table["row"].nunique(),
        "other_rows": table["other_row"].nunique(),
        "differing_rows": table.loc[~table["agree"], "row"].nunique(),
    }
    return KindJudgement(tables={"leakage": table}, summary={"other_split": {**evidence.other_split.description, **counts}})


def leakage_table(evidence: Evidence, other: OtherSplit) -> pd.DataFrame:
    """Return pairs of duplicates with their labels; see `find_leakage`."""
    same = other.compared.same()
    # only one of several identical images was compared: restore all copies here, and one copy per label in the other split
    pairs = pd.DataFrame(
        {
            "hash": evidence.image_sha256[same.first],
            "other_hash": other.image_sha256[same.second],
            "similarity": same.similarity.astype(np.float64),
            "test": same.test,
            "mirrored": same.mirrored,
        }
    )
    mine = evidence.samples.assign(hash=evidence.image_sha256)
    theirs = other.samples.assign(other_hash=other.image_sha256).rename(columns=lambda name: _OTHER.get(name, name))
    theirs = theirs.drop_duplicates(["other_hash", "other_given"])
    table = pairs.merge(mine, on="hash").merge(theirs, on="other_hash")
    table["agree"] = (table["given"] == table["other_given"]).astype(bool)
    table = table.sort_values(["agree", "similarity", "row", "other_row"], ascending=[True, False, True, True], kind="stable")
    return table[TABLES["leakage"].names].reset_index(drop=True)


def section(result: AuditResult, limit: int, _: int | None) -> Section | None:
    """Return the images that also appear in the other split with a different label; None if there is no other split."""
    if result.leakage is None:
        return None
    found = result.summary["other_split"]
    differing = result.leakage[~result.leakage["agree"]]
    columns = ["row", "path", "given", "other_row", "other_path", "other_given", "similarity", "test"]
    shown = differing.head(limit)[[name for name in columns if not name.endswith("path") or differing[name].notna().any()]]
    split = found["split"] or "the other data"
    if not found["rows"]:
        remark, file = f"No image also appears in {split}", None
    else:
        remark = f"Images that also appear in {split}: {found['rows']:,}, with a different label: {found['differing_rows']:,}"
        file = "leakage.parquet"
    return Section("Images that also appear in the other split, with a different label:", shown, remark, file)


_OTHER = {name: f"other_{name}" for name in ("row", "split", "path", "given")}
