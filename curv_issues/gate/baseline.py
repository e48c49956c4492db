"""The findings that are known already: those of an older result, by content."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from curv_issues.errors import UsageError
from curv_issues.regular_files import open_regular
from curv_issues.results.arrow import read_table, schema_of
from curv_issues.results.kinds import DUPLICATE_CONFLICT, LEAKAGE
from curv_issues.results.result import LONGEST_REASON, SCHEMA_VERSION, AuditResult
from curv_issues.results.tables import FINDINGS

KEY = ["kind", "image_sha256", "given"]
"""The columns that make two findings the same; row numbers shift as a dataset changes."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """Known findings.

    Attributes:
        source: where they come from, for messages.
        keys: one row per known finding, with the columns of `KEY`.
        measured: the kinds that were searched for; None: unknown, as in a single table.
        complete: False if the audit was interrupted.
    """

    source: str
    keys: pd.DataFrame
    measured: frozenset[str] | None
    complete: bool

    def is_known(self, findings: pd.DataFrame) -> pd.Series:
        """Return for each finding whether the baseline has one of the same kind, image and given label."""
        found = findings[KEY].merge(self.keys.drop_duplicates(), on=KEY, how="left", indicator=True)
        return (found["_merge"] == "both").set_axis(findings.index)


def read_baseline(baseline: str | Path | AuditResult) -> Baseline:
    """Return the findings of a folder of results, of a findings.parquet or of a result. Files are not trusted.

    Raises:
        UsageError: the file or folder does not exist, is not of this package, is of a newer schema version, or its findings
            have no image hashes.
    """
    if not isinstance(baseline, str | os.PathLike | AuditResult) or baseline == "":
        raise UsageError(f"The baseline is {baseline!r}; expected the path of a findings.parquet or of a folder of results.")
    if isinstance(baseline, AuditResult):
        found = _of_result(baseline, str(baseline))
    elif os.path.isdir(path := Path(os.path.expanduser(baseline))):
        found = _of_result(AuditResult.load(path, memory_map=True), str(path))
    else:
        found = Baseline(str(path), _read_findings(path)[KEY], None, True)
    if (found.keys["image_sha256"] == "").any():
        raise UsageError(f"The findings of the baseline {found.source} have no image hashes, so new ones cannot be compared.")
    return found


def keyed_findings(result: AuditResult) -> pd.DataFrame:
    """Return the findings of a result, then one row per sample with leakage, with the columns `row` and `KEY`."""
    found = result.findings[["row", *KEY]]
    if result.leakage is None:
        return found
    leaked = result.leakage[["row", "given"]].drop_duplicates().merge(result.images[["row", "image_sha256"]], on="row")
    return pd.concat([found, leaked.assign(kind=LEAKAGE)[found.columns]], ignore_index=True)


def searches_of(result: AuditResult) -> dict[str, bool]:
    """Return whether duplicates and leakage were searched for, as `check_measured` takes it."""
    return {"duplicates": result.summary.get("duplicates") is not None, "leakage": result.leakage is not None}


def _of_result(result: AuditResult, source: str) -> Baseline:
    searches = searches_of(result)
    lacking = {DUPLICATE_CONFLICT: not searches["duplicates"], LEAKAGE: not searches["leakage"]}
    return Baseline(source, keyed_findings(result)[KEY], frozenset(k for k, lacks in lacking.items() if not lacks), result.complete)


def _read_findings(path: Path) -> pd.DataFrame:
    try:
        with open_regular(path) as file:
            return read_table(file, schema_of(FINDINGS)).to_pandas(ignore_metadata=True)
    except FileNotFoundError:
        raise UsageError(f"The baseline {path} does not exist; expected a findings.parquet or a folder of results.") from None
    except Exception as error:  # for a malicious file, the reader may raise any type
        reason = " ".join(str(error).split())[:LONGEST_REASON].rstrip(".") or type(error).__name__
        raise UsageError(
            f"The baseline {path} is not a findings.parquet of schema_version {SCHEMA_VERSION} ({reason}); expected such a file, "
            "or a folder of results."
        ) from None
