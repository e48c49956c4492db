"""Plot how the similarity to a reference changes over training, as in figures 14 and 15 of Garg et al. 2023. Needs matplotlib."""

from __future__ import annotations

import io

from curv_issues.memorization.compare import Comparison

_TITLES = {"all": "all samples", "top": "samples with the highest reference values"}
_STYLES = {"epoch": ":", "cumulative": "-"}
_SHOWN = ("cosine", "spearman")


def draw_comparison(comparison: Comparison) -> bytes:
    """Return the plot as PNG: for each followed quantity, a line of each epoch (dotted) and of the mean up to it (solid)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    axes = figure.subplots(len(_SHOWN), len(_TITLES), squeeze=False, sharex=True)
    table = comparison.by_epoch
    quantities = list(dict.fromkeys(table["quantity"]))
    for line, measure in zip(axes, _SHOWN, strict=True):
        for place, (samples, title) in zip(line, _TITLES.items(), strict=True):
            for colour, quantity in enumerate(quantities):
                for kind, style in _STYLES.items():
                    part = table[(table["quantity"] == quantity) & (table["kind"] == kind) & (table["samples"] == samples)]
                    label = f"{quantity.replace('_', ' ')}, {kind}"
                    place.plot(part["epoch"], part[measure], style, color=f"C{colour}", label=label, marker=".")
            place.set(title=f"{measure}: {title}", xlabel="epoch")
            place.grid(alpha=0.3)
    axes[0, 0].legend(fontsize="small")
    figure.suptitle(f"Similarity to {comparison.reference}".replace("$", r"\$"))
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=100)
    return stream.getvalue()
