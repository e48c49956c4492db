"""Small images, and datasets of them on disk."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def colour_image(value: int, *, height: int = 6, width: int = 6) -> Image.Image:
    """A noisy colour image, different for each value."""
    rng = np.random.default_rng(value)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def encode(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_of_16_bits(values: np.ndarray, colour_type: int) -> bytes:
    """A PNG with 16 bits per channel, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pngs(n: int) -> list[bytes]:
    """n different colour images."""
    return [encode(colour_image(value)) for value in range(n)]


def write_image_folder(folder: Path, classes: dict[str, int], *, split: str | None = None) -> Path:
    """FOLDER[/split]/class/0.png, ...; returns FOLDER."""
    value = 0
    for name, count in classes.items():
        place = folder / (split or ".") / name
        place.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (place / f"{number}.png").write_bytes(encode(colour_image(value)))
            value += 1
    return folder


def write_parquet(
    path: Path, labels: Sequence[Any], *, images: Sequence[bytes | None] | None = None, paths: Sequence[str] | None = None
) -> Path:
    """A parquet file without Hugging Face metadata: `image` (struct of bytes and path) and `label`."""
    images = pngs(len(labels)) if images is None else images
    names = [None] * len(labels) if paths is None else paths
    image = [{"bytes": content, "path": name} for content, name in zip(images, names, strict=True)]
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(image, type=struct), "label": pa.array(list(labels))})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path
