"""From the events of days to their facts, and to the rows that hang on one day only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from wxcube.beijing import day_of_number
from wxcube.contract import article, content, interface, message
from wxcube.contract.endpoint import Endpoint
from wxcube.cube.compute import order_of, since_first
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.events import Events
from wxcube.cube.incremental.schedule import Chunk
from wxcube.cube.steps import Step, needed
from wxcube.events.action_bits import ActionBit
from wxcube.events.arrays import np
from wxcube.events.columns import Columns

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
"""Endpoints whose rows of a day follow from that day's events and the articles."""
SAVED = ("message_day", "touched", "article_times")
"""Facts that are kept for what hangs on more than a day."""

_WHO = "account AS acct, d"
_ACTED = """account AS acct, d, h, article, "user" AS person, mask, action, source,
    CAST(scene AS INT) AS scene, seconds, position, fen"""
_ACTED_TYPES = """acct INT, d INT, h INT, article BIGINT, person BIGINT, mask INT, action INT,
    source INT, scene INT, seconds INT, position INT, fen INT"""
_TABLES = {
    "message": (
        "message",
        f'{_WHO}, h, "user" AS person, CAST(msg_type AS INT) AS msg_type',
        "acct INT, d INT, h INT, person BIGINT, msg_type INT",
    ),
    "reply": (
        "reply",
        f"{_WHO}, h, ms, CASE WHEN ok THEN 0 ELSE 1 END AS failed",
        "acct INT, d INT, h INT, ms INT, failed INT",
    ),
    "follow": (
        "follow",
        f'{_WHO}, "user" AS person, change, CAST(source AS INT) AS source, article',
        "acct INT, d INT, person BIGINT, change INT, source INT, article BIGINT",
    ),
    "opened": ("open", f"{_WHO}, followers AS number", "acct INT, d INT, number BIGINT"),
    "sent": ("publish", _WHO, "acct INT, d INT"),
    "activity": ("activity", _ACTED, _ACTED_TYPES),
}
"""Tables of the steps: the family they come from, its columns, and their types when empty."""

LOADED = tuple(_TABLES)
"""Tables of events that the steps begin with."""


def load(engine: OpenEngine, events: Events, chunk: Chunk, names: Iterable[str] = LOADED) -> None:
    """Make the tables of a chunk's events."""
    for name in names:
        family, columns, empty = _TABLES[name]
        cells = ((day_of_number(day), group) for day, group in chunk.cells())
        files = [path for day, group in cells for path in events.files(family, day, group)]
        engine.read(name, columns, files, empty)


def load_subscribed(engine: OpenEngine) -> None:
    """Make the table of follows right after reading."""
    subscribed = f"""SELECT acct, d, article, person, CAST({ActionBit.FOLLOWED.mask} AS INT) AS mask
        FROM follow WHERE change > 0 AND article > 0"""  # noqa: S608 - own names
    engine.run(Step("subscribed", ("follow",), subscribed))


def drop(engine: OpenEngine, tables: Iterable[str]) -> None:
    """Forget tables."""
    for name in tables:
        engine.drop(name)


def first_days(engine: OpenEngine, seen: Iterable[str]) -> dict[int, int]:
    """The first day of each account in tables with columns `acct` and `d`."""
    lines = " UNION ALL ".join(f"SELECT acct, d FROM {name}" for name in seen)  # noqa: S608 - own names
    found = engine.ask(f"SELECT acct, MIN(d) AS d FROM ({lines}) GROUP BY acct")  # noqa: S608 - own names
    return dict(zip(found["acct"].tolist(), found["d"].tolist(), strict=True))


def moved(engine: OpenEngine) -> Iterator[tuple[Any, ...]]:
    """Follows and unfollows: day, account, source, how many of each."""
    query = """SELECT d, acct, source, SUM(CASE WHEN change > 0 THEN 1 ELSE 0 END)::BIGINT AS won,
        SUM(CASE WHEN change < 0 THEN 1 ELSE 0 END)::BIGINT AS lost
        FROM follow GROUP BY d, acct, source"""
    return lines(engine.ask(query))


def changes(engine: OpenEngine) -> Iterator[tuple[Any, ...]]:
    """By how many each day changed an account's followers: account, day, number."""
    query = """SELECT acct, d, SUM(number)::BIGINT AS number FROM (
        SELECT acct, d, number FROM opened UNION ALL SELECT acct, d, change FROM follow)
        GROUP BY acct, d"""
    return lines(engine.ask(query))


def touched(engine: OpenEngine, table: str = "touched") -> Columns:
    """Account and number of each article to which something happened."""
    return engine.ask(f"SELECT DISTINCT acct, article FROM {table}")  # noqa: S608 - own names


def lines(columns: Columns) -> Iterator[Any]:
    """Columns line by line."""
    return zip(*(column.tolist() for column in columns.values()), strict=True)


def load_articles(engine: OpenEngine, articles: Articles) -> None:
    """Make the table of articles."""
    engine.load("article", articles.table)


def run(
    engine: OpenEngine,
    steps: Sequence[Step],
    kept: Iterable[str],
    asked: Collection[str] = (),
) -> Iterator[Step]:
    """Run steps, each yielded when its table is there; tables go after their last use.

    Tables in `kept`, and those that no step makes, stay. Of steps in `asked` no table is made.
    """
    made = {step.name for step in steps} - {*kept, *asked}
    last_use = {name: step.name for step in steps for name in (step.name, *step.inputs)}
    for step in steps:
        if step.name not in asked:
            engine.run(step)
        yield step
        for name in (*step.inputs, step.name):
            if name in made and last_use[name] == step.name:
                engine.drop(name)


def results(
    engine: OpenEngine,
    endpoints: Iterable[Endpoint[Any]],
    given: Iterable[str],
    days: Sequence[int],
) -> Iterator[tuple[Endpoint[Any], Columns]]:
    """The rows of endpoints with a ref_date among these days, one endpoint after the other."""
    wanted = {endpoint.name: endpoint for endpoint in endpoints}
    for name, table in _tables(engine, wanted, set(given)):
        yield wanted[name], _of_days(since_first(wanted[name], table), days)


def _tables(
    engine: OpenEngine, wanted: Mapping[str, Endpoint[Any]], given: Collection[str]
) -> Iterator[tuple[str, Columns]]:
    for name in sorted(wanted.keys() & given):
        yield name, engine.fetch(name, order_of(wanted[name]))
    steps = needed(wanted, given=given)
    asked = wanted.keys() - {name for step in steps for name in step.inputs}
    for step in run(engine, steps, kept=(), asked=asked):
        if step.name in asked:
            order = ", ".join(order_of(wanted[step.name]))
            yield step.name, engine.ask(f"SELECT * FROM ({step.sql}) r ORDER BY {order}")  # noqa: S608 - own names
        elif step.name in wanted:
            yield step.name, engine.fetch(step.name, order_of(wanted[step.name]))


def _of_days(table: Columns, days: Sequence[int]) -> Columns:
    kept = np.isin(table["ref_date"], np.asarray(days))
    return table if kept.all() else {name: array[kept] for name, array in table.items()}


FACT_STEPS = tuple(needed(SAVED))
"""Steps that make the saved facts of events."""
