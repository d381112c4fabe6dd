"""What an export reports: why there are no rows, and what is remarkable about those there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wxcube.contract.source import Origin
from wxcube.export.remarks import OriginChange, Remarks
from wxcube.i18n import COLON, Message, _, joined, plural, verbatim

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.export.stored_rows import StoredRows
    from wxcube.warehouse.day_rows import DayRows

MAX_CHANGES = 5
"""The maximum number of changes of origin that are reported one by one."""


@dataclass
class ExportReport:
    """The report on the rows of one endpoint."""

    stored: StoredRows
    remarks: Remarks = field(default_factory=Remarks)

    @property
    def endpoint(self) -> Endpoint[Any]:
        """The endpoint."""
        return self.stored.endpoint

    def watch(self, days: Iterable[DayRows[Any]]) -> Iterator[DayRows[Any]]:
        """The same days; the report is about them."""
        return self.remarks.watch(days)

    def reasons(self, now: datetime) -> Iterator[Message]:
        """Why there are no rows, for each account."""
        for appid in self.stored.appids:
            for reason in self._reasons_of(appid, now):
                with_account = _("{appid}: {reason}", appid=appid, reason=reason)
                yield with_account if len(self.stored.appids) > 1 else reason

    def notes(self, *, with_account: bool, with_marks: bool) -> Iterator[Message]:
        """What is remarkable about the rows; `with_account` names the account of each change."""
        for change in self.remarks.origin_changes[:MAX_CHANGES]:
            yield _change_of_origin(change, with_account=with_account)
        yield from _counts(self.remarks, with_marks=with_marks)

    def _reasons_of(self, appid: str, now: datetime) -> list[Message]:
        from wxcube.warehouse.explanation import explain_no_rows

        warehouse, endpoint, origin = self.stored.warehouse, self.endpoint, self.stored.origin
        if self.remarks.has_rows_of(appid):
            return [_('the rows have no entries in this part; --part "" exports them')]
        extent = warehouse.extent(appid, endpoint, origin)
        if origin and not extent:
            return [_("no rows of origin {origin} are stored", origin=origin.value)]
        by_origin = (warehouse.coverage_by_params(appid, endpoint, one) for one in Origin)
        entries = next((days for days in by_origin if days), {})
        reasons = explain_no_rows(endpoint, self.stored.window, entries.values(), now)
        return [*reasons, _("rows of {window} are stored", window=extent)] if extent else reasons


def _change_of_origin(change: OriginChange, *, with_account: bool) -> Message:
    message = _(
        "from {day} on the rows are of origin {after}, before of {before}",
        day=change.day,
        after=change.after.value,
        before=change.before.value,
    )
    series = " ".join(filter(None, (change.appid if with_account else "", change.params)))
    return joined((verbatim(series), message), COLON) if series else message


def _counts(remarks: Remarks, *, with_marks: bool) -> Iterator[Message]:
    """Messages about what is counted."""
    more = len(remarks.origin_changes) - MAX_CHANGES
    if more > 0:
        yield plural(
            "… and {n} more change of origin (column origin)",
            "… and {n} more changes of origin (column origin)",
            n=more,
        )
    if remarks.revised_days:
        yield plural(
            "{n} day has figures that changed after it was final (column revision)",
            "{n} days have figures that changed after they were final (column revision)",
            n=remarks.revised_days,
        )
    if remarks.withdrawn_rows and with_marks:
        yield plural(
            "{n} row was withdrawn: a later answer lacked it (withdrawn_at)",
            "{n} rows were withdrawn: later answers lacked them (withdrawn_at)",
            n=remarks.withdrawn_rows,
        )
    elif remarks.withdrawn_rows:
        yield plural(
            "{n} row is left out: a later answer lacked it",
            "{n} rows are left out: later answers lacked them",
            n=remarks.withdrawn_rows,
        )
