"""Plant conflicting duplicates: copies of an image with different labels."""

from __future__ import annotations

import numbers
from dataclasses import replace

import numpy as np

from curv_issues.data.base import LabeledData, check_type, images_at
from curv_issues.errors import UsageError
from curv_issues.noise.base import Planted
from curv_issues.noise.checks import make_generator


def plant_conflicting_duplicates(data: LabeledData, pairs: int, *, seed: int = 0) -> Planted:
    """Replace images by copies of others, with a different label (the protocol of Ravikumar et al. 2025, ICML).

    In each of p random disjoint pairs (a, b), a gets the image of b, with its hashes and size, and a label drawn uniformly
    from all except b's (a's old label included). b is unchanged. A detector should find both.

    Args:
        data: n samples. Not modified; the images are copied once, into memory.
        pairs: number of pairs p, from 1 to n / 2.
        seed: seed of pairs and labels, an integer >= 0.

    Returns:
        The data, in which a keeps its row, split and path; `is_error`, True for the 2 p samples; and the pairs (a, b).

    Raises:
        UsageError: `pairs` is not an integer from 1 to n / 2, there are fewer than 2 classes, or the seed is not an
            integer >= 0.

    Example:
        >>> import numpy as np
        >>> from curv_issues import from_arrays
        >>> images = np.random.default_rng(0).integers(0, 256, (100, 8, 8)).astype(np.uint8)
        >>> planted = plant_conflicting_duplicates(from_arrays(images, np.arange(100) % 4), 10, seed=0)
        >>> replaced, source = planted.pairs.T
        >>> bool((planted.data.images[replaced] == planted.data.images[source]).all()), int(planted.is_error.sum())
        (True, 20)
    """
    check_type(data)
    if isinstance(pairs, bool) or not isinstance(pairs, numbers.Integral) or not 1 <= pairs <= len(data) // 2:
        raise UsageError(
            f"pairs must be an integer from 1 to {len(data) // 2} (half of the {len(data)} samples, as pairs are disjoint), "
            f"got {pairs!r}."
        )
    if data.num_classes < 2:
        raise UsageError(f"Conflicting duplicates need at least two classes; {data.source.source} has {data.num_classes}.")
    generator = make_generator(seed)
    chosen = generator.permutation(len(data))[: 2 * int(pairs)].reshape(-1, 2).astype(np.int64)
    replaced, source = chosen.T
    other = generator.integers(0, data.num_classes - 1, size=len(chosen))

    labels = data.labels.copy()
    labels[replaced] = other + (other >= data.labels[source])
    content = [name for name in ("images", "features", "pred_probs") if getattr(data, name) is not None]
    copied = {
        name: np.array(getattr(data, name))
        for name in (*content, "image_sha256", "file_sha256", "sizes", "num_bytes", "is_lossless")
    }
    for values in copied.values():
        values[replaced] = values[source]
    image_of = np.arange(len(data))
    image_of[replaced] = source
    is_error = np.zeros(len(data), dtype=bool)
    is_error[chosen] = True
    changed = replace(data, labels=labels, **copied, open_image=images_at(data.open_image, image_of))
    return Planted(changed, is_error, chosen)
