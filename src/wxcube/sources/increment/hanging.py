"""Rows made of facts of several days: weeks, months, followers, running totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from wxcube.contract import article, message, user
from wxcube.contract.endpoint import Endpoint
from wxcube.sources.arrays import NDArray, np
from wxcube.sources.batch import Columns
from wxcube.sources.engines import OpenEngine
from wxcube.sources.increment import days as calendar
from wxcube.sources.increment.files import Facts
from wxcube.sources.increment.ledger import Ledger, Published
from wxcube.sources.increment.one_day import load_articles, results, touched

PERIODS: tuple[Endpoint[Any], ...] = (
    message.getupstreammsgweek,
    message.getupstreammsgdistweek,
    message.getupstreammsgmonth,
    message.getupstreammsgdistmonth,
)
SUMMARY: tuple[Endpoint[Any], ...] = (article.getarticlesummary,)
FOLLOWERS: tuple[Endpoint[Any], ...] = (user.getusersummary, user.getusercumulate)

Found = Iterator[tuple[Endpoint[Any], Columns]]


def periods(
    engine: OpenEngine, facts: Facts, groups: Sequence[int], weeks: set[int], months: set[int]
) -> Found:
    """Rows of weeks and months that are over."""
    covered = {d for label in weeks for d in calendar.week(label)}
    covered |= {d for label in months for d in calendar.month(label)}
    numbers = np.asarray(sorted(covered), "i4")
    mondays = np.asarray([calendar.monday(d) for d in numbers.tolist()], "i4")
    firsts = np.asarray([calendar.first(d) for d in numbers.tolist()], "i4")
    engine.load(
        "calendar",
        {
            "d": numbers,
            "monday": mondays,
            "month": firsts,
            "week_over": np.isin(mondays, list(weeks)).astype("i4"),
            "month_over": np.isin(firsts, list(months)).astype("i4"),
        },
    )
    facts.read(engine, "message_day", "message_day", numbers.tolist(), groups)
    chosen = (*(PERIODS[:2] if weeks else ()), *(PERIODS[2:] if months else ()))
    yield from results(engine, chosen, ("message_day", "calendar"), sorted(weeks | months))
    _drop(engine, "message_day", "calendar")


def summary(
    engine: OpenEngine,
    facts: Facts,
    ledger: Ledger,
    groups: Sequence[int],
    days: Sequence[int],
) -> Iterator[tuple[Endpoint[Any], Columns, list[Published]]]:
    """Rows of getarticlesummary, of days whose articles became known, or changed, later."""
    facts.read(engine, "touched", "touched", days, groups)
    facts.read(engine, "article_times", "article_times", days, groups)
    articles = list(ledger.articles(touched(engine)).values())
    load_articles(engine, articles)
    given = ("touched", "article_times", "article")
    for endpoint, table in results(engine, SUMMARY, given, days):
        yield endpoint, table, articles
    _drop(engine, *given)


def _drop(engine: OpenEngine, *names: str) -> None:
    for name in names:
        engine.drop(name)


# --- followers -----------------------------------------------------------------------------------


def followers(
    ledger: Ledger, groups: Sequence[int], since: int, through: int
) -> tuple[Columns, Columns, list[tuple[int, int, int]]]:
    """Rows of getusersummary and getusercumulate from a day on, and what stands at days' ends."""
    first = ledger.first_days(groups)
    alive = _alive(first, since, through)
    changes = ledger.followers(groups, since, through)
    cumulated, standing = _cumulated(alive, changes)
    return _summed(alive, ledger.moved(since, through), set(first)), cumulated, standing


def _alive(first: dict[int, int], since: int, through: int) -> NDArray[Any]:
    pairs = [
        (acct, day) for acct in sorted(first) for day in range(max(since, first[acct]), through + 1)
    ]
    return np.asarray(pairs, "i8").reshape(-1, 2)


def _cumulated(
    alive: NDArray[Any], changes: list[tuple[int, int, int]]
) -> tuple[Columns, list[tuple[int, int, int]]]:
    standing: list[tuple[int, int, int]] = []
    at_day: dict[tuple[int, int], int] = {}
    number, account = 0, None
    for acct, day, change in changes:
        number = change if acct != account else number + change
        account = acct
        at_day[acct, day] = number
        standing.append((number, acct, day))
    values, account, number = [], None, 0
    for acct, day in alive.tolist():
        if acct != account:
            account, number = acct, at_day.get((acct, day - 1), 0)
            number = _before(at_day, acct, day)
        number = at_day.get((acct, day), number)
        values.append(number)
    table = {
        "acct": alive[:, 0],
        "ref_date": alive[:, 1],
        "cumulate_user": np.asarray(values, "i8"),
    }
    return table, standing


def _before(at_day: dict[tuple[int, int], int], acct: int, day: int) -> int:
    return at_day.get((acct, day - 1), 0)


def _summed(
    alive: NDArray[Any], moved: list[tuple[int, int, int, int, int]], accounts: set[int]
) -> Columns:
    found = {(acct, day, 0): (0, 0) for acct, day in alive.tolist()}
    for day, acct, source, won, lost in moved:
        if acct in accounts:
            found[acct, day, source] = (won, lost)
    rows = np.asarray([(*key, *value) for key, value in sorted(found.items())], "i8").reshape(-1, 5)
    names = ("acct", "ref_date", "user_source", "new_user", "cancel_user")
    return dict(zip(names, rows.T, strict=True))
