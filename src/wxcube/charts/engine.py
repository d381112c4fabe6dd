"""Charts as SVG and PNG without a browser: ECharts runs in an embedded JavaScript engine."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from wxcube.charts.fonts import chinese_font
from wxcube.charts.theme import PALETTES, Theme
from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.i18n.message import Code

STATIC = Path(__file__).with_name("static")
"""Folder of the JavaScript that pages need for live charts: `echarts.js` and `runtime.js`."""
WIDTH, HEIGHT = 580, 260
"""Size of a chart on a page."""
NARROW = (360, 220)
"""Size of a chart on a phone."""
_SOURCES = ("engine.js", "echarts.js", "runtime.js")
_INSTANCE = re.compile(r"zr\d+-")
_HOVER = re.compile(r' (?:ecmeta_\w+|class)="[^"]*"|<style[^>]*>.*?</style>', re.DOTALL)
_LOCAL = threading.local()

Option = Mapping[str, Any]
"""An ECharts option of plain JSON values, with names for colours and formatters."""


def svg(  # noqa: PLR0913 - a drawing has all of these
    option: Option,
    *,
    language: Code = "en",
    theme: Theme = Theme.LIGHT,
    width: int = WIDTH,
    height: int = HEIGHT,
    name: str = "chart",
    text: str = "",
) -> str:
    """An option drawn as SVG: equal options give equal text.

    `name` makes ids unique where several drawings stand in one document; `text` is read out in
    place of the picture.

    Raises:  SettingsError if the engine is not installed.
    """
    draw = _drawing_function()
    still = {**option, "animation": False, "tooltip": {"show": False}}
    palette = msgspec.json.encode(PALETTES[theme]).decode()
    drawn = draw(msgspec.json.encode(still).decode(), palette, language, width, height)
    plain = _HOVER.sub("", _INSTANCE.sub(f"{name}-", drawn))
    label = f' role="img" aria-label="{escape(text)}"' if text else ""
    return plain.replace("<svg", f"<svg{label}", 1)


def png(drawn: str, *, scale: float = 2, fonts: tuple[Path, ...] = ()) -> bytes:
    """An SVG drawing as PNG, by default with twice as many pixels as it is wide and high.

    `fonts` are font files; by default a font of the system that has Chinese is used.

    Raises:  SettingsError if the renderer is not installed, or no font has Chinese.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise _not_installed() from error
    font = chinese_font(fonts)
    painted = resvg_py.svg_to_bytes(
        svg_string=drawn,
        zoom=scale,
        skip_system_fonts=True,
        font_files=[str(font.path)],
        font_family=font.family,
        sans_serif_family=font.family,
    )
    return bytes(painted)


def _drawing_function() -> Any:
    """The function of this thread's engine: an engine belongs to the thread that made it."""
    if not hasattr(_LOCAL, "draw"):
        try:
            import quickjs  # type: ignore[import-untyped]
        except ImportError as error:
            raise _not_installed() from error
        context = quickjs.Context()
        for source in _sources():
            context.eval(source)
        _LOCAL.context, _LOCAL.draw = context, context.get("drawSvg")
    return _LOCAL.draw


@cache
def _sources() -> tuple[str, ...]:
    return tuple((STATIC / name).read_text(encoding="utf-8") for name in _SOURCES)


def _not_installed() -> SettingsError:
    return SettingsError(
        _("charts need packages that are not installed"),
        hint=_("install them with `pip install quickjs-ng resvg-py`"),
    )
