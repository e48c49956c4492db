"""Convert a result and the decisions about it to a plain dictionary, which the page of a report shows."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.counting import counted
from curv_issues.report.choice import CURVATURE, MOST_CLASSES, Choice, choose
from curv_issues.report.evidence import Evidence
from curv_issues.report.text import merged_findings, sections
from curv_issues.report.thumbnails import CARD, MIME_TYPE, SHARP, SMALL
from curv_issues.results.kinds import DUPLICATE_CONFLICT, KINDS, LABEL_ISSUE
from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import Decision, MatchedDecisions, match_result

BUDGET = 11_000_000  # bytes of images; in base64 they take a third more
BINS = 40  # of the histogram
MOST_EPOCHS = 60  # points of a curve
MOST_PAIRS = 20  # of classes with an estimated number of errors
CURVES = ("loss", "margin", CURVATURE)
"""Followed quantities that are drawn."""


ImageAddress = Callable[[int, str], str | None]
"""Takes the row and the size of an image and returns its address; None: there is no such image."""


@dataclass
class _Images:
    """The images of a page, each once: their addresses if they are served, else their content, within the budget of bytes."""

    thumbnails: Mapping[tuple[int, str], bytes]
    budget: int
    address: ImageAddress | None = None
    uris: list[str] = field(default_factory=list)
    places: dict[tuple[int, str], int] = field(default_factory=dict)
    left_out: int = 0

    def add(self, row: int, size: str) -> int | None:
        """Return the index of an image; None if it does not exist or does not fit any more."""
        key = (row, size)
        if self.address is not None and key not in self.places and (address := self.address(row, size)) is not None:
            self.places[key] = len(self.uris)
            self.uris.append(address)
        if key in self.places or key not in self.thumbnails:
            return self.places.get(key)
        content = self.thumbnails[key]
        if len(content) > self.budget:
            self.left_out += 1
            return None
        self.budget -= len(content)
        self.places[key] = len(self.uris)
        self.uris.append(f"data:{MIME_TYPE};base64,{base64.b64encode(content).decode()}")
        return self.places[key]


def make_view(
    result: AuditResult,
    *,
    decisions: Sequence[Decision] = (),
    with_images: bool = True,
    choice: Choice | None = None,
    budget: int = BUDGET,
    image_address: ImageAddress | None = None,
) -> dict[str, Any]:
    """Return everything that a page shows, as JSON values.

    Args:
        result: an audit.
        decisions: of a person, in the order in which they were made.
        with_images: whether images are included.
        choice: which samples are shown; None: see `choose`.
        budget: maximum number of bytes of all images; the most suspect samples come first.
        image_address: of images that a server sends; None: the view contains the images.
    """
    choice = choose(result) if choice is None else choice
    matched = match_result(decisions, result)
    thumbnails = stored_thumbnails(result) if with_images and image_address is None else {}
    images = _Images(thumbnails, budget, image_address)
    rows = result.scores["row"].to_numpy()
    for place in choice.cards:
        images.add(int(rows[place]), CARD)
    for place in choice.small:
        images.add(int(rows[place]), SMALL)
    cards = _cards(result, choice, images)
    shown = {card["row"] for card in cards}
    return {
        "id": result.summary["dataset"].get("fingerprint") or str(result),
        "title": str(result.summary["dataset"].get("source", "dataset")),
        "headline": str(result),
        "dataset": {name: result.summary["dataset"].get(name) for name in ("source", "split", "fingerprint")},
        "facts": _facts(result),
        "notes": list(result.summary.get("notes", [])),
        "estimate": estimate_text(result),
        "classes": list(result.class_names),
        "kinds": [_kind(result, choice, name) for name in KINDS if KINDS[name].has_findings],
        "cards": cards,
        "label_issues": [int(rows[place]) for place in choice.label_issues],
        "to_check": [int(rows[place]) for place in choice.to_check],
        "groups": [[int(rows[place]) for place in group] for group in choice.groups],
        "extremes": [_extreme(result, found, images) for found in choice.extremes],
        "matrix": _matrix(result),
        "pairs": _pairs(result),
        "sections": [
            {"title": section.title, "columns": list(section.rows.columns), "rows": section.rows.to_numpy().tolist()}
            for section in sections(result)
            if len(section.rows)
        ],
        "histogram": _histogram(result),
        "curves": _curves(result),
        "class_curves": _class_curves(result, choice),
        "left_out": _left_out(result),
        "decisions": [asdict(decision) | {"row": row} for row, decision in matched.by_row.items() if row in shown],
        "other_decisions": _others(matched, shown),
        "has_images": bool(images.uris),
        "num_images_left_out": images.left_out,
        "images": images.uris,
    }


def stored_thumbnails(result: AuditResult) -> dict[tuple[int, str], bytes]:
    """Return the small images that a result contains, by row and size."""
    table = result.thumbnails
    return {} if table is None else dict(zip(zip(table["row"], table["size"], strict=True), table["image"], strict=True))


def _facts(result: AuditResult) -> list[list[str]]:
    """Return what was audited and how, as pairs of name and text."""
    summary, dataset, recipe = result.summary, result.summary["dataset"], result.summary.get("recipe") or {}
    seconds = summary.get("seconds")
    known = {
        "Dataset": dataset.get("source"),
        "Split": dataset.get("split"),
        "Configuration": dataset.get("config_name"),
        "Revision": dataset.get("revision"),
        "Labels": dataset.get("labels"),
        "Samples": f"{len(result):,}",
        "Classes": f"{len(result.class_names):,}",
        "Without a label": dataset.get("num_unlabelled") or None,
        "Unreadable": len(dataset.get("unreadable") or []) or None,
        "Trained on": summary.get("input"),
        "Backbone": dataset.get("backbone"),
        "Resolution": f"{dataset['resolution']} pixels" if dataset.get("resolution") else None,
        "Epochs": f"{summary['epochs_done']} of {recipe['epochs']}" if "epochs" in recipe and "epochs_done" in summary else None,
        "Ranked by": _text_of_ranking(summary.get("ranking")),
        "Cut-off": _text_of_cut_off(summary.get("cut_off")),
        "Seed": summary.get("seed"),
        "Device": summary.get("device"),
        "Time": f"{sum(seconds.values()):,.0f} s" if isinstance(seconds, dict) else None,
        "Version": (summary.get("versions") or {}).get("curv-issues"),
        "Fingerprint": dataset.get("fingerprint"),
    }
    return [[name, str(value)] for name, value in known.items() if value is not None]


def _text_of_ranking(ranking: Any) -> str | None:
    if not isinstance(ranking, dict):
        return None
    parts = ", ".join(ranking.get("parts") or [])
    return f"{ranking.get('score')} ({parts})" if parts else str(ranking.get("score"))


def _text_of_cut_off(cut_off: Any) -> str | None:
    if not isinstance(cut_off, dict):
        return None
    expected = cut_off.get("expected_precision")
    precision = f", expected precision {expected:.2f}" if isinstance(expected, int | float) else ""
    return f"{cut_off.get('rule')}: {counted(int(cut_off.get('num_flagged') or 0), 'label')} flagged{precision}"


def estimate_text(result: AuditResult) -> str | None:
    """Return the estimated number of wrong labels in a sentence; None if there is no estimate."""
    estimate = result.summary.get("estimate")
    if estimate is None:
        return None
    number, low, high = (f"{estimate[name]:,.0f}" for name in ("num_errors", "low", "high"))
    return f"About {number} of {len(result):,} labels are wrong (95% interval: {low} to {high})."


def _kind(result: AuditResult, choice: Choice, name: str) -> dict[str, Any]:
    """Return how many findings of a kind there are and are shown; groups for conflicting duplicates."""
    if name == DUPLICATE_CONFLICT:
        total, shown = result.conflicts["group"].nunique(), len(choice.groups)
    else:
        total, shown = int((result.findings["kind"] == name).sum()), len(choice.label_issues) if name == LABEL_ISSUE else 0
    return {"name": name, "about": KINDS[name].about, "total": int(total), "shown": shown}


def _cards(result: AuditResult, choice: Choice, images: _Images) -> list[dict[str, Any]]:
    """Return one entry per card, most suspect first."""
    evidence = Evidence(result)
    codes = {name: code for code, name in enumerate(result.class_names)}
    merged = merged_findings(result).set_index("row")
    suggested_by_kind = merged["suggested"] if len(merged) else {}
    ranks = _ranks_within_classes(result)
    suspects = set(result.conflicts["row"][result.conflicts["suspect"]])
    rows = result.scores["row"].tolist()
    of_cards = result.findings[result.findings["row"].isin({rows[place] for place in choice.cards})]
    kinds = of_cards.groupby("row")["kind"].agg(list).to_dict()
    shown: dict[int, list[list[str]]] = {}
    if result.shown is not None:
        for row, column, text in result.shown.itertuples(index=False):
            shown.setdefault(row, []).append([column, text])
    found = []
    for place in choice.cards:
        sample = {str(name): _plain(value) for name, value in result.scores.iloc[place].items()}
        row = sample["row"]
        size = result.images.iloc[place]
        found.append(
            {
                "row": row,
                "split": sample["split"],
                "path": sample["path"],
                "image_sha256": size["image_sha256"],
                "width": int(size["width"]),
                "height": int(size["height"]),
                "image": images.add(row, CARD),
                "sharp": max(int(size["width"]), int(size["height"])) <= SHARP,
                "given": codes[sample["given"]],
                "suggested": codes[suggested_by_kind.get(row, sample["suggested"])],
                "suspicion": _rounded(sample["suspicion"]),
                "p_wrong": _rounded(sample.get("p_wrong")),
                "verdict": sample["verdict"],
                "kinds": kinds.get(row, []),
                "is_suspect": row in suspects or bool(sample["flagged"]),
                "evidence": evidence.sentences(sample),
                "curvature": _rounded(sample.get(CURVATURE)),
                "curvature_rank": ranks[place] if ranks is not None else None,
                "curves": {name: _thinned(values[place]) for name, values in _drawn(result).items()},
                "shown": shown.get(row, []),
                "near": [
                    [[rows[near], images.add(rows[near], SMALL)] for near in side] for side in choice.neighbours.get(place, ())
                ],
            }
        )
    return found


def _ranks_within_classes(result: AuditResult) -> list[str | None] | None:
    """Return the rank of each sample's curvature within its class, such as "3 of 500 highest"; None without curvature."""
    if CURVATURE not in result.score_names:
        return None
    by_class = result.scores.groupby("given")[CURVATURE]
    ranks, sizes = by_class.rank(ascending=False, method="min"), by_class.transform("count")
    return [None if math.isnan(rank) else f"{int(rank):,} of {int(size):,}" for rank, size in zip(ranks, sizes, strict=True)]


