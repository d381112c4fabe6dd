"""Records callbacks and the replies to them: events, in the spool before anybody is answered."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any

import structlog

from wxcube.beijing import Clock
from wxcube.tap.accounts import TappedAccounts
from wxcube.tap.mapping import HashUser, mapped
from wxcube.tap.refused import RefusedError
from wxcube.tap.repeats import Repeats
from wxcube.tap.tally import Tally
from wxcube.tap.verification import Push, is_verification, query_of, verify

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A push whose reply is awaited: its account, and when it arrived in Unix seconds."""

    appid: str
    at: int


class Recorder:
    """Turns callbacks into events; `write` takes in each of them, whose user is hashed."""

    def __init__(
        self,
        accounts: TappedAccounts,
        hash_user: HashUser,
        clock: Clock,
        write: Callable[[Mapping[str, Any]], None],
        message_bytes: int,
    ) -> None:
        self.tally = Tally()
        self._accounts = accounts
        self._hash_user = hash_user
        self._clock = clock
        self._write = write
        self._limit = message_bytes
        # each account has its own time: that of a simulated one may be another
        self._repeats = {one.appid: Repeats() for one in accounts}
        # ids of replies are those of one process, so that two never have the same
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)

    @property
    def message_bytes(self) -> int:
        """The largest callback that is recorded."""
        return self._limit

    def push(self, query: str, body: bytes, date: str = "") -> Recorded | None:
        """Record a pushed callback; None if it is refused. Never raises.

        `date` is the request's Date header, which counts if an emulator pushes.
        """
        try:
            push = verify(self._accounts, query_of(query), body, self._limit)
            meaning = mapped(push, self._hash_user)
            attempt = self._repeats[push.account.appid].attempt(push, meaning.identity)
        except RefusedError as error:
            self.tally.refuse(error)
            return None
        except Exception as error:  # noqa: BLE001 - the message server must not suffer
            _log.error("tap.failed", kind=type(error).__name__)
            return None
        self.tally.add(meaning, attempt)
        if attempt == 1:
            for event in meaning.events:
                self._write(event)
            self.tally.events += len(meaning.events)
        return Recorded(push.account.appid, int(self._arrival(push, date).timestamp()))

    def refuse(self, error: RefusedError) -> None:
        """Count a callback that was not read to its end."""
        self.tally.refuse(error)

    def verification(self, query: str) -> bytes:
        """Count WeChat's check of a server's address; what that server has to answer."""
        parameters = query_of(query)
        if not is_verification(self._accounts, parameters):
            return b""
        self.tally.verifications += 1
        return parameters["echostr"].encode("utf-8", "replace")

    def reply(self, recorded: Recorded, milliseconds: int, *, is_ok: bool) -> None:
        """Record how long an attempt took, and whether the reply was valid.

        Every attempt counts: callback_count is a number of calls, and each attempt is one.
        """
        self.tally.replies += 1
        self.tally.failed += not is_ok
        self._write(
            {
                "event": "reply",
                "id": f"{self._prefix}-{next(self._numbers)}",
                "account": recorded.appid,
                "at": recorded.at,
                "ms": milliseconds,
                "ok": is_ok,
            }
        )

    def _arrival(self, push: Push, date: str) -> datetime:
        if push.account.is_simulated and date:
            try:
                return parsedate_to_datetime(date)
            except (ValueError, OverflowError):
                """The machine's time is as good."""
        return self._clock.now()
