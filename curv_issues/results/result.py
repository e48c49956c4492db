"""AuditResult: what an audit found out, in memory and as a folder of files that other tools read.

The folder is a contract, `schema_version` 2. Its files appear together or not at all; n samples, k classes, d features:

    scores.parquet        a row a sample, in dataset order: row (int64), split and path (text or null), given and
                          suggested (class names), suspicion (float64 in [0, 1], high = suspect: a ranking, not a
                          probability), flagged (bool: has a label_issue finding), then a float64 column a raw score,
                          null where not measured. The metadata of a score's Arrow field tells its `direction` ("high"
                          or "low": which end is suspect), `source`, and what else is known of it
    findings.parquet      a row a finding, most suspect first: row, split, path, kind, given, suggested, suspicion,
                          image_sha256 (decoded RGB pixels with their shape); one for each (row, kind)
    conflicts.parquet     a row a member of a group of images that show the same under different labels, the most alike groups
                          first: group, row, split, path, given, suspect (bool), suggested, similarity (to the most similar other
                          member), test (identical bytes, identical pixels, near), then the evidence for the given label:
                          majority (share of the group), probability (the probe's, geometric mean over the group), neighbours
                          (share of the nearest images outside)
    duplicates.parquet    the same for groups under one label: group, row, split, path, given, similarity, test
    pairs.parquet         a row a pair of images that were compared and are alike, the same or not, most alike first: first and
                          second (rows), similarity (at least 0.5, or the threshold if that is lower), test, mirrored (bool)
    leakage.parquet       with `against` only: a row an image and one of another split that shows the same, those with
                          differing labels first: row, split, path, given, other_row, other_split, other_path,
                          other_given, similarity, test, mirrored, agree (bool)
    left_out.parquet      a row per file of a local folder that was not read: path (below the folder), reason
    trajectories.parquet  row, then a fixed-size list of float32 a tracked quantity: its value by epoch, null where not
                          measured
    images.parquet        row, height, width (int32, native size), file_sha256 ("" where there was none), image_sha256
    pred_probs.npy        float16, (n, k), numpy format: the probe's probabilities, columns in the order of the classes
                          in the summary
    embeddings.npy        float16, (n, d), numpy format: the probe's features
    summary.json          UTF-8, strict JSON: schema_version, complete, dataset (with its `classes`), options, seed, ...
    findings.png          contact sheet of the most suspect images; only if there is one

Rows of tables and arrays are in the same order as those of scores.parquet, except in findings, conflicts, duplicates, pairs,
leakage and left_out.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from curv_issues.counting import counted
from curv_issues.errors import UsageError
from curv_issues.plugins import look_up
from curv_issues.results.arrow import conform, json_ready, schema_of, scores_schema, to_arrow, trajectories_to_arrow
from curv_issues.results.folder import opened_result, output_folder, parse_summary, replace_files, staged_result
from curv_issues.results.kinds import KINDS, LABEL_ISSUE
from curv_issues.results.loading import read_parts
from curv_issues.results.notebook import render_html
from curv_issues.results.older import rename_files, upgrade_findings, upgrade_summary
from curv_issues.results.tables import ALL_TABLES, FINDINGS, IMAGES, SCORES, SHEET, SUMMARY, TABLES

SCHEMA_VERSION = 2
LONGEST_REASON = 500  # characters of what another library says about a corrupt file


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult:
    """Scores and findings of one audit, with all that is needed to make findings and reports anew without training.

    Everything is checked and brought to the types of the contract (see the module's docstring) on construction.

    Attributes:
        scores: a row a sample, in dataset order: row, split, path, given, suggested, suspicion (high = suspect),
            flagged, then the raw scores, each in the direction its metadata names.
        findings: a row a finding, most suspect first: row, split, path, kind, given, suggested, suspicion,
            image_sha256.
        trajectories: tracked quantity -> float32, (n, epochs); NaN where it was not measured.
        pred_probs: float16, (n, k), columns in the order of `class_names`.
        embeddings: float16, (n, d).
        images: a row a sample: row, height, width, file_sha256, image_sha256.
        score_metadata: column of `scores` -> its direction ("high" or "low" = suspect), source, and what else is known
            of it (description, cost); every raw score has an entry.
        summary: JSON values only, with `complete` (bool) and `dataset`, a dict with at least `classes`: the k class
            names. `schema_version` is put in front; `findings` is a reserved key.
        contact_sheet: PNG of the most suspect images, or None.
        tables: the further tables by name, see `TABLES` (conflicts, duplicates, pairs, ...); each is an attribute of the result
            too, such as `result.conflicts`. A table that is missing or None is empty, or None where an audit makes it on request
            only.

    Raises:
        UsageError: the parts have wrong columns, types, ranges or shapes, or contradict each other.
    """

    scores: pd.DataFrame
    findings: pd.DataFrame
    trajectories: dict[str, np.ndarray]
    pred_probs: np.ndarray
    embeddings: np.ndarray
    images: pd.DataFrame
    score_metadata: dict[str, dict[str, str]]
    summary: dict[str, Any]
    contact_sheet: bytes | None = None
    tables: Mapping[str, pd.DataFrame | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        raw = [str(name) for name in self.scores.columns[len(SCORES.columns) :]]
        metadata = {name: dict(entries) for name, entries in self.score_metadata.items()}
        findings = conform(self.findings, schema_of(FINDINGS), table="findings")
        self._set(
            score_metadata=metadata,
            scores=conform(self.scores, scores_schema(raw, metadata), table="scores"),
            findings=findings.sort_values(["suspicion", "row"], ascending=[False, True], kind="stable", ignore_index=True),
            images=conform(self.images, schema_of(IMAGES), table="images"),
            tables={name: _conform_table(name, self.tables.get(name)) for name in {**TABLES, **self.tables}},
            trajectories={name: np.asarray(values, np.float32) for name, values in self.trajectories.items()},
            pred_probs=_half(self.pred_probs),
            embeddings=_half(self.embeddings),
            summary={"schema_version": SCHEMA_VERSION, **json_ready(self.summary)},
        )
        _check_summary(self.summary)
        _check_tables(self)
        _check_arrays(self)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def with_extras(self, *, contact_sheet: bytes | None = None, **entries: Any) -> AuditResult:
        """Return the result with a contact sheet (PNG) and further entries of its summary (JSON values); nothing is checked again.

        Args:
            contact_sheet: None leaves it as it is.
            entries: of the summary.
        """
        extended = copy.copy(self)
        sheet = self.contact_sheet if contact_sheet is None else contact_sheet
        extended._set(contact_sheet=sheet, summary={**self.summary, **json_ready(entries)})
        return extended

    def __getattr__(self, name: str) -> Any:
        if name in TABLES and "tables" in self.__dict__:
            return self.tables[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *TABLES]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def complete(self) -> bool:
        """False if the run was interrupted and this is the ranking up to then."""
        return self.summary["complete"]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The k class names, in the order of the columns of `pred_probs`."""
        return tuple(self.summary["dataset"]["classes"])

    @property
    def score_names(self) -> tuple[str, ...]:
        """Names of the raw scores: the columns of `scores` after the fixed ones."""
        return tuple(self.scores.columns[len(SCORES.columns) :])

    @property
    def labels(self) -> np.ndarray:
        """int64, (n,): the given class of each sample, an index into `class_names`."""
        codes = {name: code for code, name in enumerate(self.class_names)}
        return self.scores["given"].map(codes).to_numpy(dtype=np.int64)

    def __str__(self) -> str:
        dataset = self.summary["dataset"]
        name = " ".join(str(dataset[key]) for key in ("source", "split") if dataset.get(key)) or "dataset"
        kinds = [f"{count:,} {kind}" for kind, count in self.findings["kind"].value_counts().items()]
        noun = "finding" if len(self.findings) == 1 else "findings"
        found = f"{', '.join(kinds) or 'no'} {noun}{'' if self.complete else ', incomplete'}"
        return f"{name}: {counted(len(self), 'sample')}, {counted(len(self.class_names), 'class', 'classes')}, {found}"

    def __repr__(self) -> str:
        return f"<AuditResult {self}>"

    def _repr_html_(self) -> str:
        return render_html(self)

    def save(self, directory: str | Path, *, overwrite: bool = False) -> Path:
        """Write the result into a folder; all files appear, or none.

        The time it took is entered as `summary["seconds"]["write"]` if the summary tells the seconds by stage.

        Args:
            directory: the folder; made if it is missing. Files in it that are not a result's are not touched.
            overwrite: replace an older result there; its files that this result has no counterpart of are removed.

        Returns:
            The folder.

        Raises:
            UsageError: the folder already holds a result, is a file or is not writable.
            AuditError: no disk space, or the files could not be written.
        """
        start = time.perf_counter()
        schema = scores_schema(self.score_names, self.score_metadata)
        rows = self.scores["row"].to_numpy()
        tables = {
            "scores": to_arrow(self.scores, schema),
            "findings": to_arrow(self.findings, schema_of(FINDINGS)),
            "images": to_arrow(self.images, schema_of(IMAGES)),
            **{name: to_arrow(frame, schema_of(TABLES[name])) for name, frame in self.tables.items() if frame is not None},
            "trajectories": trajectories_to_arrow(rows, self.trajectories),
        }
        with staged_result(directory, overwrite=overwrite) as folder:
            for name, table in tables.items():
                with (folder / f"{name}.parquet").open("wb") as file:  # a path would have to be UTF-8
                    pq.write_table(table, file)
            np.save(folder / "pred_probs.npy", self.pred_probs, allow_pickle=False)
            np.save(folder / "embeddings.npy", self.embeddings, allow_pickle=False)
            if self.contact_sheet is not None:
                (folder / SHEET).write_bytes(self.contact_sheet)
            if isinstance(self.summary.get("seconds"), dict):
                self.summary["seconds"]["write"] = round(time.perf_counter() - start, 3)
            (folder / SUMMARY).write_bytes(self._summary_json())
        return output_folder(directory)

    def save_sheet(self, directory: str | Path) -> None:
        """Write the contact sheet, if there is one, and the summary again into a folder that `save` has written.

        Each of the two files is replaced in one step.

        Raises:
            UsageError: another run is writing to the folder.
            AuditError: the files cannot be written.
        """
        sheet = {} if self.contact_sheet is None else {SHEET: self.contact_sheet}
        replace_files(directory, {**sheet, SUMMARY: self._summary_json()})

    def _summary_json(self) -> bytes:
        text = json.dumps(json_ready(self.summary), indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()

    @classmethod
    def load(cls, directory: str | Path, *, memory_map: bool = False) -> AuditResult:
        """Read a result that `save` has written; from anybody: no file of it is trusted.

        While another process replaces the result, the old or the new one is read, never a mixture.

        Args:
            directory: the folder.
            memory_map: leave `pred_probs` and `embeddings` on disk and read them as they are used.

        Raises:
            UsageError: there is no such folder, it holds no result, one of a newer version, or a corrupt one, or it is being
                replaced again and again.
        """
        folder = output_folder(directory)
        if not os.path.isdir(folder):
            raise UsageError(f"There is no folder {folder}; expected one that an audit has written.")
        try:
            with opened_result(folder) as files:
                summary = _read_summary(folder, files)
                version = summary["schema_version"]
                try:
                    parts = read_parts(rename_files(files, version), memory_map=memory_map)
                    parts["findings"] = upgrade_findings(parts["findings"], version)
                    return cls(summary=upgrade_summary(summary, version), **parts)
                except Exception as error:
                    raise _corrupt(folder, error) from error
        except OSError as error:
            raise _corrupt(folder, error) from error


def _corrupt(folder: Path, error: Exception) -> UsageError:
    reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
    return UsageError(f"The result in {folder} is corrupt ({reason}); run the audit again.")


def _half(values: np.ndarray) -> np.ndarray:
    """The values as float16; what it cannot hold becomes its largest number. A memory map of float16 stays one."""
    values = np.asanyarray(values)
    if values.dtype == np.float16:
        return values
    limit = float(np.finfo(np.float16).max)
    return np.clip(values, -limit, limit).astype(np.float16)


def _conform_table(name: str, frame: pd.DataFrame | None) -> pd.DataFrame | None:
    table = look_up(TABLES, name, "table of a result")
    if frame is None and not table.default:
        return None
    return conform(schema_of(table).empty_table().to_pandas() if frame is None else frame, schema_of(table), table=name)


def _check_summary(summary: Mapping[str, Any]) -> None:
    if not isinstance(summary.get("complete"), bool):
        raise UsageError("The summary needs `complete`: True, or False for an interrupted run.")
    dataset = summary.get("dataset")
    classes = dataset.get("classes") if isinstance(dataset, dict) else None
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise UsageError("The summary needs `dataset` with `classes`, the list of the class names.")
    if len(set(classes)) < len(classes):
        raise UsageError("The summary's `classes` hold a name twice; class names must differ.")
    for name, table in ALL_TABLES.items():
        if table.is_listed and name in summary:
            raise UsageError(f"The summary has a key `{name}`, which is reserved for the list of {name} in JSON.")


def _check_tables(result: AuditResult) -> None:
    scores, findings = result.scores, result.findings
    if scores["row"].duplicated().any():
        raise UsageError("The scores table has a row number twice; expected one row a sample.")
    if not np.array_equal(scores["row"], result.images["row"]):
        raise UsageError("The scores and images tables differ in their rows; expected the same, in the same order.")
    for name, frame in result.tables.items():
        table = TABLES[name]
        if frame is None:
            continue
        if not frame[list(table.rows)].isin(set(scores["row"])).all(axis=None):
            raise UsageError(f"The {name} table has rows that are not in the scores table.")
        if table.is_unique and frame.duplicated(list(table.rows)).any():
            raise UsageError(f"The {name} table has a row twice.")
    for name, frame in (("scores", scores), ("findings", findings)):
        if not frame["suspicion"].between(0, 1).all():
            raise UsageError(f"The {name} table has a suspicion outside [0, 1].")
        if not set(frame["given"]) | set(frame["suggested"]) <= set(result.class_names):
            raise UsageError(f"The {name} table names classes that are not among the summary's `classes`.")
    if not findings["row"].isin(set(scores["row"])).all():
        raise UsageError("The findings table has rows that are not in the scores table.")
    if findings.duplicated(["row", "kind"]).any():
        raise UsageError("The findings table has two findings of one kind for a row; expected one.")
    for kind, info in KINDS.items():
        of_kind = findings["row"][findings["kind"] == kind]
        if info.table_of_findings and set(getattr(result, info.table_of_findings)["row"]) != set(of_kind):
            raise UsageError(f"The {info.table_of_findings} table and the {kind} findings are not the same rows.")
    flagged = set(scores["row"][scores["flagged"]])
    if flagged != set(findings["row"][findings["kind"] == LABEL_ISSUE]):
        raise UsageError(f"`flagged` in the scores table and the {LABEL_ISSUE} findings are not the same rows.")
    for name in result.score_names:
        entries = result.score_metadata.get(name, {})
        if entries.get("direction") not in ("high", "low") or not entries.get("source"):
            raise UsageError(f"The score {name} needs metadata: its direction, high or low, and its source.")
    unknown = set(result.score_metadata) - set(scores.columns)
    if unknown:
        raise UsageError(f"There is metadata for {', '.join(sorted(unknown))}, but no such column in the scores table.")


def _check_arrays(result: AuditResult) -> None:
    n = len(result)
    k = len(result.class_names)
    if result.pred_probs.shape != (n, k):
        raise UsageError(f"pred_probs has the shape {result.pred_probs.shape}; expected {(n, k)}.")
    if result.embeddings.ndim != 2 or len(result.embeddings) != n:
        raise UsageError(f"embeddings has the shape {result.embeddings.shape}; expected ({n}, d).")
    shapes = {name: values.shape for name, values in result.trajectories.items()}
    if len(set(shapes.values())) > 1 or any(len(s) != 2 or s[0] != n or s[1] == 0 for s in shapes.values()):
        raise UsageError(f"The trajectories have the shapes {shapes}; expected ({n}, epochs) for each.")
    if "row" in shapes:
        raise UsageError("A trajectory is called row; expected another name, as row is the column of row numbers.")


def _read_summary(folder: Path, files: Mapping[str, BinaryIO]) -> dict[str, Any]:
    if SUMMARY not in files:
        raise UsageError(f"{folder} is not a result folder: it has no {SUMMARY}.")
    summary = parse_summary(files[SUMMARY])
    version = summary.get("schema_version") if summary is not None else None
    if summary is None or type(version) is not int or version < 1:  # True is an int too
        raise UsageError(f"{folder} is not a result folder: its {SUMMARY} was not written by curv-issues, or is corrupt.")
    if version > SCHEMA_VERSION:
        raise UsageError(
            f"The result in {folder} has schema_version {version}; this version of curv-issues reads up to "
            f"{SCHEMA_VERSION}: update it."
        )
    return summary
