from __future__ import annotations

import io
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from curv_issues.errors import UsageError
from curv_issues.report import fonts
from curv_issues.report.contact_sheet import contact_sheet, fit_image
from curv_issues.report.fonts import FontSet

CHECKERS = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8))

any_text = st.text(st.characters(exclude_categories=()), max_size=30)


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return image


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(opened(png))


def bundled_font() -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(13)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


class TestContactSheet:
    def test_small_image_is_shown_with_sharp_pixels(self) -> None:
        sheet = pixels(contact_sheet([CHECKERS], [("cat", "dog", 0.9)], cell=64))
        for color in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)):
            rows, columns = np.nonzero((sheet == color).all(-1))
            assert len(rows) >= 32 * 32
            assert (sheet[rows.min() : rows.min() + 32, columns.min() : columns.min() + 32] == color).all()

    def test_sheet_has_as_many_rows_of_images_as_needed(self) -> None:
        heights = {n: opened(contact_sheet([CHECKERS] * n, [("a", "b", 1.0)] * n, columns=10)).height for n in (1, 10, 11, 50)}
        assert heights[1] == heights[10]
        line = heights[11] - heights[10]
        assert heights[50] - heights[10] == 4 * line
        assert 128 < line < 220
        width = opened(contact_sheet([CHECKERS] * 50, [("a", "b", 1.0)] * 50)).width
        assert 10 * 128 < width < 10 * 160

    def test_images_are_in_reading_order(self) -> None:
        colors = [(10 * i, 0, 200) for i in range(7)]
        sheet = pixels(contact_sheet([Image.new("RGB", (8, 8), c) for c in colors], [("a", "b", 1)] * 7, columns=3))
        corners = [tuple(int(axis.min()) for axis in np.nonzero((sheet == color).all(-1))) for color in colors]
        assert corners == sorted(corners)
        assert len({row for row, _ in corners}) == 3
        assert [column for _, column in corners[:3]] == [column for _, column in corners[3:6]]

    @pytest.mark.parametrize(
        "other",
        [("horse", "dog", 0.5), ("cat", "horse", 0.5), ("cat", "dog", 0.75)],
        ids=["given", "suggested", "score"],
    )
    def test_every_part_of_the_caption_is_drawn(self, other: tuple[str, str, float]) -> None:
        plain = contact_sheet([CHECKERS], [("cat", "dog", 0.5)])
        assert not np.array_equal(pixels(plain), pixels(contact_sheet([CHECKERS], [other])))

    def test_title_subtitle_and_row_numbers_are_drawn(self) -> None:
        image, caption = [CHECKERS], [("cat", "dog", 0.5)]
        plain = pixels(contact_sheet(image, caption, title="a", rows=[1]))
        assert not np.array_equal(plain, pixels(contact_sheet(image, caption, title="b", rows=[1])))
        assert not np.array_equal(plain, pixels(contact_sheet(image, caption, title="a", rows=[2])))
        assert not np.array_equal(plain, pixels(contact_sheet(image, caption, title="a")))
        assert opened(contact_sheet(image, caption, subtitle="s")).height > len(plain)

    def test_long_name_is_cut_at_the_cell(self) -> None:
        sheets = [pixels(contact_sheet([CHECKERS] * 4, [("W" * n, "b", 1.0)] + [("a", "b", 1.0)] * 3)) for n in (5, 500)]
        differing = np.nonzero((sheets[0] != sheets[1]).any((0, 2)))[0]
        assert differing.min() > 20
        assert differing.max() < 20 + 6 + 128

    def test_without_findings(self) -> None:
        sheet = pixels(contact_sheet([], [], title="mnist"))
        assert sheet.shape[0] < 200
        assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 10  # there is text

    def test_unreadable_image_is_left_blank(self) -> None:
        sheet = pixels(contact_sheet([None, CHECKERS], [("a", "b", 1.0)] * 2))
        assert (sheet == (255, 0, 0)).all(-1).sum() == 64 * 64

    def test_same_input_gives_the_same_bytes(self) -> None:
        assert contact_sheet([CHECKERS], [("a", "b", 1.0)]) == contact_sheet([CHECKERS], [("a", "b", 1.0)])

    @settings(max_examples=25, deadline=None)
    @given(any_text, any_text, any_text)
    def test_any_text_can_be_drawn(self, given_class: str, suggested: str, title: str) -> None:
        sheet = contact_sheet([CHECKERS], [(given_class, suggested, 0.5)], title=title, subtitle=title)
        assert opened(sheet).width == 480

    def test_different_lengths_are_refused(self) -> None:
        with pytest.raises(UsageError) as error:
            contact_sheet([CHECKERS], [])
        assert str(error.value) == (
            "The contact sheet got 1 images, 0 captions, no row numbers and no marks; expected one of each for an image."
        )
        with pytest.raises(UsageError, match="1 images, 1 captions, 2 row numbers and no marks"):
            contact_sheet([CHECKERS], [("a", "b", 1.0)], rows=[1, 2])

        with pytest.raises(UsageError, match="1 images, 1 captions, no row numbers and 2 marks"):
            contact_sheet([CHECKERS], [("a", "b", 1.0)], marked=[True, False])

    def test_images_are_read_one_at_a_time(self) -> None:
        made: list[weakref.ref[Image.Image]] = []
        most: list[int] = []

        def read() -> Iterator[Image.Image]:
            for _ in range(9):
                image = Image.new("RGB", (300, 200), (10, 20, 200))
                made.append(weakref.ref(image))
                most.append(sum(one() is not None for one in made))
                yield image
                del image

        sheet = contact_sheet(read(), [("a", "b", 1.0)] * 9)
        assert max(most) <= 2  # the previous image may still be in memory
        assert int((pixels(sheet) == (10, 20, 200)).all(-1).sum()) == 9 * 128 * 85
        with pytest.raises(UsageError, match="9 images, 8 captions"):
            contact_sheet(read(), [("a", "b", 1.0)] * 8)

    def test_marked_images_have_a_red_frame(self) -> None:
        def red(marked: list[bool] | None) -> int:
            sheet = pixels(contact_sheet([CHECKERS] * 2, [("", "", 1.0)] * 2, marked=marked))
            return int((sheet == (0xB3, 0x26, 0x1E)).all(-1).sum())

        assert red(None) == red([False, False]) == 0
        assert red([True, False]) > 500
        assert red([True, True]) == 2 * red([True, False])

    @pytest.mark.parametrize(("columns", "cell"), [(0, 128), (1, 31)])
    def test_too_small_sizes_are_refused(self, columns: int, cell: int) -> None:
        expected = f"^The contact sheet got columns={columns} and cell={cell}; expected at least 1 and 32\\.$"
        with pytest.raises(UsageError, match=expected):
            contact_sheet([CHECKERS], [("a", "b", 1.0)], columns=columns, cell=cell)


