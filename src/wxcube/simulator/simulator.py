"""Simulated accounts: believable events from a seed, the same on every machine.

Only the seed, the account's number and its first day decide what happens; simulating further
changes nothing that went before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from wxcube.beijing import day_number
from wxcube.events.arrays import np
from wxcube.events.as_events import to_events
from wxcube.events.columns import FAMILIES, Batch, Columns, family
from wxcube.simulator.account import Card, SimulatedAccount, simulated_accounts
from wxcube.simulator.cards import card_rows
from wxcube.simulator.followers import followers, opening
from wxcube.simulator.messages import messages, replies
from wxcube.simulator.posts import Posts, lives, posts
from wxcube.simulator.reading import reading
from wxcube.simulator.rhythm import unix

__all__ = ["Card", "SimulatedAccount", "card_rows", "simulate", "simulated_accounts", "to_events"]


def simulate(accounts: Sequence[SimulatedAccount], through: date) -> Batch:
    """The events of some accounts from their first days to the end of a day.

    Shape:  every family is ordered by account, and by time within an account.
    Cost:   about 50 bytes and a microsecond for each event.
    """
    found = [_events(account, day_number(through)) for account in accounts]
    columns = {name: _stacked(name, [one[name] for one in found]) for name in FAMILIES}
    return Batch(accounts=tuple(account.appid for account in accounts), **columns)


def _events(account: SimulatedAccount, through: int) -> dict[str, Columns]:
    """One account's events by family; none before its first day."""
    if through < day_number(account.first_day):
        return {name: _empty(name) for name in FAMILIES}
    published = posts(account, through)
    lived = lives(published, through)
    fans = followers(account, published, lived, through)
    said = messages(account, published, fans)
    return {
        "open": opening(account),
        "follow": fans.columns,
        "message": said,
        "reply": replies(account, fans, said),
        "publish": _published(published, fans.target_user),
        "activity": reading(account, published, lived, fans),
    }


def _published(articles: Posts, target_user: np.ndarray) -> Columns:
    return family(
        "publish",
        account=np.zeros_like(articles.day),
        at=unix(articles.day, articles.second),
        article=articles.number,
        publish_type=articles.publish_type,
        target_user=target_user,
        title=articles.title,
        content_url=articles.content_url,
    )


def _stacked(name: str, parts: list[Columns]) -> Columns:
    """The accounts' columns one after the other, each in the order of time."""
    ordered = [_in_time(part, place) for place, part in enumerate(parts)] or [_empty(name)]
    return {column: np.concatenate([p[column] for p in ordered]) for column in FAMILIES[name]}


def _in_time(columns: Columns, place: int) -> Columns:
    # TRICKY: a stable sort, so that events of the same second keep their order when more days
    # are simulated.
    order = np.argsort(columns["at"], kind="stable")
    ordered = {column: values[order] for column, values in columns.items()}
    return ordered | {"account": np.full(len(order), place, np.int32)}


def _empty(name: str) -> Columns:
    return family(name, **{column: [] for column in FAMILIES[name]})
