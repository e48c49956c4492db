"""AuditResult: the result of an audit, in memory and as a folder of files for other tools.

The folder format is a contract, `schema_version` 3. All files appear together, or none; n samples, k classes, d features:

    scores.parquet        one row per sample, in dataset order: row (int64), split and path (text or null), given and
                          suggested (class names), suspicion (float64 in [0, 1], high = suspect: a ranking, not a
                          probability), flagged (bool: has a label_issue finding), verdict (text or null), then one float64
                          column per raw score, null where not measured. The metadata of a score's Arrow field has its
                          `direction` ("high" or "low": which end is suspect), `source`, and further information
    findings.parquet      one row per finding, most suspect first: row, split, path, kind, given, suggested, suspicion,
                          p_wrong (probability that the label is wrong, or null), verdict (or null), image_sha256 (decoded
                          RGB pixels with their shape); at most one per (row, kind)
    confusions.parquet    one row per class, then one per given and suggested class: given, suggested (null for all wrong labels
                          of the class), num_errors (estimated), low and high (interval), num_given (samples of the class)
    answers.parquet       after `with_answers` only: one row per label that a person has judged: row, is_wrong (bool), p_wrong
                          (before the answers, or null)
    conflicts.parquet     one row per member of a group of duplicate images with different labels, most similar groups
                          first: group, row, split, path, given, suspect (bool), suggested, similarity (to the most similar other
                          member), test (identical bytes, identical pixels, near), then the evidence for the given label:
                          majority (fraction of the group), probability (the probe's, geometric mean over the group), neighbours
                          (fraction of the nearest images outside the group)
    duplicates.parquet    the same for groups with one label: group, row, split, path, given, similarity, test
    pairs.parquet         one row per compared pair of similar images, duplicates or not, most similar first: first and
                          second (rows), similarity (at least 0.5, or the threshold if that is lower), test, mirrored (bool)
    shown.parquet         with `show_column` only: one row per sample of the report and column: row, column, text (at most 500
                          characters)
    thumbnails.parquet    with images only: one row per small image for the report: row, size (card: at most 128 pixels, small:
                          at most 48), image (WebP)
    leakage.parquet       with `against` only: one row per pair of an image and its duplicate in another split, those with
                          different labels first: row, split, path, given, other_row, other_split, other_path,
                          other_given, similarity, test, mirrored, agree (bool)
    left_out.parquet      one row per file of a local folder that was not read: path (below the folder), reason
    trajectories.parquet  row, then one fixed-size list of float32 per tracked quantity: its value by epoch, null where not
                          measured
    images.parquet        row, height, width (int32, native size), file_sha256 ("" if there was no file), image_sha256
    pred_probs.npy        float16, (n, k), numpy format: the probe's probabilities, columns in the order of the classes
                          in the summary; absent if the summary's `absent` names it
    embeddings.npy        float16, (n, d), numpy format: the probe's features; absent if the summary's `absent` names it
    probe.npz             with `private` only: float32 arrays, the weights of the probe by name, numpy format
    summary.json          UTF-8, strict JSON: schema_version, complete, dataset (with its `classes`), options, seed, ...
    findings.png          contact sheet of the most suspect images, if there is one
    report.html           page for people, made of the other files and decisions.json, if it was asked for

Rows of tables and arrays have the order of scores.parquet, except in findings, confusions, answers, conflicts, duplicates,
thumbnails, pairs, leakage and left_out. decisions.json, which `curv_issues.review.decisions` describes, is a person's file: an
audit that replaces the result keeps it.
"""

from __future__ import annotations

import copy
import io
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
from curv_issues.plugins import load_attribute, look_up
from curv_issues.results.arrow import conform, json_ready, schema_of, scores_schema, to_arrow, trajectories_to_arrow
from curv_issues.results.checks import check_arrays, check_summary, check_tables
from curv_issues.results.folder import opened_result, output_folder, parse_summary, replace_files, staged_result
from curv_issues.results.loading import read_parts
from curv_issues.results.notebook import render_html
from curv_issues.results.older import rename_files, upgrade_findings, upgrade_summary
from curv_issues.results.tables import ARRAYS, FINDINGS, IMAGES, PROBE, REPORT, REPORT_TABLES, SCORES, SHEET, SUMMARY, TABLES

