from __future__ import annotations

from curv_issues.visible import visible


def test_control_characters_are_escaped() -> None:
    assert visible("a\nb\tc\r\x1b[0m\x7f\x85") == "a\\nb\\tc\\r\\x1b[0m\\x7f\\x85"
    assert visible("\u2028\udcff") == "\\u2028\\udcff"


def test_direction_marks_are_escaped() -> None:
    for mark in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        assert visible(f"a{mark}b") == f"a\\u{ord(mark):04x}b"


def test_commands_for_a_ci_log_are_escaped() -> None:
    assert visible("::error::x") == "\\x3a:error::x"
    assert visible(" \u3000::stop-commands::x") == " \u3000\\x3a:stop-commands::x"
    assert visible("a##[set-output name=b]c ##[error]") == "a##\\x5bset-output name=b]c ##\\x5berror]"
    for harmless in ("a::b", "#[x]", "## [x]", ":a", "std::vector"):
        assert visible(harmless) == harmless


def test_other_text_is_unchanged() -> None:
    assert visible("naïve 日本 😀 👩\u200d🔬") == "naïve 日本 😀 👩\u200d🔬"
