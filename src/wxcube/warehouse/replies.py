"""Answers as they came: every body once, compressed, and which windows it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa
import zstandard

from wxcube.contract.window import Window
from wxcube.warehouse.series import Keys
from wxcube.warehouse.tables import answers, replies


@dataclass(frozen=True, slots=True)
class Reply:
    """One stored answer: the window it was asked for, the body, and when it last came."""

    window: Window
    packed: bytes
    asked_at: datetime

    @property
    def body(self) -> bytes:
        """The answer as it came."""
        return zstandard.ZstdDecompressor().decompress(self.packed)


def keep(
    connection: sa.Connection, series: Keys, window: Window, body: bytes, asked_at: datetime
) -> None:
    """Keep a body for a window of a series; the same body again only moves its time."""
    if not body:
        return
    digest = sha256(body).hexdigest()
    _keep_body(connection, digest, body)
    record = {
        **series,
        "first_date": window.first,
        "last_date": window.last,
        "sha256": digest,
        "asked_at": asked_at,
    }
    found = connection.execute(
        _FOUND, {f"b_{name}": value for name, value in record.items()}
    ).scalar()
    if found is None:
        connection.execute(answers.insert(), record)
    elif found < asked_at:
        connection.execute(_TOUCH, {f"b_{name}": value for name, value in record.items()})


def _keep_body(connection: sa.Connection, digest: str, body: bytes) -> None:
    if connection.execute(_KNOWN, {"digest": digest}).first() is None:
        packed = zstandard.ZstdCompressor().compress(body)
        connection.execute(replies.insert(), {"sha256": digest, "body": packed})


_KEY = [column.name for column in answers.primary_key]
_WHERE = [answers.c[name] == sa.bindparam(f"b_{name}") for name in _KEY]
_KNOWN = sa.select(replies.c.sha256).where(replies.c.sha256 == sa.bindparam("digest"))
_FOUND = sa.select(answers.c.asked_at).where(*_WHERE)
_TOUCH = answers.update().where(*_WHERE).values(asked_at=sa.bindparam("b_asked_at"))


def stored(connection: sa.Connection, series: Keys) -> list[Reply]:
    """The replies of a series, oldest first."""
    asked = (
        sa.select(answers.c.first_date, answers.c.last_date, replies.c.body, answers.c.asked_at)
        .join_from(answers, replies)
        .where(*(answers.c[name] == value for name, value in series.items()))
        .order_by(answers.c.asked_at, answers.c.first_date)
    )
    found = connection.execute(asked).all()
    return [Reply(Window(first, last), packed, asked_at) for first, last, packed, asked_at in found]


def series_with_replies(connection: sa.Connection) -> list[dict[str, object]]:
    """Every series of which there are replies."""
    names = ("appid", "origin", "endpoint", "params")
    found = connection.execute(sa.select(*(answers.c[n] for n in names)).distinct())
    return [dict(row._mapping) for row in found]  # noqa: SLF001 - SQLAlchemy's public name