def _drawn(result: AuditResult) -> dict[str, np.ndarray]:
    """Return the followed quantities that are drawn, float32 (n, epochs)."""
    return {name: result.trajectories[name] for name in CURVES if name in result.trajectories}


def _thinned(values: np.ndarray) -> list[list[float]]:
    """Return at most `MOST_EPOCHS` measured points of a curve, as pairs of epoch (from 1) and value."""
    measured = np.flatnonzero(np.isfinite(values))
    kept = measured[np.unique(np.linspace(0, len(measured) - 1, MOST_EPOCHS).round().astype(int))] if len(measured) else measured
    return [[int(epoch) + 1, float(f"{values[epoch]:.3g}")] for epoch in kept]


def _extreme(result: AuditResult, found: Any, images: _Images) -> dict[str, Any]:
    def shown(places: Sequence[int]) -> list[list[Any]]:
        rows, values = result.scores["row"], result.scores[CURVATURE]
        return [[int(rows.iloc[place]), images.add(int(rows.iloc[place]), SMALL), _rounded(values.iloc[place])] for place in places]

    return {"class": found.label, "lowest": shown(found.lowest), "highest": shown(found.highest)}


def _matrix(result: AuditResult) -> dict[str, Any]:
    """Return how many label issues have each given and suggested class, for the classes with most of them."""
    issues = result.findings[result.findings["kind"] == LABEL_ISSUE]
    codes = {name: code for code, name in enumerate(result.class_names)}
    given, suggested = issues["given"].map(codes), issues["suggested"].map(codes)
    counts = pd.concat([given, suggested]).value_counts()
    classes = sorted(int(code) for code in counts.index[:MOST_CLASSES])
    cells = pd.crosstab(given, suggested).reindex(index=classes, columns=classes, fill_value=0)
    return {"classes": classes, "num_classes": len(counts), "counts": cells.to_numpy().tolist() if classes else []}


