"""The computation of facts from the events of days, and of rows that depend on one day only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from wxcube.beijing import day_number, day_of_number
from wxcube.contract import article, content, interface, message
from wxcube.contract.endpoint import Endpoint
from wxcube.cube.compute import order_of, since_first
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.events import Events
from wxcube.cube.incremental.schedule import Chunk
from wxcube.cube.steps import Step, needed
from wxcube.events.action_bits import ActionBit
from wxcube.events.columns import FAMILIES, Columns

ENDPOINTS: tuple[Endpoint[Any], ...] = (
    message.getupstreammsghour,
    message.getupstreammsg,
    message.getupstreammsgdist,
    interface.getinterfacesummaryhour,
    interface.getinterfacesummary,
    article.getuserreadhour,
    article.getuserread,
    article.getusersharehour,
    article.getusershare,
    article.getarticlesummary,
    content.getarticleread,
    content.getarticleshare,
    content.getbizsummary,
)
"""Endpoints whose rows of a day depend only on that day's events and the articles."""
FACT_TABLES = ("message_day", "touched", "article_times")
"""Facts that are saved for rows of several days."""

_KEYS = "account AS acct, d"
_ACTIVITY = """account AS acct, d, h, article, "user" AS person, mask, action, source,
    CAST(scene AS INT) AS scene, seconds, position, fen"""
_ACTIVITY_TYPES = """acct INT, d INT, h INT, article BIGINT, person BIGINT, mask INT, action INT,
    source INT, scene INT, seconds INT, position INT, fen INT"""
_TABLES = {
    "message": (
        "message",
        f'{_KEYS}, h, "user" AS person, CAST(msg_type AS INT) AS msg_type',
        "acct INT, d INT, h INT, person BIGINT, msg_type INT",
    ),
    "reply": (
        "reply",
        f"{_KEYS}, h, ms, CASE WHEN ok THEN 0 ELSE 1 END AS failed",
        "acct INT, d INT, h INT, ms INT, failed INT",
    ),
    "follow": (
        "follow",
        f'{_KEYS}, "user" AS person, change, CAST(source AS INT) AS source, article',
        "acct INT, d INT, person BIGINT, change INT, source INT, article BIGINT",
    ),
    "opening": ("open", f"{_KEYS}, followers AS number", "acct INT, d INT, number BIGINT"),
    "publish": ("publish", _KEYS, "acct INT, d INT"),
    "activity": ("activity", _ACTIVITY, _ACTIVITY_TYPES),
}
"""Tables of events: the family each is read from, its columns, and their types if it is empty."""

EVENT_TABLES = tuple(_TABLES)
"""Tables of events that the steps read."""


def load_events(
    engine: OpenEngine, events: Events, chunk: Chunk, names: Iterable[str] = EVENT_TABLES
) -> None:
    """Load a chunk's events into tables."""
    for name in names:
        family, columns, empty = _TABLES[name]
        partitions = ((day_of_number(day), group) for day, group in chunk.partitions())
        files = [path for day, group in partitions for path in events.files(family, day, group)]
        engine.read(name, columns, files, empty)


def load_article_follows(engine: OpenEngine) -> None:
    """Make the table of follows immediately after reading an article."""
    follows = f"""SELECT acct, d, article, person, CAST({ActionBit.FOLLOWED.mask} AS INT) AS mask
        FROM follow WHERE change > 0 AND article > 0"""  # noqa: S608 - own names
    engine.run(Step("article_follow", ("follow",), follows))


def drop(engine: OpenEngine, tables: Iterable[str]) -> None:
    """Drop tables."""
    for name in tables:
        engine.drop(name)


def two_first_days(engine: OpenEngine, tables: Iterable[str]) -> dict[int, tuple[int, ...]]:
    """The first and, if there is one, the second day of each account with events."""
    rows = " UNION ALL ".join(f"SELECT DISTINCT acct, d FROM {name}" for name in tables)  # noqa: S608 - own names
    days = engine.query(f"SELECT DISTINCT acct, d FROM ({rows}) r ORDER BY acct, d")  # noqa: S608 - own names
    accounts, begins, counts = np.unique(days["acct"], return_index=True, return_counts=True)
    first, second = days["d"][begins], days["d"][begins + (counts > 1)]
    pairs = zip(first.tolist(), second.tolist(), counts.tolist(), strict=True)
    return {
        account: (one, other)[:count]
        for account, (one, other, count) in zip(accounts.tolist(), pairs, strict=True)
    }


