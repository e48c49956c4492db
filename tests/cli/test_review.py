"""The port of `curv-issues review`."""

from __future__ import annotations

import contextlib
import socket

import pytest

from curv_issues.cli import review
from curv_issues.errors import UsageError


def test_a_browser_that_is_faster_than_the_server_waits() -> None:
    with contextlib.closing(review._listening(0)) as listener:
        address = listener.getsockname()
        assert address[0] == "127.0.0.1"
        with socket.create_connection(address, timeout=5):
            pass
        with pytest.raises(UsageError, match=f"Port {address[1]} cannot be used"):
            review._listening(address[1])
