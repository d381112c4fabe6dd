"""Simulated accounts and their rows, computed on first use and cached."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from wxcube.beijing import BEIJING_SECONDS, DAY_SECONDS, day_number
from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint, Group, RowT
from wxcube.contract.visible import visible
from wxcube.contract.window import Window
from wxcube.cube.compute import CubeRows, compute
from wxcube.emulator.first_years import Readers, as_in_their_time, readers_by_hour_and_day
from wxcube.events.columns import Batch, Columns, family
from wxcube.simulator.simulator import SimulatedAccount, card_rows, simulate, simulated_accounts

LOOKAHEAD = timedelta(days=7)
"""Days computed in advance, so that moving the clock by a day needs no new computation."""


class MeasuredReplies(Protocol):
    """Replies of a real server: parallel lists."""

    appid: list[str]
    at: list[int]
    ms: list[int]
    ok: list[bool]


ByDay = dict[date, list[Any]]


class Simulation:
    """Accounts generated from a seed, and their rows up to any day.

    Cost:  the first rows, and rows beyond the days computed so far, need a computation over all
        days; about a second for two accounts and 120 days.
    """

    def __init__(self, seed: int, accounts: int, first_day: date) -> None:
        self.seed = seed
        self.first_day = first_day
        self.accounts: dict[str, SimulatedAccount] = {
            account.appid: account for account in simulated_accounts(seed, accounts, first_day)
        }
        self._cube: CubeRows | None = None
        self._readers: dict[str, Readers] = {}
        self._computed_through = date.min
        self._by_day: dict[tuple[str, str], ByDay] = {}
        self._lock = threading.RLock()
        self._replies: Columns | None = None
        self._replies_through = date.min

    def compute(self, last_day: date) -> CubeRows:
        """The cube's rows up to a day or later, computed unless they are cached."""
        with self._lock:
            if self._cube is None or last_day > self._computed_through:
                through = max(last_day, self.first_day) + LOOKAHEAD
                batch = self._with_measured(simulate(list(self.accounts.values()), through))
                self._cube = compute(batch, through)
                self._readers = readers_by_hour_and_day(batch)
                self._computed_through, self._by_day = through, {}
            return self._cube

    def use_replies(self, replies: MeasuredReplies, through: date) -> None:
        """Replace the simulated replies up to a day's end by these and earlier ones."""
        numbers = {appid: place for place, appid in enumerate(self.accounts)}
        measured = family(
            "reply",
            account=[numbers[appid] for appid in replies.appid],
            at=replies.at,
            ms=replies.ms,
            ok=replies.ok,
        )
        with self._lock:
            earlier = self._replies or {name: values[:0] for name, values in measured.items()}
            joined = {name: np.concatenate([earlier[name], measured[name]]) for name in measured}
            self._replies, self._replies_through, self._cube = joined, through, None

    def _with_measured(self, batch: Batch) -> Batch:
        """The events with the measured replies; those of an account are ordered by time."""
        if self._replies is None:
            return batch
        start = (day_number(self._replies_through) + 1) * DAY_SECONDS - BEIJING_SECONDS
        later, earlier = batch.reply["at"] >= start, self._replies["at"] < start
        joined = {
            name: np.concatenate([self._replies[name][earlier], batch.reply[name][later]])
            for name in batch.reply
        }
        order = np.lexsort((joined["at"], joined["account"]))
        return replace(batch, reply={name: values[order] for name, values in joined.items()})

    def prepare(self, last_day: date) -> None:
        """Compute the rows of every account and endpoint, so that no call waits for them."""
        for appid in self.accounts:
            for endpoint in ENDPOINTS:
                if endpoint.group is not Group.CARD:
                    self._indexed(appid, endpoint, last_day)

    def rows(
        self,
        appid: str,
        endpoint: Endpoint[RowT],
        window: Window,
        last_day: date,
        params: Mapping[str, object],
    ) -> list[RowT]:
        """The rows of a window that are available when `last_day` is the newest day."""
        if endpoint.group is Group.CARD:
            return self._cards(appid, endpoint, window, last_day, params)
        by_day = self._indexed(appid, endpoint, last_day)
        rows: list[RowT] = [row for day in window for row in by_day.get(day, ())]
        return visible(endpoint, rows, last_day)

    def all_rows(
        self,
        appid: str,
        endpoint: Endpoint[RowT],
        last_day: date,
        params: Mapping[str, object],
    ) -> list[RowT]:
        """All rows that are available when `last_day` is the newest day."""
        if last_day < self.first_day:
            return []
        # the label of a week or month may be earlier than the account's first day
        first = max(endpoint.label(self.first_day), endpoint.first_date)
        if last_day < first:
            return []
        return self.rows(appid, endpoint, Window(first, last_day), last_day, params)

    def _cards(
        self,
        appid: str,
        endpoint: Endpoint[RowT],
        window: Window,
        last_day: date,
        params: Mapping[str, object],
    ) -> list[RowT]:
        if last_day < self.first_day:
            return []
        available = window.overlap(Window(self.first_day, last_day))
        return card_rows(self.accounts[appid], endpoint, available, params) if available else []

    def _indexed(self, appid: str, endpoint: Endpoint[Any], last_day: date) -> ByDay:
        with self._lock:
            cube = self.compute(last_day)
            key = (appid, endpoint.name)
            if key not in self._by_day:
                rows = as_in_their_time(endpoint, cube.rows(appid, endpoint), self._readers[appid])
                self._by_day[key] = _by_day(rows)
            return self._by_day[key]


@lru_cache(maxsize=4)
def shared_simulation(seed: int, accounts: int, first_day: date) -> Simulation:
    """The simulation with these settings, shared by all emulators of the process."""
    return Simulation(seed, accounts, first_day)


def _by_day(rows: list[Any]) -> ByDay:
    by_day: ByDay = defaultdict(list)
    for row in rows:
        by_day[row.ref_date].append(row)
    return dict(by_day)
