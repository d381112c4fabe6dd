"""Simulation of accounts: plausible events from a seed, the same on every machine.

Events depend only on the seed, the account's number and its first day; simulating more days
does not change earlier events.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from wxcube.beijing import day_number
from wxcube.events.as_events import to_events
from wxcube.events.columns import FAMILIES, Batch, Columns, family
from wxcube.simulator.account import Card, SimulatedAccount, simulated_accounts
from wxcube.simulator.cards import card_rows
from wxcube.simulator.followers import followers, opening
from wxcube.simulator.messages import messages, replies
from wxcube.simulator.posts import Posts, article_days, posts
from wxcube.simulator.reading import reading
from wxcube.simulator.rhythm import unix

__all__ = ["Card", "SimulatedAccount", "card_rows", "simulate", "simulated_accounts", "to_events"]


def simulate(accounts: Sequence[SimulatedAccount], through: date) -> Batch:
    """Events of some accounts from their first days to the end of a day.

    Shape:  every family is ordered by account, then by time.
    Cost:   about 50 bytes and a microsecond for each event.
    """
    events = [_events(account, day_number(through)) for account in accounts]
    columns = {name: _stacked(name, [one[name] for one in events]) for name in FAMILIES}
    return Batch(accounts=tuple(account.appid for account in accounts), **columns)


def _events(account: SimulatedAccount, through: int) -> dict[str, Columns]:
    """Events of one account by family; none before its first day."""
    if through < day_number(account.first_day):
        return {name: _empty(name) for name in FAMILIES}
    published = posts(account, through)
    days_of_articles = article_days(published, through)
    follower_base = followers(account, published, days_of_articles, through)
    sent_messages = messages(account, published, follower_base)
    return {
        "open": opening(account),
        "follow": follower_base.columns,
        "message": sent_messages,
        "reply": replies(account, follower_base, sent_messages),
        "publish": _published(published, follower_base.target_user),
        "activity": reading(account, published, days_of_articles, follower_base),
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
    """Columns of all accounts, concatenated, each ordered by time."""
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
