"""Load the backbone that an option names, makes or is; errors that all kinds share."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from curv_issues.backbones import BACKBONES
from curv_issues.backbones.base import IMAGENET_MEAN, IMAGENET_STD, Backbone
from curv_issues.errors import UsageError, first_line
from curv_issues.plugins import load_attribute

SHOWN = 8  # cached models that an error lists


def load_backbone(value: Any) -> Backbone:
    """Return the backbone that "kind:name" names, or that a callable is.

    Raises:
        UsageError: the library or the weights are missing, or the name is unknown.
    """
    if isinstance(value, Backbone):
        return value
    if isinstance(value, str):
        kind, _, name = value.partition(":")
        return load_attribute(BACKBONES[kind])(name)
    return Backbone(
        value,
        resolution=getattr(value, "resolution", 224),
        mean=getattr(value, "mean", IMAGENET_MEAN),
        std=getattr(value, "std", IMAGENET_STD),
    )


def import_library(name: str, *, extra: str, kind: str) -> ModuleType:
    """Import an optional library.

    Raises:
        UsageError: it is not installed; says which extra to install.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"Backbones of the kind {kind} need the package {name} ({first_line(error)}); run pip install 'curv-issues[{extra}]'."
        ) from error


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error of an unknown name, with names like it."""
    near = difflib.get_close_matches(name, list(known), n=3)
    hint = f"; similar names: {', '.join(f'{kind}:{each}' for each in near)}" if near else ""
    return UsageError(f"Unknown backbone '{kind}:{name}'{hint}.")


def missing_weights(backbone: str, error: BaseException, cached: Iterable[str], *, folder: Any) -> UsageError:
    """Return the error of weights that cannot be had, with the backbones whose weights are cached."""
    names = sorted(cached)
    listed = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return UsageError(
        f"The weights of {backbone} cannot be had: {first_line(error)}. Cached in {folder}: {listed or 'none of this kind'}."
    )


def cached_on_hub() -> list[str]:
    """Return the names of the models in the cache of the Hugging Face Hub."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except (CacheNotFound, ValueError, OSError):
        return []
    return [found.repo_id for found in repositories if found.repo_type == "model"]


def hub_folder() -> str:
    """Return the cache folder of the Hugging Face Hub."""
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)
