"""The computation of rollups from facts and the ledger: weeks, months, articles, followers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.contract import article, message, user
from wxcube.contract.endpoint import Endpoint
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental import schedule
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.daily_steps import (
    drop,
    load_articles,
    results,
    touched_articles,
    tuples,
)
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.ledger import Ledger
from wxcube.events.columns import Columns

WEEKS: tuple[Endpoint[Any], ...] = (message.getupstreammsgweek, message.getupstreammsgdistweek)
MONTHS: tuple[Endpoint[Any], ...] = (message.getupstreammsgmonth, message.getupstreammsgdistmonth)
SUMMARY: tuple[Endpoint[Any], ...] = (article.getarticlesummary,)
FOLLOWERS: tuple[Endpoint[Any], ...] = (user.getusersummary, user.getusercumulate)

EndpointTables = Iterator[tuple[Endpoint[Any], Columns]]


def periods(
    engine: OpenEngine, facts: Facts, groups: Sequence[int], weeks: set[int], months: set[int]
) -> EndpointTables:
    """The rows of complete weeks and months."""
    days = {day for label in weeks for day in schedule.week_days(label)}
    days |= {day for label in months for day in schedule.month_days(label)}
    numbers = np.asarray(sorted(days), "i4")
    mondays = np.asarray([schedule.monday(d) for d in numbers.tolist()], "i4")
    month_starts = np.asarray([schedule.month_start(d) for d in numbers.tolist()], "i4")
    engine.load(
        "calendar",
        {
            "d": numbers,
            "monday": mondays,
            "month": month_starts,
            "week_over": np.isin(mondays, list(weeks)).astype("i4"),
            "month_over": np.isin(month_starts, list(months)).astype("i4"),
        },
    )
    facts.read(engine, "message_day", "message_day", numbers.tolist(), groups)
    chosen = (*(WEEKS if weeks else ()), *(MONTHS if months else ()))
    tables = ("message_day", "calendar")
    yield from results(engine, chosen, tables, sorted(weeks | months))
    drop(engine, tables)


def summary(
    engine: OpenEngine,
    facts: Facts,
    ledger: Ledger,
    groups: Sequence[int],
    days: Sequence[int],
) -> Iterator[tuple[Endpoint[Any], Columns, Articles]]:
    """The rows of getarticlesummary of days whose articles became known, or changed, later."""
    facts.read(engine, "touched", "touched", days, groups)
    facts.read(engine, "article_times", "article_times", days, groups)
    articles = ledger.articles(tuples(touched_articles(engine)))
    load_articles(engine, articles)
    tables = ("touched", "article_times", "article")
    for endpoint, table in results(engine, SUMMARY, tables, days):
        yield endpoint, table, articles
    drop(engine, tables)


# --- followers -----------------------------------------------------------------------------------


def followers(
    ledger: Ledger, groups: Sequence[int], since: int, through: int
) -> tuple[Columns, Columns, list[tuple[int, int, int]]]:
    """The rows of getusersummary and getusercumulate from a day on, and the totals of days."""
    first_days = ledger.first_days(groups)
    account_days = _account_days(first_days, since, through)
    cumulate, totals = _cumulate(account_days, ledger.follower_changes(groups, since, through))
    follow_counts = ledger.follow_counts(since, through)
    return _summary(account_days, follow_counts, first_days), cumulate, totals


def _account_days(first_days: dict[int, int], since: int, through: int) -> Columns:
    """Every day of every account from the account's first on."""
    accounts = np.asarray(sorted(first_days), "i8")
    begins = np.asarray([max(since, first_days[acct]) for acct in sorted(first_days)], "i8")
    counts = np.maximum(through + 1 - begins, 0)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return {
        "acct": np.repeat(accounts, counts),
        "ref_date": np.repeat(begins, counts) + offset,
    }


def _cumulate(
    account_days: Columns, changes: list[tuple[int, int, int]]
) -> tuple[Columns, list[tuple[int, int, int]]]:
    """The followers at the end of each day: those of the last day with a change."""
    acct, day, change = _columns(changes, 3)
    running = np.cumsum(change)
    begins = np.flatnonzero(np.diff(acct, prepend=-1))
    earlier_accounts = np.repeat(
        running[begins] - change[begins], np.diff(begins, append=len(acct))
    )
    total = running - earlier_accounts
    wanted = _packed(account_days["acct"], account_days["ref_date"])
    last = np.searchsorted(_packed(acct, day), wanted, "right")
    values = total[last - 1] if len(total) else np.zeros(0, "i8")
    totals = list(zip(total.tolist(), acct.tolist(), day.tolist(), strict=True))
    return account_days | {"cumulate_user": values}, totals


def _summary(
    account_days: Columns,
    follow_counts: list[tuple[int, int, int, int, int]],
    accounts: dict[int, int],
) -> Columns:
    """Follows and unfollows by source; a day without any has a row of zeros."""
    day, acct, source, new, cancelled = _columns(follow_counts, 5)
    known = np.isin(acct, list(accounts))
    zeros = np.zeros(len(account_days["acct"]), "i8")
    acct = np.concatenate((acct[known], account_days["acct"]))
    day = np.concatenate((day[known], account_days["ref_date"]))
    source, new, cancelled = (np.concatenate((c[known], zeros)) for c in (source, new, cancelled))
    order = np.lexsort((-new - cancelled, source, day, acct))
    acct, day, source, new, cancelled = (c[order] for c in (acct, day, source, new, cancelled))
    is_first = np.ones(len(order), "?")
    is_first[1:] = (np.diff(acct) != 0) | (np.diff(day) != 0) | (np.diff(source) != 0)
    names = ("acct", "ref_date", "user_source", "new_user", "cancel_user")
    columns = (acct, day, source, new, cancelled)
    return {name: column[is_first] for name, column in zip(names, columns, strict=True)}


def _columns(rows: Sequence[tuple[int, ...]], count: int) -> NDArray[Any]:
    return np.asarray(rows, "i8").reshape(-1, count).T


def _packed(acct: NDArray[Any], day: NDArray[Any]) -> NDArray[Any]:
    """Account and day as one number; no day is before 1970."""
    packed: NDArray[Any] = (acct << 32) + day
    return packed
