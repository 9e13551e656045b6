"""How the pages in this folder become a site: `sphinx-build -W docs build/docs`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from generate import write_layer_pages  # noqa: E402

import specgen  # noqa: E402

project = "specgen"
author = "The specgen authors"
copyright = author  # noqa: A001 (Sphinx's word)
release = specgen.__version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["build"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "specgen"
html_copy_source = False

write_layer_pages(HERE / "layers")
