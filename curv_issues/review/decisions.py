"""Decisions of a person about samples, and the file decisions.json that keeps them.

A decision belongs to an image with a given label, not to a row: it is matched by the hash of the decoded pixels and the name of the
given class, so that it survives changes of the dataset elsewhere. The file is UTF-8 JSON:

    {"curv_issues_decisions": 1,
     "dataset": {"source": ..., "split": ..., "fingerprint": ...},       (for people; not used for matching)
     "decisions": [{"image_sha256": ..., "given": ..., "action": "keep", "relabel", "remove" or "unsure",
                    "label": the right class (relabel only), "row": ..., "split": ..., "path": ..., "decided_at": ISO 8601}, ...]}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curv_issues.errors import UsageError
from curv_issues.regular_files import open_regular, read_bounded

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

DECISIONS = "decisions.json"
VERSION_KEY, VERSION = "curv_issues_decisions", 1
KEEP, RELABEL, REMOVE, UNSURE = ACTIONS = ("keep", "relabel", "remove", "unsure")
ALREADY_APPLIED = "already applied"
"""Start of the reason why a decision fits no sample, if that is because it was applied."""

LARGEST_FILE = 1_000_000_000  # bytes; about three million decisions


@dataclass(frozen=True)
class Decision:
    """What a person decided about one sample.

    Attributes:
        image_sha256: of the decoded pixels, as in the images table of a result.
        given: class name of the label that was judged.
        action: "keep": the label is right; "relabel"; "remove": the sample should not be in the dataset; "unsure".
        label: class name of the right label, for "relabel" only.
        row: of the sample in the dataset that was judged.
        split: of the sample, or None.
        path: of its file, or None.
        decided_at: time in ISO 8601, or None.

    Raises:
        UsageError: the action is unknown, or `label` is missing, superfluous or the given class.
    """

    image_sha256: str
    given: str
    action: str
    label: str | None = None
    row: int | None = None
    split: str | None = None
    path: str | None = None
    decided_at: str | None = None

    def __post_init__(self) -> None:
        for name, kind, is_optional in (
            ("image_sha256", str, False),
            ("given", str, False),
            ("action", str, False),
            ("label", str, True),
            ("row", Integral, True),
            ("split", str, True),
            ("path", str, True),
            ("decided_at", str, True),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not (isinstance(value, kind) or (is_optional and value is None)):
                raise UsageError(f"a decision has {name} {value!r}; expected {'text' if kind is str else 'a row number'}")
        if self.row is not None:
            object.__setattr__(self, "row", int(self.row))  # from numpy or pandas
        if self.action not in ACTIONS:
            raise UsageError(f"a decision has the action {self.action!r}; expected one of {', '.join(ACTIONS)}")
        if (self.label is not None) != (self.action == RELABEL):
            raise UsageError(f"a decision to {self.action} has the label {self.label!r}; expected one for {RELABEL} only")
        if self.label == self.given:
            raise UsageError(f"a decision to {RELABEL} has the given label {self.given!r} as the right one; expected another class")

    @property
    def is_wrong(self) -> bool | None:
        """Return whether the given label is wrong according to the person; None if the decision does not say."""
        return {KEEP: False, RELABEL: True}.get(self.action)


FIELDS = tuple(field.name for field in fields(Decision))


def read_decisions(path: str | Path) -> list[Decision]:
    """Return the decisions in a file, in its order. The file is not trusted.

    Raises:
        UsageError: the file does not exist, cannot be read, is not a file of decisions, or has one that is not valid.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            content = json.loads(read_bounded(file, limit=LARGEST_FILE).decode("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"The file of decisions {path} does not exist.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"The file of decisions {path} cannot be read ({error}).") from None
    return parse_decisions(content, str(path))


def parse_decisions(content: Any, name: str) -> list[Decision]:
    """Return the decisions in the content of a file that is called `name` in errors; see `read_decisions`."""
    if not isinstance(content, dict) or VERSION_KEY not in content or not isinstance(content.get("decisions"), list):
        raise UsageError(f"{name} is not a file of decisions; expected a JSON object with {VERSION_KEY!r} and 'decisions'.")
    if content[VERSION_KEY] != VERSION:
        raise UsageError(f"{name} has version {content[VERSION_KEY]!r} of the file of decisions; this version reads {VERSION}.")
    return [parse_decision(entry, f"{name}, decision {number}") for number, entry in enumerate(content["decisions"], 1)]


def parse_decision(entry: Any, place: str) -> Decision:
    """Return one decision of a file; `place` is its name in errors. See `read_decisions`."""
    if not isinstance(entry, dict):
        raise UsageError(f"{place}: expected a JSON object, got {type(entry).__name__}.")
    missing = [name for name in FIELDS[:3] if name not in entry]
    if missing:
        raise UsageError(f"{place}: {missing[0]!r} is missing.")
    try:
        return Decision(**{name: entry[name] for name in FIELDS if name in entry})
    except UsageError as error:
        raise UsageError(f"{place}: {error}.") from None


def decisions_json(decisions: Iterable[Decision], dataset: Mapping[str, Any]) -> bytes:
    """Return the content of a file of decisions.

    Args:
        decisions: in the order of the file.
        dataset: the `dataset` of a result's summary.
    """
    described = {name: dataset.get(name) for name in ("source", "split", "fingerprint")}
    entries = [{name: value for name, value in asdict(decision).items() if value is not None} for decision in decisions]
    content = {VERSION_KEY: VERSION, "dataset": described, "decisions": entries}
    return f"{json.dumps(content, indent=1, ensure_ascii=False)}\n".encode(
        "utf-8", "backslashreplace"
    )  # a lone surrogate becomes its JSON escape


@dataclass(frozen=True)
class MatchedDecisions:
    """Decisions matched with the samples of a result.

    Attributes:
        by_row: the decision on each judged row.
        unmatched: decisions that fit no sample, in their order, each with the reason.
    """

    by_row: dict[int, Decision]
    unmatched: list[tuple[Decision, str]]


def match_result(decisions: Sequence[Decision], result: AuditResult) -> MatchedDecisions:
    """Match decisions with the samples of a result; see `match_decisions`."""
    from curv_issues.results.arrow import as_objects

    rows, given, splits, paths = (as_objects(result.scores[name]).tolist() for name in ("row", "given", "split", "path"))
    return match_decisions(decisions, rows, result.images["image_sha256"].tolist(), given, splits=splits, paths=paths)


def match_decisions(
    decisions: Sequence[Decision],
    rows: Sequence[int],
    image_sha256: Sequence[str],
    given: Sequence[str],
    *,
    splits: Sequence[str | None],
    paths: Sequence[str | None],
) -> MatchedDecisions:
    """Match decisions with the n samples of a dataset, by the content of the image and the given label.

    Of several decisions on one sample, the last one counts. If several samples have the same content and label, "remove" is for
    the sample that was judged only, which is found by its split and path, or by its row if it has no path; other decisions are
    for all of them, except those that are removed.

    Two decisions to relabel the same image, from "a" to "b" and from "b" to "c", are one to "c" if they were made in this order.
    In the other order, the last word is "b", and the earlier one is not matched. So decisions that were applied change nothing when
    they are applied again.

    Args:
        decisions: in the order in which they were made.
        rows: (n,).
        image_sha256: (n,), as in the images table of a result.
        given: (n,) class names.
        splits: (n,) of each sample, or None.
        paths: (n,) of each sample, or None.
    """
    same: dict[tuple[str, str], list[int]] = {}
    labels: dict[str, list[str]] = {}
    for index, key in enumerate(zip(image_sha256, given, strict=True)):
        same.setdefault(key, []).append(index)
        labels.setdefault(key[0], []).append(key[1])
    relabelled = _Relabelled(decisions)
    by_row: dict[int, Decision] = {}
    unmatched = []
    for number, decision in enumerate(decisions):
        key = (decision.image_sha256, decision.given)
        found, reason = same.get(key, []), _reason(decision, labels.get(decision.image_sha256))
        if found and relabelled.is_superseded(number, decision):
            found, reason = [], f"a later decision says that this sample is {decision.given!r}"
        if decision.action == REMOVE and (len(found) > 1 or relabelled.leads_to(key)):
            found = [index for index in found if _is_place(decision, rows[index], splits[index], paths[index])]
        elif len(found) > 1:
            found = [
                index
                for index in found
                if (by_row.get(int(rows[index]), decision).action != REMOVE)
                or _is_place(decision, rows[index], splits[index], paths[index])
            ]
        for index in found:
            by_row.pop(int(rows[index]), None)  # so that the order is that of the last decisions
            by_row[int(rows[index])] = relabelled.followed(decision)
        if not found:
            unmatched.append((decision, reason))
    return MatchedDecisions(by_row, unmatched)


class _Relabelled:
    """The decisions to relabel as steps from class to class of an image."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        last = {(each.image_sha256, each.given): number for number, each in enumerate(decisions) if each.action != REMOVE}
        self._steps = {
            key: (number, decisions[number].label) for key, number in last.items() if decisions[number].action == RELABEL
        }
        self._arrivals: dict[tuple[str, str | None], int] = {}
        for (image, _), (number, label) in self._steps.items():
            self._arrivals[image, label] = max(number, self._arrivals.get((image, label), -1))

    def leads_to(self, key: tuple[str, str]) -> bool:
        """Return whether a decision relabels this image to this class."""
        return key in self._arrivals

    def is_superseded(self, number: int, decision: Decision) -> bool:
        """Return whether decision `number` is to relabel, and a later one says that its given class is right."""
        return decision.action == RELABEL and self._arrivals.get((decision.image_sha256, decision.given), -1) > number

    def followed(self, decision: Decision) -> Decision:
        """Return the decision with the class at which all steps end; the numbers of the steps increase, so they do end."""
        label = decision.label
        while decision.action == RELABEL and (step := self._steps.get((decision.image_sha256, str(label)))) is not None:
            if step[0] < self._arrivals.get((decision.image_sha256, label), -1):
                break
            label = step[1]
        return decision if label == decision.label else replace(decision, label=label)


def _is_place(decision: Decision, row: int, split: str | None, path: str | None) -> bool:
    if decision.path is not None and path is not None:
        return (decision.split, decision.path) == (split, path)
    return decision.row == row


def _reason(decision: Decision, labels: list[str] | None) -> str:
    """Return why a decision fits no sample. `labels`: those of the samples with its image."""
    if labels is None:
        return "no sample has this content any more"
    if labels.count(decision.given) > 1:
        return "several samples have this content and label, and none is at the place of the one to remove"
    if decision.given in labels:
        return "the sample with this content and label is at another place, and another decision relabels it to that label"
    if decision.label in labels:
        return f"{ALREADY_APPLIED}: its label is {decision.label!r} now"
    return f"its label is {', '.join(map(repr, sorted(set(labels))))} now"
