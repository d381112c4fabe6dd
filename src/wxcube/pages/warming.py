"""Makes what most readers open first, before they do: after a sync everything is new."""

from __future__ import annotations

import structlog

from wxcube.charts import engine
from wxcube.charts.theme import Theme
from wxcube.i18n.accept_language import CODES
from wxcube.i18n.language import Language
from wxcube.pages.card_files import picture
from wxcube.pages.cards import Card
from wxcube.pages.registry import MENU
from wxcube.pages.site import Site
from wxcube.pages.view import new_view


def warm(site: Site) -> None:
    """Read the figures of all pages without a filter, and draw their charts for large screens.

    What fails is logged, and told to who opens the page.
    """
    addresses = {place.address for page in MENU for place in page.places}
    try:
        view = new_view(site, "/")
        for language in map(Language, CODES):
            for card in (Card(address, view, language) for address in sorted(addresses)):
                for theme in Theme if card.chart else ():
                    picture(site, card, theme, engine.WIDTH, "svg")
    except Exception as error:  # noqa: BLE001 - the pages work without it
        structlog.get_logger().error("pages.not_warmed", error=f"{type(error).__name__}: {error}")