def _pairs(result: AuditResult) -> list[dict[str, Any]]:
    """Return the pairs of classes with the most estimated wrong labels."""
    table = result.confusions
    pairs = table[table["suggested"].notna()].head(MOST_PAIRS)
    return [
        {str(name): _plain(value) if isinstance(value, str) else _rounded(value) for name, value in pair.items()}
        for pair in pairs.to_dict("records")
    ]


def _histogram(result: AuditResult) -> dict[str, Any]:
    """Return the numbers of samples and of flagged ones in equal bins from 0 to 1, by the probability that the label is wrong.

    By suspicion without probabilities: it is a rank with most rankings, so that its histogram is flat.
    """
    name = "p_wrong" if "p_wrong" in result.score_names else "suspicion"
    values, flagged = result.scores[name].to_numpy(), result.scores["flagged"].to_numpy()
    edges, measured = np.linspace(0, 1, BINS + 1), np.isfinite(values)
    return {
        "quantity": "probability of a wrong label" if name == "p_wrong" else name,
        "all": np.histogram(values[measured], edges)[0].tolist(),
        "flagged": np.histogram(values[measured & flagged], edges)[0].tolist(),
        "cut_off": _text_of_cut_off(result.summary.get("cut_off")) or "cut-off not recorded",
    }


