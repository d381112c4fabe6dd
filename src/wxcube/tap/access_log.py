"""An access log of nginx: how long replies took, and nothing else.

It has neither messages nor the contents of replies: there are no figures of messages and users,
and a reply counts as valid if its status is 200 and it took at most five seconds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from wxcube.errors import EventError
from wxcube.i18n import _
from wxcube.tap.accounts import TappedAccounts
from wxcube.tap.mapping import MAX_MILLISECONDS
from wxcube.tap.refused import Reason, RefusedError
from wxcube.tap.reply_check import TIMEOUT_SECONDS
from wxcube.tap.saved import opened
from wxcube.tap.tally import Tally
from wxcube.tap.verification import query_of, signers

_LINE = re.compile(
    rb"\[(?P<time>\d{2}/\w{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] "
    rb'"(?P<method>[A-Z]+) (?P<url>\S+) HTTP/[0-9.]+" (?P<status>\d{3}) (?P<rest>.*)$'
)
_QUOTED = re.compile(rb'("[\d., -]*")|"[^"]*"')
"""Numbers in quotes, or what a caller sent, like its User-Agent, in which a number is no time."""
_NAMED = re.compile(rb'(?:^|[\s",])(?:rt|request_time)[=:]"?(\d{1,9}\.\d{3})(?=[\s\",]|$)')
_SECONDS = re.compile(rb"(?:^|[\s=\"])(\d{1,9}\.\d{3})(?=[\s\",]|$)")
_TIME = "%d/%b/%Y:%H:%M:%S %z"
_OK = 200


def is_access_log(path: Path) -> bool:
    """Whether a file is an access log in one of nginx's formats."""
    with suppress(EventError), opened(path) as file:
        return bool(_LINE.search(file.readline(1 << 16).rstrip()))
    return False


def replies(path: Path, accounts: TappedAccounts, tally: Tally) -> Iterator[dict[str, Any]]:
    """The replies to callbacks in an access log; ids are the same whenever it is read.

    Raises:  EventError if it cannot be read, or has no times of requests.
    """
    seen: Counter[bytes] = Counter()
    with opened(path) as file:
        for line in file:
            try:
                event = _reply(line.rstrip(), accounts, seen)
            except RefusedError as error:
                tally.refuse(error)
                continue
            if event:
                tally.replies += 1
                tally.failed += not event["ok"]
                yield event


def _reply(line: bytes, accounts: TappedAccounts, seen: Counter[bytes]) -> dict[str, Any] | None:
    """The reply of a line; None if the line is about something else than a callback."""
    match = _LINE.search(line)
    if match is None:
        raise RefusedError(Reason.MALFORMED, "not a line of an access log")
    query = query_of(match["url"].partition(b"?")[2].decode("latin-1"))
    if match["method"] != b"POST" or "signature" not in query:
        return None
    found = signers(accounts, query)
    if not found:
        raise RefusedError(Reason.WRONG_SIGNATURE)
    if len(found) > 1:
        raise RefusedError(Reason.UNKNOWN_ACCOUNT, "several accounts have this token")
    numbers = _QUOTED.sub(rb"\1 ", match["rest"])
    # beside the time of a request, a format often has those of the server behind nginx
    seconds = _NAMED.search(numbers) or _SECONDS.search(numbers)
    if seconds is None:
        raise EventError(
            _("the access log has no times of requests"),
            hint=_("add $request_time to the log_format of nginx, for example as rt=$request_time"),
        )
    digest = blake2b(line, digest_size=12).digest()
    seen[digest] += 1
    took = float(seconds[1])
    return {
        "event": "reply",
        "id": f"n-{digest.hex()}-{seen[digest]}",
        "account": found[0].appid,
        # nginx writes a line at the end of a request, with the time in whole seconds
        "at": int(_seconds(match["time"].decode()) + 0.5 - took),
        "ms": min(round(took * 1000), MAX_MILLISECONDS),
        "ok": int(match["status"]) == _OK and took <= TIMEOUT_SECONDS,
    }


def _seconds(time: str) -> int:
    try:
        return int(datetime.strptime(time, _TIME).astimezone().timestamp())
    except (ValueError, OverflowError):
        raise RefusedError(Reason.MALFORMED, "not a time") from None
