"""Small charts of text characters."""

from __future__ import annotations

from collections.abc import Sequence

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_BAR = " ▏▎▍▌▋▊▉█"


def sparkline(values: Sequence[int]) -> str:
    """One character per value, its height in eighths of the largest."""
    top = max(values, default=0)
    return "".join(_EIGHTHS[_share(value, top, 8)] for value in values)


def columns(values: Sequence[int], height: int = 6, width: int = 2) -> list[str]:
    """A column chart, `width` characters per column, as lines from top to bottom."""
    top = max(values, default=0)
    heights = [_share(value, top, height * 8) for value in values]
    return [
        "".join(_EIGHTHS[min(8, max(0, h - 8 * level))] * width for h in heights)
        for level in reversed(range(height))
    ]


def bar(value: int, top: int, width: int = 30) -> str:
    """A horizontal bar whose length is the value's share of `top`."""
    eighths = _share(value, top, width * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_BAR[rest] if rest else "")).ljust(width)


def _share(value: int, top: int, parts: int) -> int:
    """The share of a value in `top`, in `parts`; at least 1 for a value above 0."""
    if top <= 0 or value <= 0:
        return 0
    return max(1, round(value * parts / top))
