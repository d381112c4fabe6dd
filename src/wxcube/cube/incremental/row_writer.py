"""Writes computed rows to a sink, each batch with exactly the rows it replaces."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from wxcube.beijing import day_number
from wxcube.contract.endpoint import Endpoint
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.rows import RowBatch, Sink
from wxcube.cube.incremental.watermark import Watermark
from wxcube.events.columns import Columns

_NO_ARTICLES = Articles.none()


class RowWriter:
    """Writes the rows of a build to its sink."""

    def __init__(self, sink: Sink, group_count: int) -> None:
        """A writer to a sink, for accounts in a number of groups."""
        self._sink = sink
        self._group_count = group_count

    def last_day(self, groups: Collection[int]) -> int:
        """The last day of which earlier builds wrote rows of some groups; 0 if there is none."""
        days = self.last_days.items()
        of_groups = (day for account, day in days if account % self._group_count in groups)
        return max(of_groups, default=0)

    @cached_property
    def last_days(self) -> Mapping[int, int]:
        """The last day with rows in the sink before this build, by account."""
        return self._sink.last_days()

    @property
    def watermark(self) -> Watermark | None:
        """The watermark of the sink."""
        return self._sink.watermark()

    def set_watermark(self, watermark: Watermark) -> None:
        """Set the watermark of the sink."""
        self._sink.set_watermark(watermark)

    def write(  # noqa: PLR0913 - the fields of a batch
        self,
        endpoint: Endpoint[Any],
        accounts: Mapping[int, int],
        labels: Iterable[int],
        table: Columns,
        articles: Articles = _NO_ARTICLES,
        *,
        stat_dates: range | None = None,
        is_partial: bool = False,
        is_new: bool = False,
    ) -> None:
        """Write the rows of an endpoint; labels before its first date are left out."""
        earliest = day_number(endpoint.first_date)
        valid = tuple(label for label in labels if label >= earliest)
        if not valid:
            return
        batch = RowBatch(
            endpoint=endpoint,
            accounts=accounts,
            labels=valid,
            table=table,
            articles=articles,
            stat_dates=stat_dates,
            is_partial=is_partial,
            is_new=is_new,
        )
        self._sink.replace(batch)

    def write_empty(
        self,
        endpoint: Endpoint[Any],
        first_days: Mapping[int, int],
        accounts_by_days: Mapping[tuple[int, ...], Sequence[int]],
        template: Columns,
    ) -> None:
        """Write that accounts have no rows on days, or no entries if they begin later.

        `template` has the endpoint's columns.
        """
        empty = {name: column[:0] for name, column in template.items()}
        for days, accounts in accounts_by_days.items():
            since = {account: first_days[account] for account in accounts}
            self.write(endpoint, since, days, empty)
