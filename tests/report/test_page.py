"""The page as text: nothing from a dataset is markup, and the policy allows only the page's own script and style."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from curv_issues.errors import AuditError, UsageError
from curv_issues.report.html.page import render_page
from curv_issues.report.thumbnails import CARD, SIDES, SMALL, thumbnail
from curv_issues.report.view import make_view
from curv_issues.report.writing import report_page, write_report
from curv_issues.review.decisions import Decision, decisions_json
from tests.made_up import make_result
from tests.report.pages import HOSTILE, many_findings


def test_names_from_strangers_never_become_markup() -> None:
    page = report_page(many_findings(names=HOSTILE)).decode()
    for markup in ("<script>alert", "<img", "</script><!--", "<b>names"):
        assert markup not in page
    assert page.count("<script") == page.count("</script>") == 2
    (data,) = re.findall(r'<script type="application/json" id="view">(.*?)</script>', page, flags=re.DOTALL)
    assert json.loads(data)["classes"] == list(HOSTILE)


def test_policy_allows_exactly_the_script_and_the_style_of_the_page() -> None:
    page = render_page(make_view(make_result()))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy
    assert "default-src &#39;none&#39;" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_names_no_other_place() -> None:
    page = report_page(many_findings()).decode()
    assert set(re.findall(r"https?://[^\s\"'<]*", page)) == {"http://www.w3.org/2000/svg"}  # a name, not a place
    assert not re.findall(r"<(?:iframe|object|embed|base|form)\b", page)
    assert re.findall(r"<link\b[^>]*>", page) == ['<link rel="icon" href="data:,">']  # or a browser asks the server for one


def test_a_page_is_written_with_the_decisions(tmp_path: Path) -> None:
    result = many_findings()
    decision = Decision(result.images["image_sha256"].iloc[-1], result.scores["given"].iloc[-1], "keep")
    (tmp_path / "decisions.json").write_bytes(decisions_json([decision], {}))
    path = write_report(result, tmp_path / "page.html", decisions=tmp_path / "decisions.json")
    assert b'"action":"keep"' in path.read_bytes()
    assert write_report(result, path).read_bytes() == report_page(result)  # replaced


def test_a_page_without_images_has_none() -> None:
    assert b"data:image" in report_page(many_findings())
    assert b"data:image" not in report_page(many_findings(), with_images=False)


@pytest.mark.parametrize("name", ["missing/page.html", "."])
def test_a_place_that_is_not_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="expected the name of a file in an existing folder"):
        write_report(make_result(), tmp_path / name)


def test_a_full_disk_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "page.html"
    path.write_text("old")
    monkeypatch.setattr("curv_issues.results.atomic_files.os.replace", full)
    with pytest.raises(AuditError, match="No space left on device"):
        write_report(make_result(), path)
    assert [found.read_text() for found in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(("side", "size"), [((500, 300), CARD), ((500, 300), SMALL), ((28, 28), CARD), ((3000, 2), CARD)])
def test_thumbnails_fit_and_small_ones_keep_every_pixel(side: tuple[int, int], size: str) -> None:
    import io

    import numpy as np
    from PIL import Image

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*side[::-1], 3), dtype=np.uint8))
    drawn = Image.open(io.BytesIO(thumbnail(image, size)))
    assert drawn.format == "WEBP"
    assert max(drawn.size) <= SIDES[size]
    if side == (28, 28):
        assert np.array_equal(np.asarray(drawn.convert("RGB")), np.asarray(image))
