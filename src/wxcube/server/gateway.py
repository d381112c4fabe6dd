"""The warehouse as a backend of WeChat's protocol, used by `wxcube serve`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from wxcube import beijing
from wxcube.beijing import Clock, SystemClock
from wxcube.contract.codes import ERRCODES, reply_error
from wxcube.contract.encoding import answer_of
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import ReplyError
from wxcube.server.app_directory import AppDirectory
from wxcube.server.apps import LocalApp
from wxcube.server.backend import App
from wxcube.server.messages import Reply
from wxcube.warehouse.coverage import State

if TYPE_CHECKING:
    from wxcube.warehouse.served import ServedDay
    from wxcube.warehouse.store import Warehouse

NOT_READY = 61503


class Missing(StrEnum):
    """What days are answered with that were never loaded."""

    REFUSE = "refuse"
    """The errcode 61503, which says which days."""
    EMPTY = "empty"
    """No rows, as WeChat does."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer of the database."""

    reply: Reply
    missing: Sequence[date] = ()
    """Days that were never loaded."""
    days: int = 0
    """The number of days that are asked for."""
    is_lasting: bool = True
    """Whether it stays the same until somebody stores figures, whatever the time is."""

    def refusal(self) -> ReplyError:
        """The error that says which days are missing."""
        first, last = self.missing[0], self.missing[-1]
        which = f"{first}" if first == last else f"{first} to {last}"
        if self.days == 1:
            what = f"{which} was never loaded; wxcube sync loads it"
        else:
            count = f"{len(self.missing)} of {self.days}"
            what = f"{count} days were never loaded ({which}); wxcube sync loads them"
        return reply_error(NOT_READY, f"{ERRCODES[NOT_READY].errmsg}: {what}")


class Gateway:
    """Gives each local app the stored rows of its account.

    Withdrawn rows, which WeChat's last answer lacked, are among them, with the further member
    `withdrawn_at`; if `strict`, they are left out. Rows computed from events are
    answered when WeChat would answer them; if `is_live`, as soon as they are stored.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        apps: AppDirectory | Iterable[LocalApp],
        clock: Clock | None = None,
        *,
        strict: bool = False,
        missing: Missing = Missing.REFUSE,
        is_live: bool = False,
    ) -> None:
        self._warehouse = warehouse
        self._apps = apps if isinstance(apps, AppDirectory) else AppDirectory(apps)
        self._clock = clock or SystemClock()
        self._strict = strict
        self._missing = missing
        self._is_live = is_live

    def app(self, appid: str) -> App | None:
        """The local app with this appid."""
        return self._apps.app(appid)

    def rows(
        self, app: App, endpoint: Endpoint[RowT], window: Window, params: Mapping[str, object]
    ) -> Reply:
        """The stored rows of a window.

        Raises:  ReplyError 61503 if days of it were never loaded.
        """
        return self.checked(self.read(app.account, endpoint, window, params))

    def checked(self, answer: StoredAnswer) -> Reply:
        """The reply of an answer.

        Raises:  ReplyError 61503 if days of it were never loaded.
        """
        if answer.missing and self._missing is Missing.REFUSE:
            raise answer.refusal()
        return answer.reply

    def read(
        self,
        account: str,
        endpoint: Endpoint[Any],
        window: Window,
        params: Mapping[str, object],
    ) -> StoredAnswer:
        """The answer of the database; delayed if a day of it is not settled.

        Raises:  WarehouseError.
        """
        now = self._clock.now()
        served = self._warehouse.served_window(
            account,
            endpoint,
            window,
            params,
            with_withdrawn=not self._strict,
            answered_at=None if self._is_live else now,
        )
        days = _together(served.days)
        yesterday = beijing.yesterday(now)
        is_over = window.last <= yesterday and not endpoint.has_labels
        labels = () if is_over and days.are_loaded else endpoint.labels(window)
        open_days = () if is_over else _open_days(endpoint, labels, yesterday)
        missing = [
            day
            for day, one in zip(labels, served.days, strict=False)
            if not one.is_loaded and day not in open_days
        ]
        is_delay = endpoint.has_delay_flag and not days.are_current
        body = answer_of(endpoint, served.rows, is_delay=is_delay)
        reply = Reply(body, rows=served.count, headers=days.headers)
        is_lasting = not open_days and not served.lacks_unfinished
        return StoredAnswer(reply, missing, len(served.days), is_lasting)


def _open_days(endpoint: Endpoint[Any], labels: Iterable[date], yesterday: date) -> list[date]:
    """The days, weeks and months that are not over."""
    if endpoint.has_labels:
        return [label for label in labels if endpoint.period(label).last > yesterday]
    return [day for day in labels if day > yesterday]


class _Together(NamedTuple):
    """What is said of several days together."""

    headers: tuple[tuple[bytes, bytes], ...]
    """Where the rows are from, and how far the days are."""
    are_loaded: bool
    are_current: bool


@lru_cache(maxsize=4_096)
def _together(days: tuple[ServedDay, ...]) -> _Together:
    """What is said of days. PERF: most windows are in the same few states."""
    origins = {one.origin for one in days}
    states = Counter(one.state for one in days)
    texts = {
        b"x-wxcube-origin": ", ".join(one for one in Origin if one in origins),
        b"x-wxcube-coverage": ", ".join(f"{one}={states[one]}" for one in State if states[one]),
    }
    return _Together(
        tuple((name, text.encode()) for name, text in texts.items() if text),
        all(one.is_loaded for one in days),
        all(one.is_current for one in days),
    )
