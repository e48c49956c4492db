"""Tables and figures in the documents are those of the results."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import rows, tables
from tests.benchmarks import needs_results

MADE = {("table", "one"): "\n| 1 |\n", ("figure", "two"): "2.0"}
TEXT = "<!-- table: one -->\n| 1 |\n<!-- end -->\nIt is <!-- figure: two -->2.0<!-- end --> times.\n"


def test_current_documents_are_unchanged() -> None:
    assert tables.fill({"a.md": TEXT, "b.md": "no markers"}, MADE) == ({"a.md": TEXT, "b.md": "no markers"}, [])


def test_outdated_documents_are_updated_and_listed() -> None:
    old = TEXT.replace("| 1 |", "| 7 |").replace("2.0", "2.1")
    filled, changed = tables.fill({"a.md": old, "b.md": TEXT}, MADE)
    assert filled == {"a.md": TEXT, "b.md": TEXT}
    assert changed == ["a.md, table one", "a.md, figure two"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("figure: two", "figure: too", r"a\.md, figure too: unknown name\. Add it to FIGURES, or remove the markers\."),
        (" times", " <!-- figure:two -->2.0<!-- end --> times", r"a\.md: a marker of a table or figure is misspelt"),
        ("| 1 |\n<!-- end -->", "| 1 |", r"a\.md: a marker of a table or figure is misspelt, or its <!-- end --> is missing\."),
        ("It is ", "", r"a\.md, figure two: it must follow a word on its line"),
        ("It is ", "- ", r"a\.md, figure two: it must follow a word on its line"),
        (
            "<!-- table: one -->\n| 1 |\n<!-- end -->\n",
            "",
            r"No document has the table one\. Add its markers, or remove",
        ),
    ],
)
def test_invalid_markers_are_refused(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(SystemExit, match=message):
        tables.fill({"a.md": TEXT.replace(old, new, 1)}, MADE)


def check(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr("sys.argv", ["tables.py", *arguments])
    if not arguments:
        return tables.main()
    with pytest.raises(SystemExit) as left:
        tables.main()
    return left.value.code


def test_check_covers_all_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"README.md": "", "benchmarks/README.md": "", "docs/deep/er.md": TEXT}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "TABLES", {"one": lambda: "| 2 |"})
    monkeypatch.setattr(tables, "FIGURES", {"two": lambda: "2.0"})
    assert check(monkeypatch, "--check") == f"{Path('docs/deep/er.md')}, table one differs from the results."
    assert check(monkeypatch) is None
    assert (tmp_path / "docs/deep/er.md").read_text() == TEXT.replace("| 1 |", "| 2 |")
    assert check(monkeypatch, "--check") == 0


@needs_results
def test_documents_match_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(monkeypatch, "--check") == 0


@needs_results
@pytest.mark.parametrize(("study", "named"), [("detection", "table detection"), ("comparison", "figure flags-1-percent")])
def test_a_changed_row_is_noticed(study: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in rows.RESULTS.glob("*.gz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    row = next(row for row in rows.read(study) if row["wrong"] and row["cell"].get("noise", "uniform:0.01") == "uniform:0.01")
    if study == "detection":
        row["suspicion"]["auroc"] -= 0.01
    else:
        row["methods"]["default"]["flagged"]["flagged"] *= 10
    rows.put(study, row)
    assert f"{named} differs from the results." in str(check(monkeypatch, "--check"))
