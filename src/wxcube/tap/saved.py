"""Saved callbacks: files with one JSON object per line, or with XML documents.

A JSON object has `body`, and if they were saved `query` (or `url`), `received` (Unix seconds),
`ms`, `status` and `reply`. Without a query no signature can be checked, and without `ms` there are
no figures of replies. XML documents, with anything between them, have messages and events only.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from wxcube.errors import EventError
from wxcube.i18n import _
from wxcube.tap.accounts import TappedAccounts
from wxcube.tap.mapping import MAX_MILLISECONDS, HashUser, is_possible_time, mapped
from wxcube.tap.refused import Reason, RefusedError
from wxcube.tap.reply_check import TIMEOUT_SECONDS, is_valid_reply
from wxcube.tap.tally import Tally
from wxcube.tap.verification import query_of, verify

Events = Iterator[dict[str, Any]]

_GZIP = b"\x1f\x8b"
_READ = 1 << 20
_DOCUMENT = re.compile(rb"<xml\b.*?</xml\s*>", re.DOTALL)
_OPENING = b"<xml"


class SavedCallback(msgspec.Struct, frozen=True):
    """A callback of a file; members that it does not name are left unread."""

    body: str
    query: str = ""
    url: str = ""
    received: float = 0.0
    ms: float | None = None
    status: int = 200
    reply: str = ""

    @property
    def signed_query(self) -> dict[str, str] | None:
        """The parameters of the URL; None if it was not saved."""
        text = self.query or self.url.partition("?")[2]
        return query_of(text) if text else None


_decoder = msgspec.json.Decoder(SavedCallback)


class SavedReader:
    """Reads saved callbacks as events with hashed users; counts them in `tally`."""

    def __init__(self, accounts: TappedAccounts, hash_user: HashUser, message_bytes: int) -> None:
        self.tally = Tally()
        self._accounts = accounts
        self._hash_user = hash_user
        self._limit = message_bytes
        self._seen: Counter[bytes] = Counter()

    def read(self, path: Path) -> Events:
        """The events of a file; ids are the same whenever it is read.

        Raises:  EventError if it cannot be read.
        """
        for content in _contents(path, self._refuse):
            try:
                saved = content if isinstance(content, SavedCallback) else _of_xml(content)
                yield from self._events(saved)
            except RefusedError as error:
                self.tally.refuse(error)

    def _refuse(self, error: RefusedError) -> None:
        self.tally.refuse(error)

    def _events(self, saved: SavedCallback) -> Events:
        body = saved.body.encode("utf-8", "replace")
        push = verify(self._accounts, saved.signed_query, body, self._limit)
        meaning = mapped(push, self._hash_user)
        self.tally.add(meaning)
        self.tally.events += len(meaning.events)
        yield from meaning.events
        if saved.ms is not None:
            at = int(saved.received) or push.timestamp
            if not is_possible_time(at):
                raise RefusedError(Reason.WRONG_MEMBER, "received")
            if not 0 <= saved.ms <= MAX_MILLISECONDS:
                raise RefusedError(Reason.WRONG_MEMBER, "ms")
            yield self._reply(push.account.appid, at, saved, meaning.identity)

    def _reply(self, appid: str, at: int, saved: SavedCallback, identity: str) -> dict[str, Any]:
        milliseconds = round(saved.ms or 0)
        is_ok = milliseconds <= TIMEOUT_SECONDS * 1000 and is_valid_reply(
            saved.status, saved.reply.encode("utf-8", "replace")
        )
        self.tally.replies += 1
        self.tally.failed += not is_ok
        event_id = self._reply_id(identity, at, milliseconds)
        head = {"event": "reply", "id": event_id, "account": appid}
        return {**head, "at": at, "ms": milliseconds, "ok": is_ok}

    def _reply_id(self, *parts: object) -> str:
        """An id that is the same when the file is read again; attempts that look alike differ."""
        digest = blake2b(repr(parts).encode(), digest_size=12).digest()
        self._seen[digest] += 1
        return f"s-{digest.hex()}-{self._seen[digest]}"


def _of_xml(content: bytes) -> SavedCallback:
    return SavedCallback(body=content.decode("utf-8", "replace"))


def _contents(
    path: Path, refuse: Callable[[RefusedError], None]
) -> Iterator[bytes | SavedCallback]:
    with opened(path) as file:
        start = file.read(_READ)
        if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            yield from _json_lines(start, file, refuse)
        else:
            yield from _documents(start, file, refuse)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file, unpacked if it is a gzip file.

    Raises:  EventError if it cannot be read, also later.
    """
    try:
        with path.open("rb") as file:
            is_packed = file.read(len(_GZIP)) == _GZIP
        with cast("IO[bytes]", gzip.open(path)) if is_packed else path.open("rb") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EventError(
            _("{path} is a damaged or incomplete gzip file", path=path),
            hint=_("copy the file again and read it: what is stored already counts once"),
        ) from error
    except OSError as error:
        raise EventError(
            _("{path} cannot be read ({reason})", path=path, reason=error.strerror),
            hint=_("check its name and permissions"),
        ) from error


def _json_lines(
    start: bytes, file: IO[bytes], refuse: Callable[[RefusedError], None]
) -> Iterator[SavedCallback]:
    lines = (start + file.readline()).splitlines()
    for part in (lines, file):
        for line in part:
            if not line.strip():
                continue
            try:
                yield _decoder.decode(line.removeprefix(b"\xef\xbb\xbf"))
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                refuse(RefusedError(Reason.MALFORMED, "a line is no JSON object with a body"))


def _documents(
    start: bytes, file: IO[bytes], refuse: Callable[[RefusedError], None]
) -> Iterator[bytes]:
    rest = start
    while True:
        end = 0
        for match in _DOCUMENT.finditer(rest):
            yield match[0]
            end = match.end()
        rest = rest[end:]
        # of what is no document, the beginning of one is awaited
        begin = rest.find(_OPENING)
        rest = rest[begin:] if begin >= 0 else rest[-len(_OPENING) :]
        if len(rest) > _READ:
            refuse(RefusedError(Reason.TOO_LARGE, "a document without an end"))
            rest = rest[len(_OPENING) :]
        content = file.read(_READ)
        if not content:
            if rest.startswith(_OPENING):
                refuse(RefusedError(Reason.MALFORMED, "a document without an end"))
            return
        rest += content
