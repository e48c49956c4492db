"""The README.md of a dataset of findings on the Hugging Face Hub. What its owner has written there is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from curv_issues.data.card_entries import replace_entries
from curv_issues.export.card import render
from curv_issues.export.description import describe_source, public_notes, public_source
from curv_issues.report.markdown_text import escape_markdown
from curv_issues.results.result import AuditResult

MARKER = "curv_issues_findings.json"
"""File of every dataset that `push_findings` has created."""

BEGIN, END = "<!-- curv-issues: begin -->", "<!-- curv-issues: end -->"
"""Lines around the part of the README that is replaced."""

_METADATA = re.compile(r"\A---\s*\n(.*?\n)---\s*(?:\n|\Z)", re.DOTALL)
_KEYS = ("seed", "versions", "complete", "epochs_done", "num_findings", "estimate")
_DATASET_KEYS = ("split", "config_name", "revision", "fingerprint", "n", "class_sizes", "classes")


def describe_audit(result: AuditResult) -> dict[str, Any]:
    """Return what may be published about an audit: no path of this machine, and no options that may hold one."""
    summary, dataset = result.summary, result.summary["dataset"]
    described = {name: summary[name] for name in _KEYS if name in summary}
    described["num_findings"] = {str(kind): int(count) for kind, count in result.findings["kind"].value_counts().items()}
    described["dataset"] = {"source": public_source(dataset), **{name: dataset[name] for name in _DATASET_KEYS if name in dataset}}
    return described


def marker_json(result: AuditResult) -> bytes:
    """Return the content of the file `MARKER`."""
    return f"{json.dumps({'curv_issues_findings': 1, **describe_audit(result)}, indent=1)}\n".encode()


def write_readme(result: AuditResult, repo_id: str, tables: Sequence[str], old: str | None = None) -> str:
    """Return the README of a dataset of findings.

    Args:
        result: that is uploaded.
        repo_id: of the dataset on the Hub.
        tables: the names of its tables, the default one first.
        old: the present README, whose metadata and text are kept where they are not of this command; None: there is none.
    """
    found = _METADATA.match(old or "")
    before = _parse(found[1]) if found else {}
    text = (old or "")[found.end() if found else 0 :].strip("\n")
    metadata = replace_entries(found[1] if found and before else "", _metadata(result, tables, before))
    block = f"{BEGIN}\n{_text(result, repo_id, tables)}\n{END}"
    start, stop = text.find(BEGIN), text.find(END)
    if 0 <= start < stop:
        body = text[:start] + block + text[stop + len(END) :]
    else:
        body = "\n\n".join(part for part in (text, block) if part)
    return f"---\n{metadata}---\n\n{body}\n"


def _parse(text: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def _metadata(result: AuditResult, tables: Sequence[str], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of the metadata that this command sets. The license is left to the owner."""
    dataset = result.summary["dataset"]
    listed = before.get("tags")
    others = [tag for tag in listed if isinstance(tag, str)] if isinstance(listed, list) else []
    metadata: dict[str, Any] = {
        "configs": [
            {"config_name": name, "data_files": f"{name}.parquet", **({"default": True} if name == tables[0] else {})}
            for name in tables
        ],
        "tags": list(dict.fromkeys([*others, "curv-issues", "label-errors"])),
    }
    if isinstance(dataset.get("revision"), str):
        metadata["source_datasets"] = [str(dataset["source"])]
    return metadata


def _text(result: AuditResult, repo_id: str, tables: Sequence[str]) -> str:
    versions = result.summary.get("versions")
    shown = ", ".join(f"{name} {version}" for name, version in versions.items()) if isinstance(versions, dict) else ""
    notes = public_notes(result.summary)
    fingerprint = str(result.summary["dataset"].get("fingerprint"))
    parts = [
        f"# Label findings of {escape_markdown(describe_source(result.summary))}",
        "These are the findings of an audit of the labels of another dataset, and the scores of all its samples. `row` is the "
        "number of a sample in that dataset; `image_sha256` is the hash of its decoded pixels.",
        f'```python\nfrom datasets import load_dataset\n\nfindings = load_dataset("{repo_id}", "{tables[0]}", split="train")\n```',
        render(result),
        *(
            [f"Fingerprint of the audited dataset: `{fingerprint}`."]
            if isinstance(fingerprint, str) and fingerprint.isalnum() and fingerprint != "None"
            else []
        ),
        *([f"Versions: {escape_markdown(shown)}."] if shown else []),
        *(["\n".join(["Notes of the audit:", "", *(f"- {escape_markdown(note)}" for note in notes)])] if notes else []),
        "The license is that of the owner of this dataset to choose; check that of the audited dataset.",
    ]
    return "\n\n".join(parts)
