"""A score of your own: how much the probe doubts, whatever the label. It joins the table and can be ranked by.

python examples/own_score.py
"""

from __future__ import annotations

from sklearn.datasets import load_digits

import curv_issues
from curv_issues import Need, ScoreInfo, Tracker


class Entropy(Tracker):
    """Entropy of the softmax on the clean image after the last epoch; high = in doubt."""

    name = "entropy"
    needs = Need.EVALUATION
    last_only = True
    info = ScoreInfo(direction="high", description="entropy of the softmax", cost="one forward pass", source="Shannon 1948")

    def measure(self, batch):
        """The entropy of each sample in a batch, (b,)."""
        log_probabilities = batch.logits.log_softmax(1)
        return -(log_probabilities.exp() * log_probabilities).sum(1)

    def reduce(self, history):
        """The score (n,) from the values of the measured epochs, (n, e)."""
        return history[:, -1]


def main() -> None:
    """Audit digits with planted errors, ranked by the score above."""
    digits = load_digits()
    labels, is_flipped = curv_issues.flip_labels(digits.target, 0.05, seed=0)
    images = (digits.images * (255 / 16)).round().astype("uint8")
    data = curv_issues.from_arrays(images, labels, resolution=8)
    result = curv_issues.audit(data, trackers=[Entropy], score="entropy", cut_off="5%", epochs=3)
    doubted = result.findings[result.findings["kind"] == "label_issue"]
    found = is_flipped[doubted["row"]].sum()
    print(doubted[["row", "given", "suggested", "suspicion"]].head().to_string(index=False))
    print(f"{found} of {is_flipped.sum()} planted errors are among the {len(doubted)} samples the probe doubts most.")


if __name__ == "__main__":
    main()