class TestFitImage:
    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            ((32, 32), (128, 128)),
            ((28, 28), (112, 112)),
            ((48, 20), (96, 40)),
            ((100, 128), (100, 128)),
            ((1, 1), (128, 128)),
            ((256, 512), (64, 128)),
            ((129, 129), (128, 128)),
            ((5000, 1), (128, 1)),
        ],
    )
    def test_size(self, size: tuple[int, int], expected: tuple[int, int]) -> None:
        assert fit_image(Image.new("RGB", size), 128).size == expected

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
    def test_every_mode_becomes_rgb(self, mode: str) -> None:
        assert fit_image(Image.new(mode, (3, 5)), 50).mode == "RGB"

    def test_transparent_pixels_become_white(self) -> None:
        half = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
        assert fit_image(half, 4).getpixel((0, 0)) == (255, 255, 255)

    def test_pixels_stay_sharp(self) -> None:
        np.testing.assert_array_equal(np.asarray(fit_image(CHECKERS, 7)), np.asarray(CHECKERS).repeat(3, axis=0).repeat(3, axis=1))


class TestFonts:
    def test_latin_text_is_unchanged(self) -> None:
        text, _ = FontSet(13).fit("longsleeve t-shirt 123")
        assert text == "longsleeve t-shirt 123"

    def test_characters_without_font_are_spelled_out(self) -> None:
        text, _ = FontSet(13).fit("a\U0010fffdb")
        assert text == "aU+10FFFDb"

    def test_control_characters_are_visible(self) -> None:
        assert FontSet(13).fit("a\nb")[0] == "a\\nb"

    def test_without_installed_fonts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        truetype = ImageFont.truetype

        def bundled_only(font, *arguments, **options):
            if isinstance(font, str):
                raise OSError("cannot open resource")
            return truetype(font, *arguments, **options)

        monkeypatch.setattr(ImageFont, "truetype", bundled_only)
        fontset = FontSet(13)
        assert fontset.fit("cat")[0] == "cat"
        assert fontset.fit("日")[0] == "U+65E5"
        contact_sheet([CHECKERS], [("日本", "dog", 1.0)])

    def test_first_font_with_all_characters_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fontset = FontSet(13)
        first, second = bundled_font(), bundled_font()
        covered = {first: set("abc"), second: set("abcж")}
        fontset._more = iter([first, second])
        monkeypatch.setattr(fonts, "_draws", lambda font, character: character in covered[font])
        assert fontset.fit("cab") == ("cab", first)
        assert fontset.fit("ж") == ("ж", second)
        assert fontset.fit("ab") == ("ab", first)
        assert fontset.fit("cжx") == ("cжU+0078", second)

    def test_missing_characters_of_a_font_are_detected(self) -> None:
        font = bundled_font()
        assert fonts._draws(font, "a")
        assert fonts._draws(font, " ")
        assert not fonts._draws(font, "日")
        assert not fonts._draws(font, "\u0941")  # a combining mark
