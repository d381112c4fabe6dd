"""Limits on who tries secrets and tokens.

Wrong secrets count for each caller and app, and for each caller alone; tokens that nobody issued
count for each caller. Beyond the limit a caller gets 45011 until the minute is over, and its secret
is not even looked at: a right one does not help. An app that has logged in from the same address
is not held up by the failures of others there. The log has one entry for each.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

import structlog

from wxcube.beijing import Clock
from wxcube.server.messages import Call, refusal

SECRETS_A_MINUTE = 10
"""Wrong secrets of an app from one caller."""
SECRETS_OF_A_CALLER = 100
"""Wrong secrets from one caller, of any apps."""
TOKENS_OF_A_CALLER = 100
"""Tokens that nobody issued, from one caller."""
_REMEMBERED = 10_000
"""Callers and apps that are remembered; the oldest is forgotten."""
_LONGEST_NAME = 64
_NEIGHBOURS = 64
"""Bits of an IPv6 address that a caller cannot choose."""

_log = structlog.get_logger()


@dataclass(slots=True)
class _Minute:
    number: int
    count: int = 0


class Failures:
    """Counts wrong secrets and tokens; threads may share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: OrderedDict[tuple[str, ...], _Minute] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def require_few(self, call: Call, appid: str) -> None:
        """Refuse a caller that tried too many wrong secrets in this minute.

        Raises:  ReplyError 45011.
        """
        caller, name = _caller(call), appid[:_LONGEST_NAME]
        with self._lock:
            if self._count("secret", caller, name) >= SECRETS_A_MINUTE:
                raise refusal(45011)
            is_known = (caller, name) in self._known
            if not is_known and self._count("caller", caller) >= SECRETS_OF_A_CALLER:
                raise refusal(45011)

    def count_secret(self, call: Call, appid: str, *, is_known: bool) -> None:
        """Count a wrong secret, or the secret of an unknown app."""
        caller, name = _caller(call), appid[:_LONGEST_NAME]
        # what a stranger sends in place of an appid is not for the log
        shown = name if is_known else "unknown"
        with self._lock:
            self._add(("secret", caller, name), SECRETS_A_MINUTE, caller, shown)
            self._add(("caller", caller), SECRETS_OF_A_CALLER, caller, "any")

    def count_token(self, call: Call) -> None:
        """Count a token that nobody issued.

        Raises:  ReplyError 45011 beyond the limit.
        """
        caller = _caller(call)
        with self._lock:
            if self._count("token", caller) >= TOKENS_OF_A_CALLER:
                raise refusal(45011)
            self._add(("token", caller), TOKENS_OF_A_CALLER, caller, "any")

    def forget(self, call: Call, appid: str) -> None:
        """Remember that an app has logged in from a caller, and forget its wrong secrets there."""
        caller, name = _caller(call), appid[:_LONGEST_NAME]
        with self._lock:
            self._minutes.pop(("secret", caller, name), None)
            _remember(self._known, (caller, name), None)

    def _count(self, *key: str) -> int:
        minute = self._minutes.get(key)
        return minute.count if minute and minute.number == self._now() else 0

    def _add(self, key: tuple[str, ...], limit: int, client: str, appid: str) -> None:
        now = self._now()
        minute = self._minutes.get(key)
        if minute is None or minute.number != now:
            minute = _Minute(now)
            _remember(self._minutes, key, minute)
        minute.count += 1
        if minute.count == limit:
            what = "tokens" if key[0] == "token" else "secrets"
            _log.warning(f"login.throttled: wrong {what}", client=client, appid=appid, tries=limit)

    def _now(self) -> int:
        return int(self._clock.now().timestamp()) // 60


def _remember(kept: OrderedDict, key: tuple[str, ...], value: object) -> None:  # type: ignore[type-arg] # of any values
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)


def _caller(call: Call) -> str:
    """The address of a caller; of an IPv6 address the part that is not its own choice."""
    try:
        address = ip_address(call.request.client)
    except ValueError:
        return call.request.client[:_LONGEST_NAME]
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _NEIGHBOURS), strict=False))
    return str(address)
