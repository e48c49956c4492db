"""Made-up results with images for tests of the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from curv_issues.report.choice import choose
from curv_issues.report.thumbnails import CARD, SMALL, thumbnail
from curv_issues.results.arrow import text_column
from curv_issues.results.result import AuditResult
from tests.made_up import result_of, result_parts
from tests.report.test_conflicts import with_conflicts

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "\u202edog\u0000", "كلب", "x" * 10_000, "</script><!--")
"""Class names from strangers."""


def with_images(result: AuditResult, *, side: int = 28) -> AuditResult:
    """Return a result with the thumbnails that its page shows."""
    rng, choice = np.random.default_rng(0), choose(result)
    image = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
    content = {size: thumbnail(image, size) for size in (CARD, SMALL)}
    rows = result.scores["row"].tolist()
    found = [
        (rows[place], size, content[size]) for size, places in ((CARD, choice.cards), (SMALL, choice.small)) for place in places
    ]
    return result.with_extras(tables={"thumbnails": pd.DataFrame(found, columns=["row", "size", "image"])})


def many_findings(n: int = 200, *, names: Sequence[str] = ("dog", "cat", "bird"), flagged: int = 40) -> AuditResult:
    """Return a result of n samples with images, curvature, probabilities and verdicts, the last ones flagged."""
    paths = [f'{names[i % len(names)][:60]}/"><img onerror=alert(3)>{i}.png' for i in range(n)]
    parts = result_parts(names=names, n=n, flagged=range(n - flagged, n), paths=paths)
    rng = np.random.default_rng(1)
    more = {
        name: rng.random(n) for name in ("input_curvature", "p_wrong", "given_probability", "suggested_probability", "isolation")
    }
    metadata = {name: {"direction": "high", "source": "Somebody"} for name in more}
    is_flagged = parts["scores"]["flagged"]
    verdict = text_column(np.where(is_flagged, ["mislabeled", "ambiguous", "rare", "outlier"][:1] * n, None))
    scores = parts["scores"].assign(verdict=verdict, **more)
    findings = parts["findings"].assign(verdict=verdict[is_flagged].to_numpy(), p_wrong=more["p_wrong"][is_flagged])
    summary = {
        **parts["summary"],
        "notes": ["A note about <b>names</b>."],
        "estimate": {"num_errors": 41.2, "low": 30.0, "high": 55.0, "basis": "training"},
        "cut_off": {"rule": "auto", "num_flagged": flagged, "expected_precision": 0.8, "threshold": 0.8},
    }
    score_metadata = {**parts["score_metadata"], **metadata}
    result = result_of({**parts, "scores": scores, "findings": findings, "summary": summary, "score_metadata": score_metadata})
    return with_images(result)


def conflicts_with_images() -> AuditResult:
    """Return the made-up result with conflicting duplicates, with images."""
    return with_images(with_conflicts())
