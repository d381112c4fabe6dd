"""Rows made of facts of several days: weeks, months, followers, running totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from wxcube.contract import article, message, user
from wxcube.contract.endpoint import Endpoint
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental import schedule as calendar
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.daily_steps import lines, load_articles, results, touched
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.ledger import Ledger
from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Columns

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
) -> Iterator[tuple[Endpoint[Any], Columns, Articles]]:
    """Rows of getarticlesummary, of days whose articles became known, or changed, later."""
    facts.read(engine, "touched", "touched", days, groups)
    facts.read(engine, "article_times", "article_times", days, groups)
    articles = ledger.articles(lines(touched(engine)))
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
    cumulated, standing = _cumulated(alive, ledger.followers(groups, since, through))
    return _summed(alive, ledger.moved(since, through), first), cumulated, standing


def _alive(first: dict[int, int], since: int, through: int) -> Columns:
    """Every account and day from its first on."""
    accounts = np.asarray(sorted(first), "i8")
    begins = np.asarray([max(since, first[acct]) for acct in sorted(first)], "i8")
    counts = np.maximum(through + 1 - begins, 0)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return {
        "acct": np.repeat(accounts, counts),
        "ref_date": np.repeat(begins, counts) + place,
    }


def _cumulated(
    alive: Columns, changes: list[tuple[int, int, int]]
) -> tuple[Columns, list[tuple[int, int, int]]]:
    """Followers at the end of each day: those of the last day on which they changed."""
    acct, day, change = _columns(changes, 3)
    total = np.cumsum(change)
    begins = np.flatnonzero(np.diff(acct, prepend=-1))
    before = np.repeat(total[begins] - change[begins], np.diff(begins, append=len(acct)))
    number = total - before
    last = np.searchsorted(_in_one(acct, day), _in_one(alive["acct"], alive["ref_date"]), "right")
    values = number[last - 1] if len(number) else np.zeros(0, "i8")
    standing = list(zip(number.tolist(), acct.tolist(), day.tolist(), strict=True))
    return alive | {"cumulate_user": values}, standing


def _summed(
    alive: Columns, moved: list[tuple[int, int, int, int, int]], accounts: dict[int, int]
) -> Columns:
    """Follows and unfollows by source; a day without has a line of zeros."""
    day, acct, source, won, lost = _columns(moved, 5)
    known = np.isin(acct, list(accounts))
    none = np.zeros(len(alive["acct"]), "i8")
    acct = np.concatenate((acct[known], alive["acct"]))
    day = np.concatenate((day[known], alive["ref_date"]))
    source, won, lost = (np.concatenate((c[known], none)) for c in (source, won, lost))
    line = np.lexsort((-won - lost, source, day, acct))
    acct, day, source, won, lost = (c[line] for c in (acct, day, source, won, lost))
    kept = np.ones(len(line), "?")
    kept[1:] = (np.diff(acct) != 0) | (np.diff(day) != 0) | (np.diff(source) != 0)
    names = ("acct", "ref_date", "user_source", "new_user", "cancel_user")
    return {n: c[kept] for n, c in zip(names, (acct, day, source, won, lost), strict=True)}


def _columns(rows: Sequence[tuple[int, ...]], count: int) -> NDArray[Any]:
    return np.asarray(rows, "i8").reshape(-1, count).T


def _in_one(acct: NDArray[Any], day: NDArray[Any]) -> NDArray[Any]:
    """Account and day as one number; days before 1970 there are none."""
    found: NDArray[Any] = (acct << 32) + day
    return found
