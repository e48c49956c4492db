from __future__ import annotations

import logging

import datasets
import huggingface_hub.utils
import pytest

from curv_issues.data.quiet_libraries import quiet_libraries


@pytest.mark.parametrize("bars", [False, True])
def test_libraries_are_quiet_and_then_restored(bars):
    modules = (datasets.utils, huggingface_hub.utils)
    datasets.utils.logging.set_verbosity(logging.INFO)
    try:
        with quiet_libraries(bars=bars):
            assert [module.logging.get_verbosity() for module in modules] == [logging.CRITICAL] * 2
            assert [module.are_progress_bars_disabled() for module in modules] == [not bars] * 2
        assert datasets.utils.logging.get_verbosity() == logging.INFO
        assert [module.are_progress_bars_disabled() for module in modules] == [False] * 2
    finally:
        datasets.utils.logging.set_verbosity_warning()


def test_progress_bars_disabled_by_the_user_stay_disabled():
    datasets.utils.disable_progress_bars()
    try:
        with quiet_libraries(bars=True):
            assert datasets.utils.are_progress_bars_disabled()
        assert datasets.utils.are_progress_bars_disabled()
    finally:
        datasets.utils.enable_progress_bars()
