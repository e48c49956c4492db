"""Change entries in the YAML block of a README.md; all other lines stay the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


def read_entries(block: str) -> Any:
    """Return the value of a YAML block. Class names are read as text, as by `read_card`; otherwise `no` would become False.

    Raises:
        YAMLError: it cannot be parsed.
        ValueError: a value cannot be read.
    """
    loader = yaml.SafeLoader(block)
    node = loader.get_single_node()
    _mark_names(node, is_name=False)
    return None if node is None else loader.construct_document(node)


def _mark_names(node: Any, *, is_name: bool) -> None:
    if isinstance(node, yaml.ScalarNode) and is_name:
        node.tag = "tag:yaml.org,2002:str"
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _mark_names(child, is_name=is_name)
    elif isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            _mark_names(child, is_name=is_name or key.value == "names")


def replace_entries(block: str, entries: Mapping[str, Any]) -> str:
    """Return a YAML block in which top-level entries have other values, and which has new ones at the end.

    Args:
        block: a mapping that `read_entries` reads, or nothing.
        entries: name -> new value.
    """
    node = yaml.compose(block, Loader=yaml.SafeLoader)
    if node is not None and (node.flow_style or node.start_mark.column):  # {a: 1} or indented
        return _dump({**read_entries(block), **entries})
    lines, added = block.splitlines(keepends=True), dict(entries)
    for key, value in reversed([] if node is None else node.value):
        if key.value in entries:
            start, stop = key.start_mark.line, value.end_mark.line + (value.end_mark.column > 0)
            while not lines[stop - 1].strip() or lines[stop - 1].startswith("#"):  # before the next entry
                stop -= 1
            lines[start:stop] = [_dump({key.value: entries[key.value]})]
            added.pop(key.value, None)
    return "".join([*lines, *([_dump(added)] if added else [])])


def _dump(entries: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(entries), sort_keys=False, allow_unicode=True)
