"""Filters as query strings: one canonical text for every filter."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl, urlencode

from wxcube.contract import codes
from wxcube.contract.endpoint import EARLIEST
from wxcube.contract.window import Window
from wxcube.errors import WindowError
from wxcube.figures.filter import Filter, Rolling, Versus
from wxcube.i18n import Message, _

KEYS = ("account", "range", "vs", "source", "article", "sort", "q")
"""The keys of a query in their canonical order; others, such as `lang`, are not of the filter."""
LONGEST_TEXT = 200
"""Characters of an article's id, a column or a search."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A filter, and what of the query is not in it."""

    filter: Filter
    ignored: tuple[Message, ...] = ()
    """Why parts of the query were left out."""


def write(of: Filter) -> str:
    """The query string of a filter; defaults are left out.

    >>> write(Filter(accounts=("gh_a",), versus=Versus.PREVIOUS))
    'account=gh_a&vs=previous'
    """
    return urlencode(pairs(of))


def pairs(of: Filter) -> list[tuple[str, str]]:
    """The keys and values of the query string of a filter."""
    default = Filter()
    parts = [("account", account) for account in of.accounts]
    if of.range != default.range:
        parts.append(("range", _range_text(of.range)))
    if of.versus:
        parts.append(("vs", of.versus.value))
    if of.source is not None:
        parts.append(("source", str(of.source)))
    texts = (("article", of.article), ("sort", of.sort), ("q", of.search))
    return parts + [(key, text) for key, text in texts if text]


def read(query: str, accounts: Collection[str], today: date) -> Reading:
    """The filter of a query string; unknown or impossible values are left out and reported.

    `accounts` are those that the reader may see.
    """
    values: dict[str, list[str]] = {key: [] for key in KEYS}
    for key, value in parse_qsl(query, errors="replace"):
        if key in values:
            values[key].append(value)
    ignored: list[Message] = []
    found = Filter(
        accounts=_accounts(values["account"], accounts, ignored),
        range=_range(values["range"], today, ignored),
        versus=_versus(values["vs"], ignored),
        source=_source(values["source"], ignored),
        article=_text(values["article"]),
        sort=_text(values["sort"]),
        search=_text(values["q"]),
    )
    return Reading(found, tuple(ignored))


def _range_text(value: Rolling | Window) -> str:
    return value.value if isinstance(value, Rolling) else f"{value.first}..{value.last}"


def _accounts(
    wanted: Sequence[str], known: Collection[str], ignored: list[Message]
) -> tuple[str, ...]:
    unique = dict.fromkeys(wanted)
    ignored += [
        _("there is no account {account!r}", account=account[:LONGEST_TEXT])
        for account in unique
        if account not in known
    ]
    return tuple(account for account in unique if account in known)


def _range(values: Sequence[str], today: date, ignored: list[Message]) -> Rolling | Window:
    default = Filter().range
    if not values:
        return default
    text = values[-1][:LONGEST_TEXT]
    with suppress(ValueError):
        return Rolling(text)
    try:
        window = Window.parse(text)
    except WindowError:
        ignored.append(_("{text!r} is not a range of days; the default is shown", text=text))
        return default
    possible = window.overlap(Window(EARLIEST, today))
    if possible is None:
        ignored.append(
            _("WeChat has no figures for {window}; the default is shown", window=str(window))
        )
    elif possible != window:
        ignored.append(
            _("of {window}, only the days that can have figures are shown", window=str(window))
        )
    return possible or default


def _versus(values: Sequence[str], ignored: list[Message]) -> Versus | None:
    if not values:
        return None
    with suppress(ValueError):
        return Versus(values[-1])
    text = values[-1][:LONGEST_TEXT]
    ignored.append(_("{text!r} is not a comparison; it is left out", text=text))
    return None


def _source(values: Sequence[str], ignored: list[Message]) -> int | None:
    if not values:
        return None
    text = values[-1][:LONGEST_TEXT]
    if text.isascii() and text.isdigit() and int(text) in codes.USER_SOURCE_FOLLOW:
        return int(text)
    ignored.append(_("{text!r} is not a source of followers; it is left out", text=text))
    return None


def _text(values: Sequence[str]) -> str:
    return values[-1][:LONGEST_TEXT] if values else ""
