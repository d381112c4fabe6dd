"""Reads the figures of one page: every question once, all at one time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Any, TypeVar

from wxcube.beijing import yesterday
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Adding, leaves
from wxcube.contract.window import Window
from wxcube.figures.filter import Filter, Rolling
from wxcube.figures.state import NEVER, Coverage, Mark, coverage, mark_of
from wxcube.i18n import Message, _
from wxcube.warehouse.aggregates import Selection, Sums
from wxcube.warehouse.store import Warehouse

Group = tuple[Any, ...]
Made = TypeVar("Made")
MOST_ACCOUNTS = 12
"""Accounts that are shown if none are chosen."""


@dataclass(frozen=True, slots=True)
class Days:
    """Columns of an endpoint by account and day, with the state of every day.

    `values` has a tuple of columns by group (such as a source) for every day with rows.
    """

    accounts: tuple[str, ...]
    labels: tuple[date, ...]
    """The days, Mondays or firsts of the window, whether they have rows or not."""
    names: tuple[str, ...]
    adding: Mapping[str, Adding]
    values: Mapping[tuple[str, date], Mapping[Group, tuple[Any, ...]]]
    marks: Mapping[tuple[str, date], Mark]

    def value(self, appid: str, day: date, name: str, group: Group = ()) -> Any:
        """A figure of a day; None if it is missing.

        It is 0 for a group without a row on a day that has rows of others, if it may be added up.
        """
        of_day = self.values.get((appid, day))
        if of_day is None:
            return None
        if group not in of_day:
            return 0 if self.adding[name] is Adding.SUM else None
        return of_day[group][self.names.index(name)]

    def groups(self) -> list[Group]:
        """The groups that occur, in the order of their values."""
        return sorted({group for of_day in self.values.values() for group in of_day})

    def over(
        self, name: str, appid: str, group: Group = (), some: Sequence[date] | None = None
    ) -> float | None:
        """A figure of an account over all days or some, aggregated as the contract says.

        Days whose figures can still change are not in the median of several days.
        """
        days, adding = self.labels if some is None else some, self.adding[name]
        if adding is Adding.DISTINCT and len(days) > 1:
            days = [day for day in days if not self.is_moving(appid, day)]
        return aggregated((self.value(appid, day, name, group) for day in days), adding)

    def is_moving(self, appid: str, day: date) -> bool:
        """Whether the figures of a day can still change."""
        return self.marks.get((appid, day), NEVER).is_moving

    def coverage(self, accounts: Iterable[str] = ()) -> Coverage:
        """How many of the days have figures, of all accounts or of some."""
        some = set(accounts) or set(self.accounts)
        return coverage({key: mark for key, mark in self.marks.items() if key[0] in some})


class Reader:
    """The figures of a database at a time; equal questions are read once.

    `now` decides what yesterday is, and `daily_calls` is the limit of calls per endpoint and day,
    where one is set. It is made for one page and thrown away.
    """

    def __init__(self, warehouse: Warehouse, now: datetime, daily_calls: int | None = None) -> None:
        self.warehouse = warehouse
        self.now = now
        self.daily_calls = daily_calls
        self.yesterday = yesterday(now)
        self._known: dict[tuple[Any, ...], Any] = {}

    def accounts(self, of: Filter) -> tuple[str, ...]:
        """The accounts that are shown: those of a filter, or the first ones if it names none."""
        return of.accounts or self.all_accounts(of)[:MOST_ACCOUNTS]

    def all_accounts(self, of: Filter) -> tuple[str, ...]:
        """The accounts of a filter; all that are known if it names none."""
        return of.accounts or self.once(("accounts",), lambda: tuple(self.warehouse.accounts()))

    def notes_on_accounts(self, of: Filter) -> tuple[Message, ...]:
        """A sentence, if not all accounts are shown."""
        shown, known = self.accounts(of), self.all_accounts(of)
        if shown == known:
            return ()
        return (
            _(
                "Only the first {n} of {all} accounts are shown; choose accounts to see others.",
                n=len(shown),
                all=len(known),
            ),
        )

    def window(self, of: Filter, *endpoints: Endpoint[Any]) -> Window:
        """The days of a filter; `all` begins with the oldest rows of the endpoints."""
        if of.range is not Rolling.ALL:
            return of.window(self.yesterday, self.yesterday)
        return of.window(self.yesterday, self._oldest(of, endpoints))

    def days(
        self,
        endpoint: Endpoint[Any],
        accounts: Sequence[str],
        window: Window,
        names: Sequence[str],
        **how: Any,
    ) -> Days:
        """Columns of an endpoint by account and day, and by the columns `by` within a day.

        `by`, `only`, `part` and `is_disjoint` are those of a `Selection`.
        """
        selection = Selection(endpoint, window, tuple(names), **how)
        found = self._sums(accounts, selection)
        # a day without such rows is known all the same, if it has others
        is_some = selection.only or selection.part
        top = self._sums(accounts, Selection(endpoint, window, ())) if is_some else found
        origins = {(one.appid, one.day): one.origin for one in top}
        values: dict[tuple[str, date], dict[Group, tuple[Any, ...]]] = {key: {} for key in origins}
        for one in found:
            values.setdefault((one.appid, one.day), {})[one.group] = one.values
        labels = self.once(
            (endpoint.first_date, endpoint.grain, window),
            lambda: tuple(label for label in endpoint.labels_over(window) if label in window),
        )
        states = self.once(
            (endpoint.name, tuple(accounts), window),
            lambda: self.warehouse.states(self._appids(accounts), endpoint, window),
        )
        marks = {
            key: mark_of(states.get(key, ()), origins.get(key))
            for appid in accounts
            for day in labels
            for key in ((appid, day),)
        }
        kinds = {column.name: column.kind for _path, column in leaves(endpoint.row)}
        adding = {name: kinds[name].adding for name in names}
        return Days(tuple(accounts), labels, tuple(names), adding, values, marks)

    def once(self, key: Group, make: Callable[[], Made]) -> Made:
        """What `make` gives; it is made once for each key."""
        if key not in self._known:
            self._known[key] = make()
        made: Made = self._known[key]
        return made

    def _sums(self, accounts: Sequence[str], selection: Selection) -> list[Sums]:
        return self.once(
            (tuple(accounts), selection),
            lambda: self.warehouse.sums(self._appids(accounts), selection),
        )

    def _appids(self, accounts: Sequence[str]) -> Sequence[str] | None:
        """The accounts as the warehouse wants them: None if they are all that it has."""
        return None if tuple(accounts) == self.all_accounts(Filter()) else accounts

    def _oldest(self, of: Filter, endpoints: Sequence[Endpoint[Any]]) -> date:
        extents = (
            self.warehouse.extent(appid, endpoint)
            for appid in self.accounts(of)
            for endpoint in endpoints
        )
        return min((extent.first for extent in extents if extent), default=self.yesterday)


def aggregated(values: Iterable[float | None], adding: Adding) -> float | None:
    """Values of days as one, as the contract allows; None without any.

    Users are not added up: theirs is the median of the days.
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    match adding:
        case Adding.SUM:
            return sum(known)
        case Adding.MAX:
            return max(known)
        case Adding.LAST:
            return known[-1]
        case Adding.DISTINCT:
            return median(known)
        case _:
            return None
