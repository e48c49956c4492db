"""Options that several commands take, each described once."""

from __future__ import annotations

from typing import Annotated

import typer

from curv_issues.config import PRESETS
from curv_issues.probes import PROBES

Dataset = Annotated[
    list[str],
    typer.Argument(
        metavar="DATASET...",
        help="Hub id, local folder (laid out like a Hub dataset, an image folder, or saved with save_to_disk), "
        "or one or several parquet files.",
    ),
]
Split = Annotated[str | None, typer.Option(help="Such as train, train+test, train[:10%]. Default: train.")]
ConfigName = Annotated[str | None, typer.Option(help="Configuration of a Hub dataset.")]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a Hub dataset.")]
ImageColumn = Annotated[str | None, typer.Option(help="Image column. Default: detected.")]
LabelColumn = Annotated[str | None, typer.Option(help="Label column. Default: detected.")]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Table of labels for a folder of images (.csv, .tsv, .jsonl, .parquet), or: folders. Default: metadata.csv, else "
        "folder names.",
    ),
]
FileColumn = Annotated[str | None, typer.Option(help="Column of the file names in a table of labels. Default: detected.")]
Splits = Annotated[
    bool | None,
    typer.Option(
        "--splits/--no-splits",
        help="Whether top-level folders called train, test, ... are splits. Default: if all top-level folders are.",
    ),
]
ClassLevel = Annotated[int | None, typer.Option(help="Which folder below the split names the class. Default: 1, the topmost.")]
SkipUnreadable = Annotated[bool, typer.Option("--skip-unreadable", help="Leave out images that cannot be decoded.")]
SkipUnlabelled = Annotated[bool, typer.Option("--skip-unlabelled", help="Leave out samples without a label.")]
ValueRange = Annotated[
    str | None,
    typer.Option(
        metavar="LOW:HIGH",
        help="Values shown as black and white in images of more than 8 bits per channel, such as 0:4095 or just 4095. "
        "Default: detected, one range for the dataset.",
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(help="Images with more pixels count as unreadable. Default: 64 million, or fewer if memory is small."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps, ...")]
Preset = Annotated[str, typer.Option(help=f"Effort: {', '.join(PRESETS)}.")]
Probe = Annotated[str, typer.Option(help=f"Network: {', '.join(PROBES)}.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the data. Default: from the size of the dataset.")]
NumMatvecs = Annotated[int | None, typer.Option(help="Random directions per measurement of curvature.")]
CutOff = Annotated[
    str, typer.Option(help="Which samples are flagged: auto, a minimum suspicion such as 0.95, or a fraction such as 5%.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes on stderr.")]
