"""Reading of both eras in one series: the retired article endpoints, and their successors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from wxcube.contract.article import getarticletotal, getuserread
from wxcube.contract.codes import ALL_CHANNELS, ALL_CHANNELS_SINCE
from wxcube.contract.content import getarticletotaldetail, getbizsummary
from wxcube.contract.endpoint import EARLIEST_CONTENT, Endpoint
from wxcube.contract.window import Window
from wxcube.figures.figure import Seam
from wxcube.figures.reader import Days, Reader
from wxcube.i18n import Message, _
from wxcube.warehouse.aggregates import Selection

SEAM = Seam(EARLIEST_CONTENT, _("from {day} on: new endpoints", day=f"{EARLIEST_CONTENT:%m-%d}"))
NOTE = _(
    "Until {last} the figures come from getuserread, which counts mass-sent "
    "articles; from {first} on they come from getbizsummary, which counts all "
    "published content. The two measure different things.",
    last=EARLIEST_CONTENT - timedelta(days=1),
    first=EARLIEST_CONTENT,
)
_BEFORE_ALL_CHANNELS = _(
    "Before {first} readers are known only by channel, and readers of several "
    "channels do not add up.",
    first=ALL_CHANNELS_SINCE,
)
NAMES = {"int_page_read_user": "read_user", "share_user": "share_user"}
"""Columns of getuserread and those of getbizsummary that follow them."""


@dataclass(frozen=True, slots=True)
class Article:
    """The newest running totals of an article, whichever endpoint has them."""

    appid: str
    published: date
    msgid: str
    title: str
    stat_date: date
    last_stat_date: date
    is_mass_sent: bool
    readers: int | None
    sharers: int | None
    favourites: int | None
    followed: int | None
    read_rate: float | None
    finish_rate: float | None
    minutes: float | None

    @property
    def age(self) -> int:
        """Days since publishing that its figures cover, with the day of publishing."""
        return (self.stat_date - self.published).days + 1

    @property
    def final_at(self) -> datetime:
        """From when on its figures cannot change."""
        return endpoint_of(self.published).final_at(self.published)

    @property
    def is_moving(self) -> bool:
        """Whether its figures can still change."""
        return self.stat_date < self.last_stat_date


_OLD = ("int_page_read_user", "share_user", "add_to_fav_user")
_NEW = (
    "read_user",
    "share_user",
    "collection_user",
    "read_subscribe_user",
    "read_delivery_rate",
    "read_finish_rate",
    "read_avg_activetime",
)
_MASS_SENT = 0
"""The publish_type of what followers were notified of."""
READERS: Mapping[str, str] = {getarticletotal.name: _OLD[0], getarticletotaldetail.name: _NEW[0]}
"""The column of readers of each endpoint with running totals."""


def reading(reader: Reader, accounts: Sequence[str], window: Window) -> Days:
    """Readers and sharers by day, over both eras; the columns have the names of getbizsummary."""
    before, after = _split(window)
    names = tuple(NAMES.values())
    new = reader.days(getbizsummary, accounts, after, names) if after else None
    if before is None and new is not None:
        return new
    only = (("user_source", ALL_CHANNELS),)
    old = reader.days(getuserread, accounts, before or window, tuple(NAMES), only=only)
    # a day without the row of all channels has no number of readers
    known = {key: groups for key, groups in old.values.items() if groups}
    if new is None:
        return Days(old.accounts, old.labels, names, _adding(old), known, old.marks)
    return Days(
        new.accounts,
        (*old.labels, *new.labels),
        names,
        new.adding,
        {**known, **new.values},
        {**old.marks, **new.marks},
    )


def notes_on_reading(window: Window) -> tuple[Message, ...]:
    """Sentences about the eras of a window."""
    notes = [NOTE] if window.first < SEAM.day <= window.last else []
    if window.first < date.fromisoformat(ALL_CHANNELS_SINCE):
        notes.append(_BEFORE_ALL_CHANNELS)
    return tuple(notes)


def articles(
    reader: Reader, accounts: Sequence[str], window: Window, msgid: str = ""
) -> list[Article]:
    """The articles published in a window with their newest running totals, over both eras.

    `msgid` limits them to one article.
    """
    before, after = _split(window)
    found: list[Article] = []
    if before:
        found += _articles(reader, accounts, getarticletotal, before, _OLD, msgid)
    if after:
        found += _articles(reader, accounts, getarticletotaldetail, after, _NEW, msgid)
    return found


def within(endpoint: Endpoint[Any], window: Window) -> Window:
    """The days of a window whose articles have their running totals from an endpoint."""
    before, after = _split(window)
    part = after if endpoint is getarticletotaldetail else before
    assert part, f"{window} has no days of {endpoint}"
    return Window(max(part.first, endpoint.first_date), part.last)


def endpoint_of(published: date) -> Endpoint[Any]:
    """The endpoint with the running totals of articles published on a day."""
    return getarticletotal if published < EARLIEST_CONTENT else getarticletotaldetail


def _articles(
    reader: Reader,
    accounts: Sequence[str],
    endpoint: Endpoint[Any],
    window: Window,
    names: Sequence[str],
    msgid: str,
) -> Iterator[Article]:
    only = (("msgid", msgid),) if msgid else ()
    selection = Selection(endpoint, window, tuple(names), only=only)
    totals = reader.warehouse.running_totals(accounts, selection, is_newest_only=True)
    for one in totals:
        values = (*one.values, *([None] * (len(_NEW) - len(names))))
        title, key = one.row.get("title"), str(one.row["msgid"])
        last = endpoint.last_stat_date(one.published) or one.stat_date
        is_mass_sent = one.row.get("publish_type", _MASS_SENT) == _MASS_SENT
        yield Article(
            one.appid,
            one.published,
            key,
            title or key,
            one.stat_date,
            last,
            is_mass_sent,
            *values,
        )


def _adding(old: Days) -> dict[str, Any]:
    return {NAMES[name]: adding for name, adding in old.adding.items()}


def _split(window: Window) -> tuple[Window | None, Window | None]:
    """The days of a window before the seam, and those from it on."""
    last = EARLIEST_CONTENT - timedelta(days=1)
    before = Window(window.first, min(window.last, last)) if window.first <= last else None
    after = Window(max(window.first, EARLIEST_CONTENT), window.last) if window.last > last else None
    return before, after
