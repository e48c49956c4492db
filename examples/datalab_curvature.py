"""Find wrong labels and images under two labels with cleanlab's Datalab, without pred_probs or features of your own.

python examples/datalab_curvature.py
"""

from __future__ import annotations

import datasets
import numpy as np
from cleanlab import Datalab
from PIL import Image
from sklearn.datasets import load_digits

import curv_issues

OPTIONS = {"epochs": 6, "resolution": 16, "cut_off": "5%"}  # quick; without them the training is longer, and decides what to flag


def main() -> None:
    """Plant wrong labels and copies in scikit-learn's digits and let Datalab find them."""
    digits = load_digits()
    labels, is_flipped = curv_issues.flip_labels(digits.target, 0.05, seed=0)
    copied = np.flatnonzero(~is_flipped)[:100:10]  # ten images again, under another label
    pixels = np.concatenate([digits.images, digits.images[copied]])
    labels = np.concatenate([labels, (labels[copied] + 1) % 10])
    images = [Image.fromarray(image) for image in (pixels * 15).astype(np.uint8)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list("0123456789"))})
    data = datasets.Dataset.from_dict({"image": images, "label": labels.tolist()}, features=features)

    lab = Datalab(data, label_name="label", verbosity=0)
    lab.find_issues(issue_types={"curvature": OPTIONS, "duplicate_conflict": {}})  # one training
    lab.report(num_examples=5)

    is_wrong = np.concatenate([is_flipped, np.ones(len(copied), dtype=bool)])
    issues = lab.get_issues("curvature")
    found = (issues["is_curvature_issue"].to_numpy() & is_wrong).sum()
    print(f"{is_wrong.sum()} wrong labels planted, {issues['is_curvature_issue'].sum()} flagged, {found} of them wrong")
    in_conflict = lab.get_issues("duplicate_conflict")["is_duplicate_conflict_issue"].to_numpy()
    print(f"{len(copied)} copies planted, {in_conflict[-len(copied) :].sum()} found among {in_conflict.sum()} images")


if __name__ == "__main__":
    main()
