"""Unchanged replies: each distinct body once, compressed, and the windows that it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa
import zstandard

from wxcube.contract.window import Window
from wxcube.warehouse.series import SeriesKey
from wxcube.warehouse.tables import answers, replies


@dataclass(frozen=True, slots=True)
class Reply:
    """A stored reply: the window of the call, the body, and the time it was last received."""

    window: Window
    compressed: bytes
    asked_at: datetime

    @property
    def body(self) -> bytes:
        """The body as it came."""
        return zstandard.ZstdDecompressor().decompress(self.compressed)


def save(
    connection: sa.Connection, series: SeriesKey, window: Window, body: bytes, asked_at: datetime
) -> None:
    """Store a body for a window of a series; the same body again only updates its time."""
    if not body:
        return
    digest = sha256(body).hexdigest()
    _save_body(connection, digest, body)
    record = {
        **series,
        "first_date": window.first,
        "last_date": window.last,
        "sha256": digest,
        "asked_at": asked_at,
    }
    key = {f"b_{name}": value for name, value in record.items()}
    last_received = connection.execute(_ASKED_AT, key).scalar()
    if last_received is None:
        connection.execute(answers.insert(), record)
    elif last_received < asked_at:
        connection.execute(_SET_ASKED_AT, key)


def _save_body(connection: sa.Connection, digest: str, body: bytes) -> None:
    if connection.execute(_KNOWN, {"digest": digest}).first() is None:
        compressed = zstandard.ZstdCompressor().compress(body)
        connection.execute(replies.insert(), {"sha256": digest, "body": compressed})


_KEY = [column.name for column in answers.primary_key]
_WHERE = [answers.c[name] == sa.bindparam(f"b_{name}") for name in _KEY]
_KNOWN = sa.select(replies.c.sha256).where(replies.c.sha256 == sa.bindparam("digest"))
_ASKED_AT = sa.select(answers.c.asked_at).where(*_WHERE)
_SET_ASKED_AT = answers.update().where(*_WHERE).values(asked_at=sa.bindparam("b_asked_at"))


def of_series(connection: sa.Connection, series: SeriesKey) -> list[Reply]:
    """The replies of a series, oldest first."""
    statement = (
        sa.select(answers.c.first_date, answers.c.last_date, replies.c.body, answers.c.asked_at)
        .join_from(answers, replies)
        .where(*(answers.c[name] == value for name, value in series.items()))
        .order_by(answers.c.asked_at, answers.c.first_date)
    )
    return [
        Reply(Window(first, last), compressed, asked_at)
        for first, last, compressed, asked_at in connection.execute(statement).all()
    ]


def series_with_replies(connection: sa.Connection) -> list[dict[str, object]]:
    """The keys of all series that have replies."""
    names = ("appid", "origin", "endpoint", "params")
    rows = connection.execute(sa.select(*(answers.c[n] for n in names)).distinct())
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name
