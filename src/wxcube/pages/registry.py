"""The pages: which cards they have, in which order."""

from __future__ import annotations

from dataclasses import dataclass

from wxcube.i18n import Message, _


@dataclass(frozen=True, slots=True)
class Place:
    """A card on a page: the address of its figure, and how it is shown there."""

    address: str
    template: str = "_card.html"
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page of cards; the totals of `key_figures` are its row of numbers."""

    path: str
    title: Message
    places: tuple[Place, ...]
    key_figures: tuple[str, ...] = ()
    template: str = "page.html"
    menu_path: str = ""
    """The page that is marked in the menu, if it is not this one."""
    is_of_one_account: bool = False
    """Whether its cards are about one account, which the reader chooses."""


MENU = (
    Page(
        "/",
        _("Overview"),
        (
            Place("overview/moved", "_moved.html"),
            Place("followers/total"),
            Place("content/readers"),
            Place("interface/callbacks"),
            Place("overview/accounts", is_wide=True),
        ),
        ("overview/yesterday",),
        template="overview.html",
    ),
    Page(
        "/followers",
        _("Followers"),
        (
            Place("followers/daily"),
            Place("followers/total"),
            Place("followers/sources", "_sources.html"),
            Place("followers/kept"),
        ),
        ("followers/daily", "followers/total"),
    ),
    Page(
        "/content",
        _("Content"),
        (
            Place("content/articles", "_articles.html", is_wide=True),
            Place("content/readers"),
            Place("content/channels"),
        ),
    ),
    Page(
        "/rhythm",
        _("Reading rhythm"),
        (Place("rhythm/week"), Place("rhythm/best_hours")),
        is_of_one_account=True,
    ),
    Page(
        "/messages",
        _("Messages"),
        tuple(
            Place(f"messages/{name}")
            for name in ("volume", "types", "distribution", "hours", "weeks", "months")
        ),
        ("messages/volume",),
    ),
    Page(
        "/interface",
        _("Interface"),
        (
            Place("interface/callbacks"),
            Place("interface/latency"),
            Place("interface/hours"),
        ),
        ("interface/callbacks", "interface/latency"),
    ),
    Page(
        "/data",
        _("Data"),
        (
            Place("data/calendar", "_calendar.html", is_wide=True),
            Place("data/reasons", is_wide=True),
            Place("data/revisions"),
            Place("data/quota"),
        ),
        template="data.html",
        is_of_one_account=True,
    ),
)
"""The pages of the menu."""
ARTICLE = Page(
    "/content/article",
    _("Article"),
    (Place("content/curve"), Place("content/channels"), Place("content/exits")),
    template="article.html",
    menu_path="/content",
)
CHECK = Page(
    "/data/check",
    _("Impossible figures"),
    (Place("data/findings", is_wide=True),),
    menu_path="/data",
    is_of_one_account=True,
)
"""Takes longer than a page may, so it has one of its own."""
PAGES = (*MENU, ARTICLE, CHECK)
