"""Sphinx configuration. Build with `sphinx-build -W -n docs docs/_build`; no network is needed."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # `generate`, and the package of this checkout

import generate  # noqa: E402

import curv_issues  # noqa: E402

generate.write(HERE / "generated")

project = "curv-issues"
author = "the curv-issues contributors"
version = release = curv_issues.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build", "generated"]  # generated pages are included by others
html_theme = "furo"
html_title = "curv-issues"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the docstrings give shapes, units and ranges; the signatures give the types
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
add_module_names = False

# Public names must resolve. Names of other libraries would need their inventories from the network.
nitpick_ignore_regex = [("py:.*", r"(?!curv_issues\.\w+$).*")]
