"""Take the screenshots of the report in docs/images: `python docs/screenshots.py DIR`, with the folder of `curv-issues demo`.

Needs Chromium, and the packages playwright and pillow.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
Shot = tuple[int, int, Literal["light", "dark"]]
SHOTS: dict[str, Shot] = {
    "report": (1180, 760, "light"),
    "report_dark": (1180, 760, "dark"),
    "report_narrow": (400, 760, "light"),
}
"""Width and height in pixels, and colours, by name."""


def main() -> None:
    """Open the page from disk and save the part with the findings."""
    page_path = Path(sys.argv[1]).resolve() / "report.html"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (width, height, scheme) in SHOTS.items():
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            page.goto(page_path.as_uri())
            page.wait_for_selector(".card")
            for key in ("j", "r", "j", "g"):
                page.keyboard.press(key)
            page.evaluate("document.getElementById('findings').scrollIntoView()")
            shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            shot.save(IMAGES / f"{name}.jpg", quality=70, optimize=True)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
