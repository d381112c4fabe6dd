"""Figures of simulated coupons and membership cards, directly as rows.

Cards have no events of their own: their rows are made from the seed, day by day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import msgspec

from wxcube.beijing import day_number, day_of_number
from wxcube.contract.card import (
    getcardbizuininfo,
    getcardcardinfo,
    getcardmembercarddetail,
    getcardmembercardinfo,
)
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window
from wxcube.events.arrays import np
from wxcube.simulator.account import Card, SimulatedAccount
from wxcube.simulator.dice import Keys, Whole, along, below, rounded, table
from wxcube.simulator.rhythm import activity_of

Figures = dict[str, Whole]
"""Figures by column name; arrays with one place per day from the account's first day on."""
Values = dict[str, Any]
"""A row's values by column name."""

_LIFETIME = 30
"""Days after which a coupon expires."""
_ACTIONS = ("view", "receive", "verify", "given", "expire")


def card_rows(
    account: SimulatedAccount,
    endpoint: Endpoint[RowT],
    window: Window,
    params: Mapping[str, object] | None = None,
) -> list[RowT]:
    """An account's rows of one of the four card endpoints, ordered by day and card.

    Raises:  ContractError if the params do not fit the endpoint; KeyError for other endpoints.
    """
    given = endpoint.complete_params(params or {})
    cards = [card for card in account.cards if _asked(card, given)]
    made = _ROWS[endpoint.name](account, cards, window)
    names = {column.name for column in endpoint.columns} - _UNDOCUMENTED.get(endpoint.name, set())
    return [msgspec.convert({n: row[n] for n in names}, endpoint.row) for row in made]


def _asked(card: Card, params: Mapping[str, object]) -> bool:
    told = {"cond_source": card.cond_source, "card_id": card.card_id}
    return all(told[name] == value for name, value in params.items())


def _overview(account: SimulatedAccount, cards: list[Card], window: Window) -> list[Values]:
    """All coupons together."""
    every = [_coupon(account, card, window.last) for card in cards if not card.is_membership]
    return _dated(account, _together(account, every, window.last), window) if every else []


def _coupons(account: SimulatedAccount, cards: list[Card], window: Window) -> list[Values]:
    found = [
        {"card_id": card.card_id, "card_type": card.card_type, "is_pay": card.is_pay} | row
        for card in cards
        if not card.is_membership
        for row in _dated(account, _coupon(account, card, window.last), window)
    ]
    return sorted(found, key=lambda row: (row["ref_date"], row["card_id"]))


def _memberships(account: SimulatedAccount, cards: list[Card], window: Window) -> list[Values]:
    """The membership card; an account has at most one."""
    return [
        {"cardid": card.card_id, "merchanttype": 0, "submerchantid": 0} | row
        for card in cards
        if card.is_membership
        for row in _dated(account, _membership(account, card, window.last), window)
    ]


_ROWS: dict[str, Callable[[SimulatedAccount, list[Card], Window], list[Values]]] = {
    getcardbizuininfo.name: _overview,
    getcardcardinfo.name: _coupons,
    getcardmembercardinfo.name: _memberships,
    getcardmembercarddetail.name: _memberships,
}
_UNDOCUMENTED = {getcardmembercardinfo.name: {"new_user"}}


def _dated(account: SimulatedAccount, figures: Figures, window: Window) -> list[Values]:
    """A row for each day of the window on which anything is not 0."""
    first = day_number(account.first_day)
    days = range(max(first, day_number(window.first)), day_number(window.last) + 1)
    rows = ((day, {n: int(f[day - first]) for n, f in figures.items()}) for day in days)
    return [{"ref_date": day_of_number(day)} | row for day, row in rows if any(row.values())]


def _days(account: SimulatedAccount, last: date) -> Whole:
    return np.arange(day_number(account.first_day), day_number(last) + 1)


def _coupon(account: SimulatedAccount, card: Card, last: date) -> Figures:
    """A coupon's figures of every day; what is neither used nor given away expires."""
    days = _days(account, last)
    keys = account.dice.of("coupon", card.card_id).keys(days)
    viewed = _views(card, days, keys)
    received = _part(keys, "received", viewed, 18, 42)
    verified = _part(keys, "verified", received, 25, 55)
    given = _part(keys, "given", received, 1, 12)
    expired = np.concatenate([np.zeros(_LIFETIME, np.int64), received - verified - given])
    times = zip(_ACTIONS, (viewed, received, verified, given, expired[: len(days)]), strict=True)
    return _with_people(keys, dict(times))


def _membership(account: SimulatedAccount, card: Card, last: date) -> Figures:
    """The membership card's figures of every day; members never leave."""
    days = _days(account, last)
    keys = account.dice.of("membership", card.card_id).keys(days)
    viewed = _views(card, days, keys)
    received = _part(keys, "received", viewed, 12, 30)
    times = {"view": viewed, "receive": received, "verify": _part(keys, "used", viewed, 20, 50)}
    figures = _with_people(keys, times | {"active": _part(keys, "active", received, 60, 95)})
    already = account.character.followers * 8 // 100
    due = figures["verify_cnt"] * (1_800 + below(keys, "due", 7_200))
    return figures | {
        "new_user": figures["active_user"],
        "total_user": already + np.cumsum(figures["active_user"]),
        "total_receive_user": already * 13 // 10 + np.cumsum(figures["receive_user"]),
        "payOriginalFee": due,
        "fee": due * (85 + below(keys, "paid", 14)) // 100,
    }


def _views(card: Card, days: Whole, keys: Keys) -> Whole:
    """How often the card was looked at on each day; never before it was made."""
    luck = along(keys, "luck", table((550, 800, 950, 1100, 1350, 2100)))
    views = rounded(keys, "views", card.daily_views * activity_of(days) * luck)
    return np.where(days >= day_number(card.since), views, 0)


def _part(keys: Keys, purpose: str, whole: Whole, low: int, high: int) -> Whole:
    """From `low` to `high` hundredths of each number."""
    hundredths = low + below(keys, purpose, high - low)
    return np.minimum(rounded(keys, f"{purpose} rounded", whole * hundredths * 10_000), whole)


def _with_people(keys: Keys, times: Figures) -> Figures:
    """Each action's times and people; on a day all actions have the same people for 1,000 times."""
    people = 860 + below(keys, "people", 141)
    named = {f"{action}_cnt": count for action, count in times.items()}
    return named | {f"{a}_user": (count * people + 999) // 1000 for a, count in times.items()}


def _together(account: SimulatedAccount, coupons: list[Figures], last: date) -> Figures:
    """All coupons' figures; people with several coupons count once."""
    keys = account.dice.of("coupons").keys(_days(account, last))
    apart = 700 + below(keys, "apart", 301)
    total = {name: np.sum([one[name] for one in coupons], axis=0) for name in coupons[0]}
    most = {name: np.max([one[name] for one in coupons], axis=0) for name in coupons[0]}
    people = [name for name in total if name.endswith("_user")]
    return total | {n: most[n] + (total[n] - most[n]) * apart // 1000 for n in people}
