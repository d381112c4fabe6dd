"""The guide to the server lists every limit with its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wxcube.settings import LimitSettings

GUIDES = Path(__file__).parents[2] / "docs" / "how-to"


@pytest.mark.parametrize("page", ["serve.md", "serve.zh-CN.md"])
def test_every_limit_is_documented_with_its_default(page: str) -> None:
    text = (GUIDES / page).read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE)
    limits = LimitSettings()
    names = limits.__struct_fields__
    assert {name: float(value) for name, value in rows} == {n: getattr(limits, n) for n in names}
