"""Interface of everything that returns rows: the API, the cube, an import, a simulated account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, Protocol

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window
from wxcube.errors import WxcubeError
from wxcube.i18n import Message


class Origin(StrEnum):
    """Origin of rows in the warehouse, the most trusted first."""

    WECHAT = "wechat"
    IMPORT = "import"
    CUBE = "cube"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row of an answer that cannot be decoded; the raw answer includes it."""

    position: int
    """Its position in WeChat's list, from 0."""
    ref_date: date | None
    """Its day, if that can be read."""
    reason: Message


@dataclass(frozen=True, slots=True)
class Answer(Generic[RowT]):
    """Result of one call: the rows of the window, the raw body, and what did not match the contract."""

    endpoint: Endpoint[RowT]
    window: Window
    rows: list[RowT]
    body: bytes
    asked_at: datetime
    is_delay: bool = False
    """Whether WeChat says that the figures are still being computed."""
    dropped_rows: int = 0
    """Rows left out because they are of other days or have a duplicate key."""
    unknown_columns: frozenset[str] = frozenset()
    """Columns missing in the contract; their values are in `body` only."""
    unknown_codes: frozenset[str] = frozenset()
    """Codes without a known meaning, such as `user_source=18`; the rows include them."""
    missing_columns: frozenset[str] = frozenset()
    """Documented columns that rows lack or have as null; they are None in these rows."""
    unreadable: tuple[UnreadableRow, ...] = ()
    """Rows that cannot be decoded; they are in `body` only."""
    server_date: datetime | None = None
    """The time of the server's clock when it answered, if the answer has it."""
    ask: int | None = None
    """Its number in the log of asks, if the attempt was logged."""

    def unreadable_on(self, day: date) -> tuple[UnreadableRow, ...]:
        """The unreadable rows that are, or may be, of a day."""
        return tuple(row for row in self.unreadable if row.ref_date in {day, None})


class AskLog(Protocol):
    """A log of the attempts that are sent to WeChat; it holds the budgets of calls."""

    async def begin(self, endpoint: Endpoint[Any], window: Window, params: Mapping[str, object]) -> int:
        """Log an attempt before it is sent, and return its number.

        Raises:  BudgetError if no calls of the endpoint are left today; then nothing is to be sent.
        """
        ...

    async def fail(self, ask: int, endpoint: Endpoint[Any], window: Window, params: Mapping[str, object], error: WxcubeError) -> None:
        """Log the error of an attempt; the outcome of an answer is logged when it is stored."""
        ...


class Source(Protocol):
    """Rows of one account, one call at a time."""

    @property
    def origin(self) -> Origin:
        """The origin under which the warehouse stores these rows."""
        ...

    async def ask(
        self, endpoint: Endpoint[RowT], window: Window, params: Mapping[str, object] | None = None, log: AskLog | None = None
    ) -> Answer[RowT]:
        """The answer for a window that one call allows; `log` is told of every attempt.

        Raises:  ContractError, ReplyError, TransportError or ShapeError, each with a `remedy`; BudgetError of the log.
        """
        ...
