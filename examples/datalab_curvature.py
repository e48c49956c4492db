"""Find wrong labels with cleanlab's Datalab, without pred_probs or features of your own.

python examples/datalab_curvature.py
"""

from __future__ import annotations

import datasets
import numpy as np
from cleanlab import Datalab
from PIL import Image
from sklearn.datasets import load_digits

import curv_issues


def main() -> None:
    """Plant wrong labels in scikit-learn's digits and let Datalab find them."""
    digits = load_digits()
    labels, is_flipped = curv_issues.flip_labels(digits.target, 0.05, seed=0)
    pictures = [Image.fromarray(pixels) for pixels in (digits.images * 15).astype(np.uint8)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list("0123456789"))})
    data = datasets.Dataset.from_dict({"image": pictures, "label": labels.tolist()}, features=features)

    lab = Datalab(data, label_name="label", verbosity=0)
    lab.find_issues(issue_types={"curvature": {"epochs": 6, "resolution": 16}})
    lab.report(num_examples=5)

    issues = lab.get_issues("curvature")
    found = (issues["is_curvature_issue"].to_numpy() & is_flipped).sum()
    print(f"{is_flipped.sum()} wrong labels planted, {issues['is_curvature_issue'].sum()} flagged, {found} of them wrong")


if __name__ == "__main__":
    main()
