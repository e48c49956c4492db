"""Measure the audit on your own data: write a copy with known wrong labels, audit it, compare.

python examples/plant_errors.py PATH_OR_HUB_ID OUTPUT.parquet --rate 0.1 --label-column label
curv-issues audit OUTPUT.parquet
python examples/plant_errors.py --compare OUTPUT.parquet RESULT_FOLDER
"""

from __future__ import annotations

import argparse
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
from sklearn.metrics import average_precision_score, roc_auc_score

import curv_issues


def plant(source: str, output: Path, *, rate: float, label_column: str, split: str, seed: int) -> None:
    """Write the split with a share of its labels flipped; the column `was` keeps the labels of before."""
    loaded = datasets.load_dataset(source, split=split)
    labels, feature = np.array(loaded[label_column]), loaded.features[label_column]
    if isinstance(feature, datasets.ClassLabel):
        names = feature.names
    else:  # the labels are the names
        values, labels = np.unique(labels, return_inverse=True)
        names = [str(value) for value in values]
    noisy, is_flipped = curv_issues.flip_labels(labels, rate, num_classes=len(names), seed=seed)
    image_column = next(name for name, feature in loaded.features.items() if isinstance(feature, datasets.Image))
    table = loaded.select_columns([image_column]).add_column("label", noisy)
    table = table.cast_column("label", datasets.ClassLabel(names=names)).add_column("was", labels.astype(str))
    table.to_parquet(output)
    print(f"{is_flipped.sum()} of {len(labels)} labels flipped: {output}")


def compare(planted: Path, folder: Path) -> None:
    """Print how well the suspicion of a result separates the planted labels from the rest."""
    table = pq.read_table(planted, columns=["label", "was"]).to_pandas()
    is_error = (table["label"].astype(str) != table["was"]).to_numpy()
    scores = curv_issues.AuditResult.load(folder).scores
    is_error = is_error[scores["row"]]
    flagged, suspicion = scores["flagged"].to_numpy(), scores["suspicion"].to_numpy()
    hits = (is_error & flagged).sum()
    print(f"AUROC {roc_auc_score(is_error, suspicion):.4f}, average precision {average_precision_score(is_error, suspicion):.3f}")
    print(f"{flagged.sum()} flagged: precision {hits / max(1, flagged.sum()):.3f}, recall {hits / is_error.sum():.3f}")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="dataset to copy, or with --compare the parquet file that was written")
    parser.add_argument("target", type=Path, help="parquet file to write, or with --compare the folder of the result")
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--label-column", default="label")
    parser.add_argument("--split", default="train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    if options.compare:
        compare(Path(options.source), options.target)
    else:
        plant(
            options.source,
            options.target,
            rate=options.rate,
            label_column=options.label_column,
            split=options.split,
            seed=options.seed,
        )


if __name__ == "__main__":
    main()
