"""The static site: ``python -m sphinx -W docs site``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

project = "bilevel"
author = "the authors of bilevel-compiler"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc", "sphinx_copybutton"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "bilevel"
html_theme_options = {"light_css_variables": {"code-font-size": "75%"}}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
highlight_options = {"pycon": {"stripnl": True}}  # a blank line ends a doctest, and is not to be seen
copybutton_exclude = ".linenos, .gp, .go"
