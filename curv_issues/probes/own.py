"""User-supplied probes: the name "module:attribute", and functions that make a network. Imports torch only if the module does."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from curv_issues.errors import UsageError

_WEIGHTS = ("weights", "pretrained")  # first parameter of the model functions of torchvision and timm


def load_own_probe(name: str) -> Any:
    """Return the network or function that "module:attribute" names.

    Raises:
        UsageError: the module cannot be imported, or has no such attribute.
    """
    module, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:  # whatever the code of the module raises
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"The probe {name!r} cannot be loaded, as importing {module!r} failed: {reason}") from error
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise UsageError(f"The probe {name!r} must name a network or function in the module {module!r}, got {found!r}.")
    return found


def check_probe_function(function: Any) -> None:
    """Raise UsageError if the function takes no `ProbeSpec`, such as the model functions of torchvision and timm."""
    if isinstance(function, type):
        return  # classes of networks have an error of their own
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # not every callable has one
        return
    try:
        bound = signature.bind(None)
    except TypeError:
        bound = None
    if bound is None or next(iter(bound.arguments), None) in _WEIGHTS:
        name = getattr(function, "__name__", type(function).__name__)
        raise UsageError(
            f"The probe function {name} must take one argument, a ProbeSpec, but its parameters are {_shown(signature)}. "
            f"Wrap it, such as: lambda spec: {name}(num_classes=spec.num_classes)."
        )


def _shown(signature: inspect.Signature) -> str:
    return f"({', '.join(signature.parameters)})"
