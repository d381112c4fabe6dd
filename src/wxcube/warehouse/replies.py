"""Unchanged replies: each distinct body once, compressed."""

from __future__ import annotations

from hashlib import sha256

import sqlalchemy as sa
import zstandard

from wxcube.warehouse.statements import Statement, skipping
from wxcube.warehouse.tables import replies

_KNOWN = Statement(
    sa.select(replies.c.sha256).where(replies.c.sha256 == sa.bindparam("digest")), "digest"
)
_BODY = Statement(
    sa.select(replies.c.body).where(replies.c.sha256 == sa.bindparam("digest")), "digest"
)
_INSERT = Statement(skipping(replies), "sha256", "body")


def save(connection: sa.Connection, body: bytes) -> str | None:
    """Store a body, and return the hash by which it is found; None for an empty one."""
    if not body:
        return None
    digest = sha256(body).hexdigest()
    if _KNOWN.execute(connection, (digest,)).fetchone() is None:
        compressed = zstandard.ZstdCompressor().compress(body)
        _INSERT.execute(connection, (digest, compressed))
    return digest


def body_of(connection: sa.Connection, digest: str) -> bytes:
    """A stored body as it came; empty if there is none."""
    row = _BODY.execute(connection, (digest,)).fetchone()
    return zstandard.ZstdDecompressor().decompress(row[0]) if row else b""
