"""Handing computed rows over, each with exactly what it replaces."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from wxcube.beijing import day_number
from wxcube.contract.endpoint import Endpoint
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.rows import Part, Sink
from wxcube.cube.incremental.watermark import Watermark
from wxcube.events.columns import Columns

_NONE = Articles.none()


class Handing:
    """The way from a build to its sink; counts the rows."""

    def __init__(self, sink: Sink, group_count: int) -> None:
        """To a sink; accounts are in so many groups."""
        self._sink = sink
        self._group_count = group_count
        self.rows = 0

    def last_day(self, groups: Collection[int]) -> int:
        """The last day of which builds before this one handed rows over; 0 if there is none."""
        days = self.last_days.items()
        of = (day for account, day in days if account % self._group_count in groups)
        return max(of, default=0)

    @cached_property
    def last_days(self) -> Mapping[int, int]:
        """The last day of which the sink had anything before, by account."""
        return self._sink.last_days()

    @property
    def watermark(self) -> Watermark | None:
        """The sink's mark."""
        return self._sink.watermark()

    def set_watermark(self, mark: Watermark) -> None:
        """Mark the sink."""
        self._sink.set_watermark(mark)

    def rows_of(  # noqa: PLR0913 - what a part consists of
        self,
        endpoint: Endpoint[Any],
        accounts: Mapping[int, int],
        labels: Iterable[int],
        table: Columns,
        articles: Articles = _NONE,
        *,
        stats: range | None = None,
        is_new: bool = False,
    ) -> None:
        """Hand over the rows of an endpoint; labels before its first date are left out."""
        earliest = day_number(endpoint.first_date)
        chosen = tuple(label for label in labels if label >= earliest)
        if not chosen:
            return
        self.rows += len(table["acct"])
        part = Part(
            endpoint=endpoint,
            accounts=accounts,
            labels=chosen,
            table=table,
            articles=articles,
            stats=stats,
            is_new=is_new,
        )
        self._sink.replace(part)

    def nothing_of(
        self,
        endpoint: Endpoint[Any],
        first_days: Mapping[int, int],
        lacking: Mapping[tuple[int, ...], Sequence[int]],
        like: Columns,
    ) -> None:
        """Hand over that accounts have no rows of days; `like` shows the columns."""
        nothing = {name: column[:0] for name, column in like.items()}
        for days, accounts in lacking.items():
            since = {account: first_days[account] for account in accounts}
            self.rows_of(endpoint, since, days, nothing)
