"""The types of the public API, as mypy and pyright infer them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PINNED = ROOT / "tests" / "typing"


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_public_types(checker: str) -> None:
    command = [sys.executable, "-m", checker, str(PINNED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