SCHEMA_VERSION = 3
LONGEST_REASON = 500  # characters of another library's message about a corrupt file


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult:
    """Scores and findings of one audit, with all that is needed for new findings and reports without training.

    On construction, everything is checked and converted to the types of the contract (see the module's docstring).

    Attributes:
        scores: one row per sample, in dataset order: row, split, path, given, suggested, suspicion (high = suspect),
            flagged, verdict, then the raw scores, each with the direction in its metadata.
        findings: one row per finding, most suspect first: row, split, path, kind, given, suggested, suspicion,
            p_wrong, verdict, image_sha256.
        trajectories: by tracked quantity, float32 (n, epochs); NaN where not measured.
        pred_probs: float16 (n, k), columns in the order of `class_names`; `summary["pred_probs"]` says whether they are
            "in-sample" or "out-of-sample". None: not measured, as in a watched training.
        embeddings: float16 (n, d); None: not measured.
        images: one row per sample: row, height, width, file_sha256, image_sha256.
        score_metadata: by column of `scores`, its direction ("high" or "low" = suspect), source, description and cost; every
            raw score has an entry.
        summary: JSON values only, with `complete` (bool) and `dataset`, a dict with at least `classes`: the k class
            names. `schema_version` is added at the front; `findings` is a reserved key.
        contact_sheet: PNG of the most suspect images, or None.
        probe: weights of the network by name, of an audit with differential privacy; None: not kept. See `load_probe`.
        tables: further tables by name, see `TABLES` (conflicts, duplicates, pairs, ...); each is also an attribute of the
            result, such as `result.conflicts`. A missing table or None becomes an empty table, or None if the table is
            present only on request.

    Raises:
        UsageError: the parts have wrong columns, types, ranges or shapes, or contradict each other.
    """

    scores: pd.DataFrame
    findings: pd.DataFrame
    trajectories: dict[str, np.ndarray]
    pred_probs: np.ndarray | None
    embeddings: np.ndarray | None
    images: pd.DataFrame
    score_metadata: dict[str, dict[str, str]]
    summary: dict[str, Any]
    contact_sheet: bytes | None = None
    probe: Mapping[str, np.ndarray] | None = None
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
            summary={"schema_version": SCHEMA_VERSION, **_with_absent(json_ready(self.summary), self)},
        )
        check_summary(self.summary)
        check_tables(self)
        check_arrays(self)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def with_extras(
        self, *, contact_sheet: bytes | None = None, tables: Mapping[str, pd.DataFrame] | None = None, **entries: Any
    ) -> AuditResult:
        """Return the result with a contact sheet (PNG), tables and further summary entries, without checking it again.

        Args:
            contact_sheet: the new sheet; None: keep the current one.
            tables: new tables by name, for the report; others are kept.
            entries: JSON values to add to the summary.
        """
        extended = copy.copy(self)
        sheet = self.contact_sheet if contact_sheet is None else contact_sheet
        added = {name: _conform_table(name, frame) for name, frame in (tables or {}).items()}
        extended._set(contact_sheet=sheet, tables={**self.tables, **added}, summary={**self.summary, **json_ready(entries)})
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
        """Return False if the run was interrupted, so that the ranking uses the finished epochs only."""
        return self.summary["complete"]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the k class names, in the order of the columns of `pred_probs`."""
        return tuple(self.summary["dataset"]["classes"])

    @property
    def score_names(self) -> tuple[str, ...]:
        """Return the names of the raw scores, which are the columns of `scores` after the fixed ones."""
        return tuple(self.scores.columns[len(SCORES.columns) :])

    @property
    def labels(self) -> np.ndarray:
        """Return the given class of each sample as an index into `class_names`, int64 (n,)."""
        codes = {name: code for code, name in enumerate(self.class_names)}
        return self.scores["given"].map(codes).to_numpy(dtype=np.int64)

    def with_answers(self, answers: Mapping[int, bool] | pd.DataFrame) -> AuditResult:
        """Return the result corrected by a person's answers; see `curv_issues.auditing.review.with_answers`."""
        return load_attribute("curv_issues.auditing.review:with_answers")(self, answers)

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
        return render_html(str(self), self.findings)

    def save(self, directory: str | Path, *, overwrite: bool = False) -> Path:
        """Write the result into a folder; all files appear, or none.

        The time is stored as `summary["seconds"]["write"]` if the summary has `seconds` by stage.

        Args:
            directory: the folder; created if missing. Files in it that are not a result's are not touched.
            overwrite: replace an older result there, including files that this result does not have.

        Returns:
            The folder.

        Raises:
            UsageError: the folder already contains a result, is a file or is not writable.
            AuditError: the disk is full, or the files cannot be written.
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
                with (folder / f"{name}.parquet").open("wb") as file:  # as pyarrow accepts only UTF-8 paths
                    pq.write_table(table, file)
            for name in ARRAYS:
                if (values := getattr(self, name)) is not None:
                    np.save(folder / f"{name}.npy", values, allow_pickle=False)
            if self.contact_sheet is not None:
                (folder / SHEET).write_bytes(self.contact_sheet)
            if self.probe is not None:
                with (folder / PROBE).open("wb") as file:
                    np.savez(file, allow_pickle=False, **self.probe)
            if isinstance(self.summary.get("seconds"), dict):
                self.summary["seconds"]["write"] = round(time.perf_counter() - start, 3)
            (folder / SUMMARY).write_bytes(self._summary_json())
        return output_folder(directory)

    def save_images(self, directory: str | Path, *, report: bytes | None = None) -> None:
        """Write contact sheet and tables for the report, if there are any, and the summary into a folder that `save` has written.

        Each of the files is replaced atomically.

        Args:
            directory: the folder.
            report: the page `report.html`; None: none is written.

        Raises:
            UsageError: another run is writing to the folder.
            AuditError: the files cannot be written.
        """
        tables = {f"{name}.parquet": self._parquet(name) for name in REPORT_TABLES}
        contents = {SHEET: self.contact_sheet, **tables, REPORT: report}
        written = {name: content for name, content in contents.items() if content is not None}
        replace_files(directory, {**written, SUMMARY: self._summary_json()})

    def _parquet(self, name: str) -> bytes | None:
        """Return the file of a table; None if the result does not have it."""
        frame = self.tables[name]
        if frame is None:
            return None
        stream = io.BytesIO()
        pq.write_table(to_arrow(frame, schema_of(TABLES[name])), stream)
        return stream.getvalue()

    def _summary_json(self) -> bytes:
        text = json.dumps(json_ready(self.summary), indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()

    @classmethod
    def load(cls, directory: str | Path, *, memory_map: bool = False) -> AuditResult:
        """Read a result that `save` has written. The files are not trusted, so the result may come from anyone.

        If another process replaces the result meanwhile, the old or the new one is read, never a mixture.

        Args:
            directory: the folder.
            memory_map: leave `pred_probs` and `embeddings` on disk and read them when they are used.

        Raises:
            UsageError: the folder does not exist, is a file, contains no result, one of a newer version or a corrupt one, or kept
                being replaced.
        """
        folder = output_folder(directory)
        if not os.path.isdir(folder):
            what = f"{folder} is not a folder" if os.path.exists(folder) else f"Folder {folder} does not exist"
            raise UsageError(f"{what}; expected the output folder of an audit.")
        try:
            with opened_result(folder) as files:
                summary = _read_summary(folder, files)
                version = summary["schema_version"]
                try:
                    parts = read_parts(
                        rename_files(files, version), version=version, absent=summary.get("absent", ()), memory_map=memory_map
                    )
                    parts["findings"] = upgrade_findings(parts["findings"], version)
                    return cls(summary=upgrade_summary(summary, version), **parts)
                except Exception as error:
                    raise _corrupt(folder, error) from error
        except OSError as error:
            raise _corrupt(folder, error) from error


def _corrupt(folder: Path, error: Exception) -> UsageError:
    reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
    return UsageError(f"The result in {folder} is corrupt ({reason}); run the audit again.")


def _with_absent(summary: dict[str, Any], result: AuditResult) -> dict[str, Any]:
    """Return the summary with `absent`, the names of the arrays that were not measured; without that entry if there are none."""
    absent = [name for name in ARRAYS if getattr(result, name) is None]
    kept = {name: value for name, value in summary.items() if name != "absent"}
    return {**kept, "absent": absent} if absent else kept


def _half(values: np.ndarray | None) -> np.ndarray | None:
    """Return the values as float16, clipped to its range; a memory map of float16, or None, is returned unchanged."""
    if values is None:
        return None
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


def _read_summary(folder: Path, files: Mapping[str, BinaryIO]) -> dict[str, Any]:
    if SUMMARY not in files:
        raise UsageError(f"{folder} is not a result folder: it has no {SUMMARY}.")
    summary = parse_summary(files[SUMMARY])
    version = summary.get("schema_version") if summary is not None else None
    if summary is None or type(version) is not int or version < 1:  # True is an int too
        raise UsageError(f"{folder} is not a result folder: its {SUMMARY} was not written by curv-issues, or is corrupt.")
    if version > SCHEMA_VERSION:
        raise UsageError(
            f"The result in {folder} has schema_version {version}, but this version of curv-issues reads up to "
            f"{SCHEMA_VERSION}; update curv-issues."
        )
    return summary
