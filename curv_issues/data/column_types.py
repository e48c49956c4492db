"""Column types, common to all kinds of tables and free of their libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class ImageType:
    """Encoded images: bytes or structs of bytes and path, declared to be images."""

    def __str__(self) -> str:
        return "Image"


@dataclass(frozen=True)
class ClassType:
    """Integers that are indices into class names.

    Attributes:
        names: class names, in index order.
    """

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "ClassLabel"


@dataclass(frozen=True)
class ValueType:
    """Single values.

    Attributes:
        dtype: name of the value type, such as int64, float32, string or binary.
    """

    dtype: str

    def __str__(self) -> str:
        return self.dtype


@dataclass(frozen=True)
class StructType:
    """Structs.

    Attributes:
        fields: name -> type.
    """

    fields: Mapping[str, ColumnType]

    def __str__(self) -> str:
        return f"struct of {', '.join(self.fields)}"


@dataclass(frozen=True)
class OtherType:
    """Anything else, such as lists and audio.

    Attributes:
        kind: name in messages.
    """

    kind: str

    def __str__(self) -> str:
        return self.kind


ColumnType: TypeAlias = "ImageType | ClassType | ValueType | StructType | OtherType"


def is_integer(kind: ColumnType | None) -> bool:
    """Return whether a column holds plain integers."""
    return isinstance(kind, ValueType) and kind.dtype.startswith(("int", "uint"))
