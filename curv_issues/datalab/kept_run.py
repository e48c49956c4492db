"""One training for all issue types of a Datalab, kept in its statistics until what it depends on changes."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from curv_issues.datalab.samples import LabSamples, difference
from curv_issues.option import option_names
from curv_issues.options import TrainingOptions
from curv_issues.probes.own import load_own_probe
from curv_issues.results.arrow import json_ready
from curv_issues.results.result import SCHEMA_VERSION, AuditResult
from curv_issues.version import __version__

if TYPE_CHECKING:
    from cleanlab import Datalab
    from torch import nn

STATISTIC = "curv_issues_run"
"""Key of the run in `lab.info["statistics"]`."""

_tokens: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def find_run(
    lab: Datalab, samples: LabSamples, training: TrainingOptions, *, names: Sequence[str] | None = None
) -> AuditResult | None:
    """Return the run kept in a Datalab if images, labels, classes, options and scores match; else None.

    Args:
        lab: where it may be kept.
        samples: of that Datalab.
        training: the options.
        names: the options that must match; default: all.
    """
    kept = lab.info["statistics"].get(STATISTIC)
    if kept is None or not isinstance(kept.get("key"), dict):
        return None
    found, wanted = dict(kept["key"]), _key(samples, training)
    if names is not None:
        found["options"], wanted["options"] = ({name: key["options"].get(name) for name in names} for key in (found, wanted))
    if found != wanted:
        return None
    result = AuditResult(**kept["result"])
    if not set(training.score_names) <= set(result.score_names):
        return None
    return result if difference(result, samples) is None else None


def keep_run(lab: Datalab, samples: LabSamples, training: TrainingOptions, result: AuditResult) -> None:
    """Keep a run in the Datalab, replacing an older one, as dicts, arrays and DataFrames, which unpickle anywhere."""
    plain = {field.name: getattr(result, field.name) for field in fields(AuditResult)}
    lab.info["statistics"][STATISTIC] = {
        "key": _key(samples, training),
        "result": {**plain, "contact_sheet": None},
        "served": {},
    }


def mark_served(lab: Datalab, issue_type: str) -> None:
    """Record that an issue type has results from the kept run."""
    kept = lab.info["statistics"].get(STATISTIC)
    if kept is not None:
        kept.setdefault("served", {})[issue_type] = True


def types_served(lab: Datalab) -> set[str]:
    """Return the issue types that have results from the kept run."""
    kept = lab.info["statistics"].get(STATISTIC) or {}
    return set(kept.get("served", {})) & set(lab.issue_summary["issue_type"])


def _key(samples: LabSamples, training: TrainingOptions) -> dict[str, Any]:
    """Return what a run depends on, except images and labels, which are compared with the result."""
    options = {name: getattr(training, name) for name in option_names(TrainingOptions) if name != "measure"}
    return {
        "classes": list(samples.class_names),
        "schema_version": SCHEMA_VERSION,
        "options": json_ready({**options, "probe": identify_probe(training.probe)}),
        "version": __version__,
    }


def identify_probe(probe: Any) -> str:
    """Return text that is equal for two probes only if they train equally: a name, or the identity and weights of an object.

    The code of a network cannot be compared, so another object is another probe, and so is any in a new process.
    """
    if isinstance(probe, str):
        if ":" not in probe:
            return probe
        probe = load_own_probe(probe)
    try:
        token = _tokens.setdefault(probe, uuid4().hex)
    except TypeError:  # an object that allows no weak reference, or no hash
        return uuid4().hex
    from torch import nn

    return f"{token} {_hash_network(probe)}" if isinstance(probe, nn.Module) else token


def _hash_network(network: nn.Module) -> str:
    import torch

    digest = hashlib.sha256(repr(network).encode())
    for name, values in network.state_dict().items():
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
