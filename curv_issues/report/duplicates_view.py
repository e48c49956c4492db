"""Convert a search for duplicates to a plain dictionary, which its page shows."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from curv_issues.counting import counted
from curv_issues.report.duplicates import describe_search, orientation_text, readable_size
from curv_issues.report.thumbnails import MIME_TYPE, SHARP

MOST_IMAGES = 400
BUDGET = 11_000_000  # bytes of images; in base64 they take a third more

ThumbnailOf = Callable[[int, bool], bytes | None]
"""Takes the row of an image, and whether it belongs to the other dataset; returns it as WebP, or None if it cannot be read."""


def duplicates_view(
    table: pd.DataFrame,
    summary: dict[str, Any],
    files: Sequence[str | None],
    thumbnail_of: ThumbnailOf,
    *,
    most: int = MOST_IMAGES,
) -> dict[str, Any]:
    """Return everything that the page of a search shows, as JSON values.

    Args:
        table: groups or copies, see `results.search_tables`.
        summary: of the search.
        files: for each row of the table, the file that a user may remove; None if there is none.
        thumbnail_of: reads an image.
        most: maximum number of images; a group is shown as a whole or not at all.
    """
    is_against = "group" not in table
    images: list[str] = []
    left = BUDGET

    def add_image(row: int, of_other: bool) -> int | None:
        nonlocal left
        content = thumbnail_of(row, of_other)
        if content is None or len(content) > left:
            return None
        left -= len(content)
        images.append(f"data:{MIME_TYPE};base64,{base64.b64encode(content).decode()}")
        return len(images) - 1

    groups: list[list[dict[str, Any]]] = []
    shown, total = 0, 0
    file_names = pd.Series(files, index=table.index, dtype=object)  # as text, pandas takes UTF-8 only
    for _, members in table.assign(file=file_names).groupby("other_row" if is_against else "group", sort=False):
        total += 1
        size = len(members) + is_against
        if shown + size > most:
            continue
        shown += size
        found = [_card(member, add_image, is_against=is_against) for member in members.to_dict("records")]
        if is_against:
            first = members.iloc[0]
            found.insert(0, _other_card(first, add_image(int(first["other_row"]), True)))
        groups.append(found)
    name = "copies" if is_against else "groups"
    return {
        "id": summary["dataset"]["fingerprint"],
        "title": str(summary["dataset"]["source"]),
        "headline": describe_search(table, summary, is_cut=False),
        "facts": _facts(summary),
        "notes": list(summary["notes"]),
        "is_against": is_against,
        "table": f"{name}.parquet",
        "groups": groups,
        "num_groups": total,
        "images": images,
    }


def _card(member: dict[str, Any], add_image: Callable[[int, bool], int | None], *, is_against: bool) -> dict[str, Any]:
    file = member["file"] if isinstance(member["file"], str) and _is_utf8(member["file"]) else None
    kept = not is_against and bool(member["keep"])
    return {
        "row": int(member["row"]),
        "split": _text(member["split"]),
        "path": _text(member["path"]),
        "file": file,
        "keep": kept,
        "is_other": False,
        "similarity": None if pd.isna(member["similarity"]) else round(float(member["similarity"]), 4),
        "test": _text(member["test"]),
        "orientation": orientation_text(member["mirrored"], member["turned"]),
        "pixels": f"{member['width']} x {member['height']}",
        "num_pixels": int(member["width"]) * int(member["height"]),
        "size": readable_size(member["bytes"]) if member["bytes"] else "",
        "bytes": int(member["bytes"]),
        "sharp": max(member["width"], member["height"]) <= SHARP,
        "image": add_image(int(member["row"]), False),
    }


def _other_card(copy: pd.Series, image: int | None) -> dict[str, Any]:
    """Return the entry of an image of the other dataset, which is never to be removed."""
    return {
        "row": int(copy["other_row"]),
        "split": _text(copy["other_split"]),
        "path": _text(copy["other_path"]),
        **{"file": None, "keep": True, "is_other": True, "similarity": None, "test": None, "orientation": "", "pixels": ""},
        **{"num_pixels": 0, "size": "", "bytes": 0, "image": image, "sharp": bool(max(copy["width"], copy["height"]) <= SHARP)},
    }


def _facts(summary: dict[str, Any]) -> list[list[str]]:
    """Return what was searched and how, as pairs of name and text."""
    dataset, other, options = summary["dataset"], summary["other"] or {}, summary["options"]
    known = {
        "Dataset": dataset["source"],
        "Split": dataset["split"],
        "Configuration": dataset["config_name"],
        "Revision": dataset["revision"],
        "Images": f"{dataset['n']:,}",
        "Unreadable": len(dataset["unreadable"]) or None,
        "Compared with": other.get("source"),
        "Split compared with": other.get("split"),
        "Images compared with": f"{other['n']:,}" if other else None,
        "Threshold": f"{summary['threshold']:.3f}",
        "Turned images": "searched for" if options["turned"] else None,
        "Backbone": options["backbone"],
        "Resolution": f"{counted(dataset['resolution'], 'pixel')}" if dataset["resolution"] else None,
        "Time": f"{sum(summary['seconds'].values()):,.0f} s",
        "Version": summary["versions"].get("curv-issues"),
        "Fingerprint": dataset["fingerprint"],
    }
    return [[name, str(value)] for name, value in known.items() if value is not None]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _is_utf8(path: str) -> bool:
    """Return whether a file can be named in a list that the page saves."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
