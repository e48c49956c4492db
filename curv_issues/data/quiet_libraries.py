"""Silence the Hugging Face libraries while they load: we report their errors ourselves in one line."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import datasets
import huggingface_hub.utils


@contextlib.contextmanager
def quiet_libraries(*, bars: bool) -> Iterator[None]:
    """Silence the log of the Hugging Face libraries, and their progress bars unless `bars`."""
    modules = (datasets.utils.logging, huggingface_hub.utils.logging)
    levels = [module.get_verbosity() for module in modules]
    datasets_bars = not datasets.utils.are_progress_bars_disabled()
    hub_bars = not huggingface_hub.utils.are_progress_bars_disabled()
    try:
        for module in modules:
            module.set_verbosity(logging.CRITICAL)
        if datasets_bars and not bars:
            datasets.utils.disable_progress_bars()
        if hub_bars and not bars:
            huggingface_hub.utils.disable_progress_bars()
        yield
    finally:
        for module, level in zip(modules, levels, strict=True):
            module.set_verbosity(level)
        if datasets_bars and not bars:
            datasets.utils.enable_progress_bars()
        if hub_bars and not bars:
            huggingface_hub.utils.enable_progress_bars()
