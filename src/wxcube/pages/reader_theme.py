"""The colours of a page: light or dark as the reader chose, else as the system has them."""

from __future__ import annotations

from starlette.requests import Request

from wxcube.charts.theme import Theme
from wxcube.i18n import Message, _

COOKIE = "wxcube_theme"
SYSTEM = "system"
TITLES: dict[str, Message] = {
    SYSTEM: _("same as the system"),
    Theme.LIGHT: _("light"),
    Theme.DARK: _("dark"),
}
"""The choices, and their names."""


def reader_theme(request: Request) -> str:
    """`light` or `dark`; `system` without a choice."""
    chosen = request.cookies.get(COOKIE, SYSTEM)
    return chosen if chosen in TITLES else SYSTEM
