"""The backend of the protocol server: apps that may call it, and the rows they get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window


@dataclass(frozen=True, slots=True)
class App:
    """A caller: its credentials, its account, and which endpoints it may call."""

    appid: str
    secret: str = field(repr=False)
    account: str
    permission_sets: frozenset[int]
    daily_limit: int | None = None
    """Calls per endpoint and Beijing day; None means no limit."""


@dataclass(frozen=True, slots=True)
class RowSet(Generic[RowT]):
    """Rows of a window, and whether they are still being computed."""

    rows: Sequence[RowT]
    is_delay: bool = False


class Backend(Protocol):
    """A source of apps and rows."""

    def app(self, appid: str) -> App | None:
        """The app with this appid, or None."""
        ...

    def rows(
        self,
        app: App,
        endpoint: Endpoint[RowT],
        window: Window,
        params: Mapping[str, object],
    ) -> RowSet[RowT]:
        """The rows available now whose ref_date is in a window.

        Raises:  ReplyError to return its errcode instead.
        """
        ...
