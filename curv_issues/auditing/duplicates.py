"""Find groups of duplicate images, and images that appear in another dataset, without training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curv_issues.auditing.leakage import check_comparable
from curv_issues.data.base import LabeledData, check_type
from curv_issues.data.image_files import image_files, lead_through_links
from curv_issues.duplicates.base import NEAR
from curv_issues.duplicates.table import pairs_table
from curv_issues.findings.judgement import judge
from curv_issues.findings.samples import evidence_of_data
from curv_issues.options import DuplicateOptions, FindingOptions
from curv_issues.results.arrow import text_column
from curv_issues.results.kinds import DUPLICATE_CONFLICT
from curv_issues.results.search_tables import COPIES, GROUPS

if TYPE_CHECKING:
    from curv_issues.duplicates.base import ComparedImages


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Duplicate images, identical or nearly so.

    Attributes:
        conflicts: one row per member of a group whose labels differ, columns as in conflicts.parquet: `group`, `row`, `split`,
            `path`, `given`, `suspect`, `suggested`, `similarity`, `test`, `majority`, `probability`, `neighbours`.
        same_label: one row per member of a group with one label, columns as in duplicates.parquet.
        pairs: one row per compared pair with a similarity >= 0.5, columns as in pairs.parquet.
        groups: one row per member of a group in which every other image is a duplicate of the one to keep: `group`, `row`,
            `split`, `path`, `keep`, `similarity` (to the image to keep), `test`, `mirrored`, `turned` (degrees clockwise),
            `height`, `width`, `bytes`. Labels do not matter.
        threshold: minimum similarity at which two images count as duplicates.
    """

    conflicts: pd.DataFrame
    same_label: pd.DataFrame
    pairs: pd.DataFrame
    groups: pd.DataFrame
    threshold: float


def find_duplicates(
    data: LabeledData,
    *,
    pred_probs: np.ndarray | None = None,
    features: np.ndarray | None = None,
    threshold: float | None = None,
    turned: bool = False,
    device: str = "auto",
) -> Duplicates:
    """Find duplicate images, identical or nearly so, and conflicts between their labels, without training.

    `audit` includes this search, and also uses the features and probabilities of its probe.

    Args:
        data: n samples; see `from_arrays`, `load_data` and, for images without labels, `load_images`.
        pred_probs: float (n, k), class probabilities from your own model; without them, the suspect members are found from the
            majority of the group and from `features`.
        features: float (n, d) from your own model, for more candidate pairs and for the labels of similar images.
        threshold: minimum similarity of aligned pixels at which two images count as duplicates, in (0, 1]; None: from the data.
        turned: also find images turned by 90, 180 and 270 degrees, mirrored or not.
        device: as in `TrainingOptions`.

    Raises:
        UsageError: an option is wrong.
    """
    check_type(data)
    wanted = DuplicateOptions(duplicate_threshold=threshold).duplicate_threshold
    from curv_issues.duplicates.search import compare_within  # imports torch, so only after the checks above

    compared = compare_within(data, features=features, threshold=wanted, turned=turned, device=device)
    evidence = evidence_of_data(data, compared=compared, pred_probs=pred_probs, features=features)
    tables = judge(evidence, FindingOptions(), kinds=[DUPLICATE_CONFLICT]).tables
    groups = group_table(data, compared, turned=turned, device=device)
    return Duplicates(tables["conflicts"], tables["duplicates"], pairs_table(compared, data.rows), groups, compared.threshold)


