"""What a reader of an export is told: changes of origin, revised days and withdrawn rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from wxcube.contract.endpoint import RowT
from wxcube.contract.source import Origin
from wxcube.contract.withdrawn import count_withdrawn
from wxcube.warehouse.day_rows import DayRows


@dataclass(frozen=True, slots=True)
class OriginChange:
    """The first day of a series that is of another origin than the rows before it."""

    appid: str
    params: str
    day: date
    before: Origin
    after: Origin


@dataclass(slots=True)
class Remarks:
    """What is remarkable about the days of an export; complete when all of them were read."""

    origin_changes: list[OriginChange] = field(default_factory=list)
    revised_days: int = 0
    """Days whose figures changed after they were final."""
    withdrawn_rows: int = 0
    """Rows, nested ones included, that later answers lacked."""
    _last: dict[tuple[str, str], tuple[date, Origin]] = field(default_factory=dict, repr=False)

    def has_rows_of(self, appid: str) -> bool:
        """Whether any of the days was of an account."""
        return any(of == appid for of, _params in self._last)

    def watch(self, days: Iterable[DayRows[RowT]]) -> Iterator[DayRows[RowT]]:
        """The same days; each is looked at on its way."""
        for day in days:
            self._add(day)
            yield day

    def _add(self, day: DayRows[RowT]) -> None:
        series = (day.appid, day.params)
        last = self._last.get(series)
        if last and last[1] is not day.origin:
            change = OriginChange(day.appid, day.params, day.day, last[1], day.origin)
            self.origin_changes.append(change)
        if last != (day.day, day.origin) and day.entry and day.entry.revision:
            self.revised_days += 1
        self._last[series] = (day.day, day.origin)
        self.withdrawn_rows += sum(map(count_withdrawn, day.rows))
