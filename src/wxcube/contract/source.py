"""What anything that gives rows looks like: the API, the cube, an import, a simulated account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window


class Origin(StrEnum):
    """Where rows of the warehouse come from, the most trusted first."""

    WECHAT = "wechat"
    IMPORT = "import"
    CUBE = "cube"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class Answer(Generic[RowT]):
    """What one call gave: the rows inside the window, the raw reply, and what was odd about it."""

    endpoint: Endpoint[RowT]
    window: Window
    rows: list[RowT]
    body: bytes
    asked_at: datetime
    is_delay: bool = False
    """WeChat says the figures are still being computed."""
    dropped_rows: int = 0
    """Rows that were left out: of other days, or a second time with the same key."""
    unknown_columns: frozenset[str] = frozenset()
    """Columns the contract does not know; they stay in `body`."""
    unknown_codes: frozenset[str] = frozenset()
    """Codes without a known meaning, as `user_source=18`; they are in the rows."""


class Source(Protocol):
    """Rows of one account, one call at a time."""

    @property
    def origin(self) -> Origin:
        """Under which origin the warehouse keeps these rows."""
        ...

    async def ask(self, endpoint: Endpoint[RowT], window: Window, params: Mapping[str, object] | None = None) -> Answer[RowT]:
        """The answer for a window that fits into one call.

        Raises:  ContractError, ReplyError, TransportError or ShapeError; the error's `remedy`
            tells what to do.
        """
        ...
