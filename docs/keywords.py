"""Write curv_issues/keyword_types.pyi, the types of the keywords of `audit`, `load_data` and `load_images`, from their options.

Run `python docs/keywords.py` after an option has been added or changed; a test fails until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import curv_issues
from curv_issues.data.source_options import ImageOptions, SourceOptions
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions

FILE = Path(curv_issues.__file__).parent / "keyword_types.pyi"

HEAD = '''"""Types of the keywords that become options. Written by docs/keywords.py; do not edit."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict
'''


def keyword_types() -> str:
    """Return the content of the file."""
    classes = [
        _typed_dict("SourceKeywords", "TypedDict, total=False", [SourceOptions]),
        _typed_dict("ImageKeywords", "TypedDict, total=False", [ImageOptions]),
        _typed_dict("ModelKeywords", "TypedDict, total=False", [TrainingOptions, FindingOptions, DuplicateOptions]),
        _typed_dict("AuditKeywords", "SourceKeywords, ModelKeywords, total=False", []),
    ]
    return "\n".join([HEAD, *classes]).replace("'", '"')


def _typed_dict(name: str, bases: str, groups: Sequence[type]) -> str:
    lines = [f"    {item.name}: {item.type}" for group in groups for item in fields(group)]
    return "\n".join([f"class {name}({bases}):", *(lines or ["    pass"]), ""])


if __name__ == "__main__":
    FILE.write_text(keyword_types(), encoding="utf-8")
