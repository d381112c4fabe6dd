"""Rows of simulated coupons and membership cards.

Cards have no events; their rows are generated from the seed, day by day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import msgspec
import numpy as np

from wxcube.beijing import day_number, day_of_number
from wxcube.contract.card import (
    getcardbizuininfo,
    getcardcardinfo,
    getcardmembercarddetail,
    getcardmembercardinfo,
)
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window
from wxcube.simulator.account import Card, SimulatedAccount
from wxcube.simulator.dice import Integers, Keys, below, from_quantiles, integers, rounded
from wxcube.simulator.rhythm import activity_of

Figures = dict[str, Integers]
"""Figures by column name; each array has one element per day from the account's first day on."""
Values = dict[str, Any]
"""Values of a row by column name."""

_LIFETIME = 30
"""Days until a coupon expires."""
_ACTIONS = ("view", "receive", "verify", "given", "expire")


def card_rows(
    account: SimulatedAccount,
    endpoint: Endpoint[RowT],
    window: Window,
    params: Mapping[str, object] | None = None,
) -> list[RowT]:
    """Rows of one of the four card endpoints, ordered by day and card.

    Raises:  ContractError if the parameters are invalid; KeyError for other endpoints.
    """
    given = endpoint.complete_params(params or {})
    cards = [card for card in account.cards if _matches(card, given)]
    rows = _ROWS[endpoint.name](account, cards, window)
    names = {column.name for column in endpoint.columns} - _UNDOCUMENTED.get(endpoint.name, set())
    return [msgspec.convert({n: row[n] for n in names}, endpoint.row) for row in rows]


def _matches(card: Card, params: Mapping[str, object]) -> bool:
    properties = {"cond_source": card.cond_source, "card_id": card.card_id}
    return all(properties[name] == value for name, value in params.items())


def _overview_rows(account: SimulatedAccount, cards: list[Card], window: Window) -> list[Values]:
    """Rows of all coupons in total."""
    coupons = [_coupon(account, card, window.last) for card in cards if not card.is_membership]
    if not coupons:
        return []
    return _rows_by_day(account, _combined(account, coupons, window.last), window)


def _coupon_rows(account: SimulatedAccount, cards: list[Card], window: Window) -> list[Values]:
    rows = [
        {"card_id": card.card_id, "card_type": card.card_type, "is_pay": card.is_pay} | row
        for card in cards
        if not card.is_membership
        for row in _rows_by_day(account, _coupon(account, card, window.last), window)
    ]
    return sorted(rows, key=lambda row: (row["ref_date"], row["card_id"]))


def _membership_rows(account: SimulatedAccount, cards: list[Card], window: Window) -> list[Values]:
    """Rows of the membership card; an account has at most one."""
    return [
        {"cardid": card.card_id, "merchanttype": 0, "submerchantid": 0} | row
        for card in cards
        if card.is_membership
        for row in _rows_by_day(account, _membership(account, card, window.last), window)
    ]


_ROWS: dict[str, Callable[[SimulatedAccount, list[Card], Window], list[Values]]] = {
    getcardbizuininfo.name: _overview_rows,
    getcardcardinfo.name: _coupon_rows,
    getcardmembercardinfo.name: _membership_rows,
    getcardmembercarddetail.name: _membership_rows,
}
_UNDOCUMENTED = {getcardmembercardinfo.name: {"new_user"}}


def _rows_by_day(account: SimulatedAccount, figures: Figures, window: Window) -> list[Values]:
    """One row per day of the window that has a figure other than 0."""
    first = day_number(account.first_day)
    days = range(max(first, day_number(window.first)), day_number(window.last) + 1)
    rows = ((day, {n: int(f[day - first]) for n, f in figures.items()}) for day in days)
    return [{"ref_date": day_of_number(day)} | row for day, row in rows if any(row.values())]


def _days(account: SimulatedAccount, last: date) -> Integers:
    return np.arange(day_number(account.first_day), day_number(last) + 1)


def _coupon(account: SimulatedAccount, card: Card, last: date) -> Figures:
    """Daily figures of a coupon; coupons that are neither used nor given away expire."""
    days = _days(account, last)
    keys = account.dice.of("coupon", card.card_id).keys(days)
    viewed = _views(card, days, keys)
    received = _random_share(keys, "received", viewed, 18, 42)
    verified = _random_share(keys, "verified", received, 25, 55)
    given = _random_share(keys, "given", received, 1, 12)
    expired = np.concatenate([np.zeros(_LIFETIME, np.int64), received - verified - given])
    times = zip(_ACTIONS, (viewed, received, verified, given, expired[: len(days)]), strict=True)
    return _with_people(keys, dict(times))


def _membership(account: SimulatedAccount, card: Card, last: date) -> Figures:
    """Daily figures of the membership card; members never leave."""
    days = _days(account, last)
    keys = account.dice.of("membership", card.card_id).keys(days)
    viewed = _views(card, days, keys)
    received = _random_share(keys, "received", viewed, 12, 30)
    times = {
        "view": viewed,
        "receive": received,
        "verify": _random_share(keys, "used", viewed, 20, 50),
    }
    figures = _with_people(
        keys, times | {"active": _random_share(keys, "active", received, 60, 95)}
    )
    initial_members = account.character.followers * 8 // 100
    due = figures["verify_cnt"] * (1_800 + below(keys, "due", 7_200))
    return figures | {
        "new_user": figures["active_user"],
        "total_user": initial_members + np.cumsum(figures["active_user"]),
        "total_receive_user": initial_members * 13 // 10 + np.cumsum(figures["receive_user"]),
        "payOriginalFee": due,
        "fee": due * (85 + below(keys, "paid", 14)) // 100,
    }


def _views(card: Card, days: Integers, keys: Keys) -> Integers:
    """Daily views of the card; 0 before it was created."""
    luck = from_quantiles(keys, "luck", integers((550, 800, 950, 1100, 1350, 2100)))
    views = rounded(keys, "views", card.daily_views * activity_of(days) * luck)
    return np.where(days >= day_number(card.since), views, 0)


def _random_share(keys: Keys, purpose: str, whole: Integers, low: int, high: int) -> Integers:
    """A random share of each number, from `low` to `high` percent."""
    hundredths = low + below(keys, purpose, high - low)
    return np.minimum(rounded(keys, f"{purpose} rounded", whole * hundredths * 10_000), whole)


def _with_people(keys: Keys, times: Figures) -> Figures:
    """Counts and users of each action; users are the same share of counts for a whole day."""
    people = 860 + below(keys, "people", 141)
    by_column = {f"{action}_cnt": count for action, count in times.items()}
    return by_column | {f"{a}_user": (count * people + 999) // 1000 for a, count in times.items()}


def _combined(account: SimulatedAccount, coupons: list[Figures], last: date) -> Figures:
    """Figures of all coupons in total; users with several coupons count once."""
    keys = account.dice.of("coupons").keys(_days(account, last))
    distinct = 700 + below(keys, "apart", 301)
    total = {name: np.sum([one[name] for one in coupons], axis=0) for name in coupons[0]}
    largest = {name: np.max([one[name] for one in coupons], axis=0) for name in coupons[0]}
    people = [name for name in total if name.endswith("_user")]
    return total | {n: largest[n] + (total[n] - largest[n]) * distinct // 1000 for n in people}
