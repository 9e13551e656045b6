"""How the pages in this folder become a site: `sphinx-build -W docs build/docs`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from generate import write_layer_pages  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

import specgen  # noqa: E402
from specgen.highlight import SpecLexer  # noqa: E402

project = "specgen"
author = "The specgen authors"
copyright = author  # noqa: A001 (Sphinx's word)
release = specgen.__version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["build"]
myst_heading_anchors = 3
# Among the specs that are wrong on purpose, some have characters that no spec may have.
suppress_warnings = ["misc.highlighting_failure"]
html_theme = "furo"
html_title = "specgen"
html_copy_source = False

write_layer_pages(HERE / "layers")


def setup(app: Sphinx) -> None:
    """Blocks of `spec` are specs, not RPM's files of that name."""
    app.add_lexer("spec", SpecLexer)
