"""How Sphinx builds these pages: `make docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from wxcube import __version__

project = "wxcube"
author = "the wxcube founders"
project_copyright = "2026, the wxcube founders"
release = __version__
version = __version__

extensions = ["myst_parser", "contract_reference", "differences", "event_reference"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext"]
nitpicky = True

html_theme = "furo"
html_title = f"wxcube {version}"
html_extra_path = ["contract"]
