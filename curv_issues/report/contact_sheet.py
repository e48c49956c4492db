"""Draw the contact sheet: one image that shows the most suspect images with their given and suggested classes."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

from curv_issues.errors import UsageError
from curv_issues.report.fonts import Font, FontSet

_PAGE, _CARD, _LINE = "#f1f3f5", "#ffffff", "#d9dee3"
_INK, _FAINT, _GIVEN, _SUGGESTED = "#1b2026", "#6b7580", "#b3261e", "#14693a"
_MARGIN, _GAP, _PAD = 20, 10, 6
_TEXT, _SMALL, _TITLE = 13, 11, 20
_ARROW = "\N{RIGHTWARDS ARROW} "
_LONGEST = 200  # characters of a name that are measured; no cell is wider


def contact_sheet(
    images: Iterable[Image.Image | None],
    captions: Sequence[tuple[str, str, float]],
    *,
    title: str = "Most suspect labels",
    subtitle: str = "",
    rows: Sequence[int] | None = None,
    marked: Sequence[bool] | None = None,
    columns: int = 10,
    cell: int = 128,
) -> bytes:
    """Return a PNG of the images in rows, each with its given class, suggested class and suspicion.

    Small images are enlarged by an integer factor without interpolation; large ones are reduced. Names that do not fit are
    shortened; characters that no installed font has are written as `U+1F600`. Without images, the sheet says "No findings".

    Args:
        images: any size and mode, most suspect first; None for one that could not be read. Each is reduced before
            the next one is requested, so that an iterator needs memory for one image only.
        captions: for each image its given class, suggested class and suspicion in [0, 1].
        title: first line, such as the name of the dataset.
        subtitle: second line, such as the number of findings.
        rows: row numbers of the images in the dataset, which are shown too; None: not shown.
        marked: whether each image gets a red frame; None: none does.
        columns: maximum number of images per row, at least 1.
        cell: side of the square that each image is fitted into, in pixels, at least 32.

    Returns:
        The bytes of the PNG.

    Raises:
        UsageError: the numbers of images, captions, rows and marks differ, or `columns` or `cell` is too small.
    """
    if columns < 1 or cell < 32:
        raise UsageError(f"The contact sheet got columns={columns} and cell={cell}; expected at least 1 and 32.")
    fitted = list(map(functools.partial(_fit_or_none, cell=cell), images))
    if any(other is not None and len(other) != len(fitted) for other in (captions, rows, marked)):
        raise UsageError(
            f"The contact sheet got {len(fitted)} images, {len(captions)} captions, {'no' if rows is None else len(rows)} "
            f"row numbers and {'no' if marked is None else len(marked)} marks; expected one of each for an image."
        )
    columns = max(1, min(columns, len(fitted)))
    card_width, card_height = cell + 2 * _PAD, cell + 3 * _PAD + 3 * (_TEXT + 4)
    width = max(2 * _MARGIN + columns * (card_width + _GAP) - _GAP, 480)
    top = _MARGIN + _TITLE + 8 + (_TEXT + 8 if subtitle else 0) + 10
    lines = -(-len(fitted) // columns)
    height = top + (lines * (card_height + _GAP) - _GAP if fitted else 3 * _TITLE) + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAGE)
    pen = _Pen(sheet)
    pen.write((_MARGIN, _MARGIN), title, pen.title, _INK, width - 2 * _MARGIN)
    pen.write((_MARGIN, _MARGIN + _TITLE + 8), subtitle, pen.text, _FAINT, width - 2 * _MARGIN)
    if not fitted:
        pen.write((_MARGIN, top + _TITLE // 2), "No findings", pen.text, _INK, width - 2 * _MARGIN)
    for index, (image, (given, suggested, suspicion)) in enumerate(zip(fitted, captions, strict=True)):
        left = _MARGIN + index % columns * (card_width + _GAP)
        upper = top + index // columns * (card_height + _GAP)
        pen.card((left, upper, left + card_width - 1, upper + card_height - 1), marked=marked is not None and bool(marked[index]))
        left, upper = left + _PAD, upper + _PAD
        if image is None:
            pen.write((left, upper + cell // 2), "not readable", pen.small, _FAINT, cell)
        else:
            sheet.paste(image, (left + (cell - image.width) // 2, upper + (cell - image.height) // 2))
        upper += cell + _PAD
        pen.write((left, upper), given, pen.text, _GIVEN, cell)
        upper += _TEXT + 4
        arrow = pen.width(_ARROW, pen.text)  # drawn separately, because a name may be written from right to left
        pen.write((left, upper), _ARROW, pen.text, _SUGGESTED, cell)
        pen.write((left + arrow, upper), suggested, pen.text, _SUGGESTED, cell - arrow)
        upper += _TEXT + 6
        value = f"{suspicion:.3f}"
        shift = cell - pen.width(value, pen.small)
        pen.write((left, upper), "" if rows is None else f"row {rows[index]}", pen.small, _FAINT, shift - _PAD)
        pen.write((left + shift, upper), value, pen.small, _FAINT, cell)
    stream = io.BytesIO()
    sheet.save(stream, format="PNG")
    return stream.getvalue()


def _fit_or_none(image: Image.Image | None, *, cell: int) -> Image.Image | None:
    return None if image is None else fit_image(image, cell)


def as_rgb(image: Image.Image) -> Image.Image:
    """Return the image as RGB, on white if it is transparent."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def fit_image(image: Image.Image, cell: int) -> Image.Image:
    """Return the image as RGB, enlarged by an integer factor or reduced to fit a square of `cell` pixels."""
    image = as_rgb(image)
    longer = max(image.size)
    if longer <= cell:
        factor = cell // longer
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    size = (max(1, round(image.width * cell / longer)), max(1, round(image.height * cell / longer)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


class _Pen:
    """Draws cards and text on a sheet."""

    def __init__(self, sheet: Image.Image) -> None:
        self._draw = ImageDraw.Draw(sheet)
        self.title, self.text, self.small = FontSet(_TITLE), FontSet(_TEXT), FontSet(_SMALL)

    def card(self, edges: tuple[int, int, int, int], *, marked: bool) -> None:
        """Draw the background of one image, with a red frame if marked."""
        self._draw.rounded_rectangle(edges, radius=5, fill=_CARD, outline=_GIVEN if marked else _LINE, width=2 if marked else 1)

    def width(self, text: str, fonts: FontSet) -> int:
        """Return the width of a text in pixels."""
        text, font = fonts.fit(text)
        return round(self._draw.textlength(text, font=font))

    def write(self, place: tuple[int, int], text: str, fonts: FontSet, color: str, width: int) -> None:
        """Draw a text in a font that has its characters, cut to a width in pixels."""
        text, font = fonts.fit(text[:_LONGEST])
        self._draw.text(place, self._shorten(text, font, width), fill=color, font=font)

    def _shorten(self, text: str, font: Font, width: int) -> str:
        if self._draw.textlength(text, font=font) <= width:
            return text
        while text and self._draw.textlength(f"{text}...", font=font) > width:
            text = text[:-1]
        return f"{text}..."
