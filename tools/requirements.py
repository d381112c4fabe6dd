"""Print what wxcube depends on, one requirement a line: `python tools/requirements.py [EXTRA ...]`.

pip has no way to install the dependencies of a folder with hashes, but it has one for a list.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements(extras: Sequence[str]) -> list[str]:
    """The requirements of the base install and of some extras; * means all of them."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    wanted = optional if "*" in extras else extras
    return [*project["dependencies"], *(line for extra in wanted for line in optional[extra])]


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in requirements(sys.argv[1:])))
