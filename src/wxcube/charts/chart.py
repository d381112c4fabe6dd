"""A chart: an ECharts option of plain JSON values, and the height that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wxcube.i18n import Listing, Meaning, Message
from wxcube.i18n.language import Language

HEIGHT = 260
"""Height of most charts."""


@dataclass(frozen=True, slots=True)
class Chart:
    """An option with names such as `@c1` and `@count` for colours and formatters.

    `static/runtime.js` resolves the names in a browser and in the engine.
    """

    option: dict[str, Any]
    height: int = HEIGHT
    is_cut: bool = False
    """Whether an axis of lines does not begin with 0, which readers have to be told."""


def shown(text: Message | Meaning | Listing | str, language: Language) -> str:
    """A text of an option; one that begins with `@` is not taken for a name.

    >>> shown("@c1", Language())
    '@@c1'
    """
    translated = text if type(text) is str else language(text)  # type: ignore[arg-type]
    return f"@{translated}" if translated.startswith("@") else translated