def _curves(result: AuditResult) -> dict[str, Any]:
    """Return the median and the quartiles of each quantity by epoch, for flagged samples and for the rest."""
    flagged = result.scores["flagged"].to_numpy()
    parts = {"flagged": flagged, "not flagged": ~flagged}
    return {
        name: {part: _quartiles(values[chosen]) for part, chosen in parts.items() if chosen.any()}
        for name, values in _drawn(result).items()
    }


def _class_curves(result: AuditResult, choice: Choice) -> dict[str, dict[str, list[list[float]]]]:
    """Return the median of each quantity by epoch, for each class that a card has as its given class."""
    labels = result.labels
    return {
        str(label): {name: _quartiles(values[labels == label])["median"] for name, values in _drawn(result).items()}
        for label in sorted({int(labels[place]) for place in choice.cards})
    }


def _quartiles(values: np.ndarray) -> dict[str, list[list[float]]]:
    measured = np.isfinite(values).any(axis=0)
    by_epoch = np.full((3, values.shape[1]), np.nan)
    if measured.any():
        by_epoch[:, measured] = np.nanpercentile(values[:, measured], [25, 50, 75], axis=0)
    return {name: _thinned(curve) for name, curve in zip(("low", "median", "high"), by_epoch, strict=True)}


def _left_out(result: AuditResult) -> list[list[Any]]:
    """Return the reasons for which files were not read, each with the number of files."""
    table = result.left_out
    return [] if table is None else [[reason, int(count)] for reason, count in table["reason"].value_counts().items()]


def _others(matched: MatchedDecisions, shown: set[int]) -> list[dict[str, Any]]:
    """Return the decisions on samples without a card, and those that fit no sample, as entries of a file of decisions."""
    hidden = [decision for row, decision in matched.by_row.items() if row not in shown]
    others = [*dict.fromkeys(hidden), *(decision for decision, _ in matched.unmatched)]
    return [{name: value for name, value in asdict(decision).items() if value is not None} for decision in others]


def _plain(value: Any) -> Any:
    """Return a cell of a table as a JSON value."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)) else value


def _rounded(value: Any) -> Any:
    """Return a number with four significant digits; None if it was not measured."""
    value = _plain(value)
    return float(f"{value:.4g}") if isinstance(value, float) else value