def first_day_after(
    engine: OpenEngine, events: Events, accounts: Mapping[int, int], group: int
) -> dict[int, int]:
    """The first day with events of some accounts of a group after a day of each.

    Cost:    reads the accounts of all later events of the group.
    """
    begin = min(accounts.values())
    partitions = events.revisions()
    days = [day for day, of in partitions if of == group and day_number(day) > begin]
    first: dict[int, int] = {}
    for family in FAMILIES:
        files = [path for day in sorted(days) for path in events.files(family, day, group)]
        engine.read("later", "account AS acct, d", files, "acct INT, d INT")
        found = engine.query("SELECT DISTINCT acct, d FROM later ORDER BY acct, d")
        engine.drop("later")
        for account, day in zip(found["acct"].tolist(), found["d"].tolist(), strict=True):
            if account in accounts and day > accounts[account]:
                first[account] = min(day, first.get(account, day))
    return first


def follow_counts(engine: OpenEngine) -> Iterator[tuple[Any, ...]]:
    """Follows and unfollows: day, account, source, number of each."""
    query = """SELECT d, acct, source,
        SUM(CASE WHEN change > 0 THEN 1 ELSE 0 END)::BIGINT AS new_user,
        SUM(CASE WHEN change < 0 THEN 1 ELSE 0 END)::BIGINT AS cancel_user
        FROM follow GROUP BY d, acct, source"""
    return tuples(engine.query(query))


def follower_changes(engine: OpenEngine) -> Iterator[tuple[Any, ...]]:
    """The change of an account's followers on each day: account, day, number."""
    query = """SELECT acct, d, SUM(number)::BIGINT AS number FROM (
        SELECT acct, d, number FROM opening UNION ALL SELECT acct, d, change FROM follow)
        GROUP BY acct, d"""
    return tuples(engine.query(query))


def touched_articles(engine: OpenEngine, table: str = "touched") -> Columns:
    """The account and number of each article with events."""
    return engine.query(f"SELECT DISTINCT acct, article FROM {table}")  # noqa: S608 - own names


def tuples(columns: Columns) -> Iterator[Any]:
    """The rows of a table as tuples."""
    return zip(*(column.tolist() for column in columns.values()), strict=True)


def load_articles(engine: OpenEngine, articles: Articles) -> None:
    """Load articles into the table `article`."""
    engine.load("article", articles.table)


def run(
    engine: OpenEngine,
    steps: Sequence[Step],
    keep: Iterable[str],
    skip: Collection[str] = (),
) -> Iterator[Step]:
    """Run steps and yield each when its table exists; tables are dropped after their last use.

    Tables in `keep`, and those that no step makes, are not dropped. Steps in `skip` are yielded
    without being run.
    """
    temporary = {step.name for step in steps} - {*keep, *skip}
    last_use = {name: step.name for step in steps for name in (step.name, *step.inputs)}
    for step in steps:
        if step.name not in skip:
            engine.run(step)
        yield step
        for name in (*step.inputs, step.name):
            if name in temporary and last_use[name] == step.name:
                engine.drop(name)


def results(
    engine: OpenEngine,
    endpoints: Iterable[Endpoint[Any]],
    present: Iterable[str],
    days: Sequence[int],
    finished: Mapping[str, Callable[[], Columns]] | None = None,
) -> Iterator[tuple[Endpoint[Any], Columns]]:
    """The rows of endpoints on some ref_dates, computed from the tables that are present.

    Those of `finished` are computed by the functions there, already ordered.
    """
    wanted = {endpoint.name: endpoint for endpoint in endpoints}
    for name, make in (finished or {}).items():
        endpoint = wanted.pop(name)
        yield endpoint, _of_days(since_first(endpoint, make()), days)
    for name, table in _tables(engine, wanted, set(present)):
        yield wanted[name], _of_days(since_first(wanted[name], table), days)


def _tables(
    engine: OpenEngine, wanted: Mapping[str, Endpoint[Any]], present: Collection[str]
) -> Iterator[tuple[str, Columns]]:
    steps = needed(wanted, present=present)
    # no other step reads these, so their SELECT is queried without making a table
    final = wanted.keys() - {name for step in steps for name in step.inputs}
    for step in run(engine, steps, keep=(), skip=final):
        if step.name in final:
            order = ", ".join(order_of(wanted[step.name]))
            yield step.name, engine.query(f"SELECT * FROM ({step.sql}) r ORDER BY {order}")  # noqa: S608 - own names
        elif step.name in wanted:
            yield step.name, engine.fetch(step.name, order_of(wanted[step.name]))


def _of_days(table: Columns, days: Sequence[int]) -> Columns:
    is_wanted = np.isin(table["ref_date"], np.asarray(days))
    return table if is_wanted.all() else {name: array[is_wanted] for name, array in table.items()}


FACT_STEPS = tuple(needed(FACT_TABLES))
"""Steps that make the saved facts from events."""
