"""Whether WeChat would accept what a server replied to a push."""

from __future__ import annotations

import zlib

from wxcube.tap.document import members_of
from wxcube.tap.refused import RefusedError

TIMEOUT_SECONDS = 5.0
"""How long WeChat waits for a reply."""
ATTEMPTS = 3
"""How often WeChat pushes the same callback until there is a reply."""
MAX_REPLY = 1 << 16
"""Bytes of a reply that are looked at; a longer one is none."""
_OK = 200
_GZIP = 31


def is_valid_reply(status: int, body: bytes, encoding: str = "") -> bool:
    """Whether a reply is one of those that the documents list: empty, `success`, or a message."""
    if status != _OK:
        return False
    if encoding.strip().lower() == "gzip":
        try:
            body = zlib.decompressobj(_GZIP).decompress(body, MAX_REPLY)
        except zlib.error:
            return False
    content = body.strip()
    if content in {b"", b"success"}:
        return True
    try:
        members = members_of(content)
    except RefusedError:
        return False
    return "MsgType" in members or "Encrypt" in members
