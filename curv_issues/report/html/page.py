"""Write the page of a report: template, style and script joined into one HTML file that needs no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from curv_issues.visible import visible

PAGES = ("audit", "duplicates")


def render_page(view: Mapping[str, Any], *, page: str = "audit", server: Mapping[str, Any] | None = None) -> str:
    """Return the page of a view as HTML.

    Text from the dataset is escaped, and the page's policy forbids scripts other than its own, and requests (of a page that is
    served: to other addresses).

    Args:
        view: see `make_view`, or `duplicates_view`.
        page: one of `PAGES`; it has a template and a script.
        server: what the page needs to save decisions on the server that serves it; None: the page is a file.
    """
    import jinja2  # slow

    folder = files(__package__)
    style, common, own = (folder.joinpath(name).read_text("utf-8") for name in ("page.css", "common.js", f"{page}.js"))
    script = common + own
    policy = [
        "default-src 'none'",
        "img-src data:" if server is None else "img-src data: 'self'",
        f"style-src '{_hash_of(style)}'",
        f"script-src '{_hash_of(script)}'",
        "base-uri 'none'",
        "form-action 'none'",
        *([] if server is None else ["connect-src 'self'"]),
    ]
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    template = environment.get_template(f"{page}.html.jinja")
    data = jinja2.utils.htmlsafe_json_dumps({**view, "server": server}, separators=(",", ":"), allow_nan=False)
    return template.render(view=view, data=data, style=style, script=script, policy="; ".join(policy))


def _hash_of(text: str) -> str:
    """Return the hash by which a policy allows an inline script or style (Content Security Policy Level 3)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
