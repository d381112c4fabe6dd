"""What the protocol server needs behind it: apps that may call, and rows to answer with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window


@dataclass(frozen=True, slots=True)
class App:
    """Somebody who may call: credentials, whose figures they see, and which of them."""

    appid: str
    secret: str = field(repr=False)
    account: str
    permission_sets: frozenset[int]
    daily_limit: int | None = None
    """Calls per endpoint and Beijing day; None is no limit."""


@dataclass(frozen=True, slots=True)
class Found(Generic[RowT]):
    """Rows of a window, and whether they are still being computed."""

    rows: Sequence[RowT]
    is_delay: bool = False


class Backend(Protocol):
    """Where answers come from."""

    def app(self, appid: str) -> App | None:
        """The app with this appid, or None."""
        ...

    def rows(
        self,
        app: App,
        endpoint: Endpoint[RowT],
        window: Window,
        params: Mapping[str, object],
    ) -> Found[RowT]:
        """The rows whose ref_date lies in a window, as far as they can be known now.

        Raises:  ReplyError to answer with its errcode instead.
        """
        ...