def group_table(data: LabeledData, compared: ComparedImages, *, turned: bool = False, device: str = "auto") -> pd.DataFrame:
    """Return the groups of duplicates and which image of each to keep; see `Duplicates.groups`.

    Args:
        data: n samples; labels are ignored.
        compared: their pairs, from `compare_within`.
        turned: as in `find_duplicates`.
        device: as in `TrainingOptions`.
    """
    from curv_issues.duplicates.keeping import Member, choose_kept, preference
    from curv_issues.duplicates.orientation import degrees_clockwise
    from curv_issues.duplicates.search import compare_pairs, first_copies, tests_of_identical

    same = compared.same()
    linked = np.unique(np.concatenate([same.first, same.second]))
    is_link = np.zeros(len(data), dtype=bool)
    is_link[linked] = lead_through_links(image_files(data, linked))
    rank = preference(data.sizes, data.num_bytes, data.is_lossless, is_link, data.paths.tolist())
    groups = choose_kept(
        compared,
        first_copies(data.image_sha256),
        rank,
        lambda pairs: compare_pairs(data, pairs, turned=turned, device=device),
    )
    groups.sort(key=lambda group: (-max(member.similarity for member in group[1:]), min(member.image for member in group)))
    rows = [(number, *member) for number, group in enumerate(groups) for member in group]
    members = pd.DataFrame(rows, columns=["group", *Member._fields]).astype(
        {"group": np.int64, "image": np.int64, "kept": np.int64}
    )
    image, kept = members["image"].to_numpy(), members["kept"].to_numpy()
    keep = image == kept
    test = np.where(members["is_near"], NEAR, tests_of_identical(data, image, data, kept))
    table = members.assign(
        **_places(data, image),
        keep=keep,
        similarity=members["similarity"].mask(keep).astype(np.float64),
        test=text_column(None if kept_one else name for kept_one, name in zip(keep, test, strict=True)),
        mirrored=[code % 2 == 1 for code in members["code"]],
        turned=[degrees_clockwise(code) for code in members["code"]],
        **_files(data, image),
    )
    return table[GROUPS.names].astype({"mirrored": bool, "turned": np.int64})


def find_copies(
    data: LabeledData, others: LabeledData, *, threshold: float | None = None, turned: bool = False, device: str = "auto"
) -> tuple[pd.DataFrame, float]:
    """Return the images of one dataset that also appear in another, identical or nearly so; labels are ignored.

    Args:
        data: n samples; see `load_images`.
        others: m samples, at the same resolution.
        threshold: minimum similarity at which two images count as duplicates, in (0, 1]; None: from the data.
        turned: also find images turned by 90, 180 and 270 degrees, mirrored or not.
        device: as in `TrainingOptions`.

    Returns:
        One row per image of `data` that appears in `others`, with its most similar image there, the most similar first: `row`,
        `split`, `path`, `other_row`, `other_split`, `other_path`, `similarity`, `test`, `mirrored`, `turned` (degrees clockwise, by
        which the other image is turned), `height`, `width`, `bytes`; and the threshold.

    Raises:
        UsageError: the resolutions differ, or an option is wrong.
    """
    wanted = DuplicateOptions(duplicate_threshold=threshold).duplicate_threshold
    check_type(data)
    check_type(others)
    check_comparable(data, others)
    from curv_issues.duplicates.orientation import codes_of, degrees_clockwise
    from curv_issues.duplicates.search import compare_between, first_copies

    compared = compare_between(data, others, threshold=wanted, turned=turned, device=device)
    same = compared.same()
    best = np.full(len(data), -1, dtype=np.int64)  # number of the best pair of each first copy
    order = np.lexsort((same.test != NEAR, same.similarity))  # the best one last
    best[same.first[order]] = order
    best = best[first_copies(data.image_sha256)]
    image = np.flatnonzero(best >= 0)
    pairs = same.taken(best[image])
    places = {f"other_{name}": values for name, values in _places(others, pairs.second).items()}
    codes = codes_of(pairs.mirrored, pairs.turns).tolist()
    table = pd.DataFrame(
        {
            **_places(data, image),
            **places,
            "similarity": pairs.similarity.astype(np.float64),
            "test": text_column(pairs.test),
            "mirrored": pairs.mirrored,
            "turned": np.array([degrees_clockwise(code) for code in codes], dtype=np.int64),
            **_files(data, image),
        }
    )
    table = table.sort_values(["similarity", "row"], ascending=[False, True], kind="stable", ignore_index=True)
    return table[COPIES.names], compared.threshold


def _places(data: LabeledData, image: np.ndarray) -> dict[str, object]:
    return {"row": data.rows[image], "split": text_column(data.splits[image]), "path": text_column(data.paths[image])}


def _files(data: LabeledData, image: np.ndarray) -> dict[str, np.ndarray]:
    height, width = data.sizes[image].T
    return {"height": height, "width": width, "bytes": data.num_bytes[image]}
