"""The backend of the protocol server: apps that may call it, and the rows they get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Generic, Protocol

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window
from wxcube.server.reply import Later, Reply


@dataclass(frozen=True, slots=True)
class App:
    """A caller: its credentials, its account, and which endpoints it may call."""

    appid: str
    secret: str = field(default="", repr=False)
    """Of a simulated app, in plain text."""
    account: str = ""
    permission_sets: frozenset[int] = frozenset()
    daily_limit: int | None = None
    """Calls per endpoint and Beijing day; None means no limit."""
    minute_limit: int | None = None
    """Calls per minute; None means no limit."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Where it may call from; empty means anywhere."""
    is_platform: bool = False
    """Whether it is treated as a third-party platform: 61007 instead of 48001."""
    gets_wechat_token: bool = False
    """Whether it is given WeChat's own token of its account."""
    secret_hash: str = field(default="", repr=False)
    """The hash of its secret, in place of `secret`."""

    def may_call_from(self, client: str) -> bool:
        """Whether it may call from an address."""
        return not self.networks or _is_inside(client, self.networks)

    @property
    def unauthorized(self) -> int:
        """The errcode of a call that it has no right to."""
        return 61007 if self.is_platform else 48001


@lru_cache(maxsize=4_096)
def _is_inside(client: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    return any(address in one for one in networks)


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
    ) -> RowSet[RowT] | Reply | Later:
        """The rows available now whose ref_date is in a window; or the reply with them.

        Raises:  ReplyError to return its errcode instead; so may making a later reply.
        """
        ...
