"""A folder of generated photos with copies of some of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import Image

from tests.duplicates.images import textured

SIDE = 64


@cache
def photo(number: int) -> Image.Image:
    return Image.fromarray(textured(12, side=SIDE, seed=9)[number])


def save(folder: Path, name: str, image: Image.Image, **options: int) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    image.save(folder / name, **options)


def write_photos(folder: Path) -> Path:
    """Eight different photos, and copies: of 0 a smaller one, of 1 two more JPEG files, of 2 the same file, of 3 a turned one."""
    for number in range(8):
        save(folder, f"{number}.png", photo(number))
    save(folder, "copies/0 small.jpg", photo(0).resize((48, 48)), quality=90)
    save(folder, "copies/1-low.jpg", photo(1), quality=60)
    save(folder, "copies/1-high.jpg", photo(1), quality=95)
    (folder / "copies" / "2.png").write_bytes((folder / "2.png").read_bytes())
    save(folder, "copies/3-turned.jpg", photo(3).rotate(-90), quality=95)  # clockwise
    return folder
