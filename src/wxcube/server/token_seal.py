"""Tokens that the server recognizes by its key.

A token is made of the key, the app, the kind, the time and a random number. With the key, every
process makes the same token of the same numbers, and knows a token that another one has issued
before it reads of it; a guessed token is refused without a look into the database.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wxcube.beijing import BEIJING

NONCE_BYTES = 16
_TAG_BYTES = 16
_HEAD_BYTES = NONCE_BYTES + _TAG_BYTES + 7
_MAC_BYTES = 63
_LENGTH = (_HEAD_BYTES + _MAC_BYTES) * 4 // 3
_TOKEN_LENGTH = _LENGTH + 3


class TokenKind(StrEnum):
    """The two kinds of tokens, which are independent of each other."""

    NORMAL = "normal"
    STABLE = "stable"


_KINDS = tuple(TokenKind)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a genuine token is made of."""

    tag: bytes
    """Stands for the app and its secret."""
    kind: TokenKind
    nonce: str
    issued_at: datetime


class TokenSeal:
    """Makes tokens and recognizes them, with a key of at least 16 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @property
    def check(self) -> str:
        """A text that is the same for the same key, and does not give it away."""
        return hmac.digest(self._key, b"check", "sha256").hex()

    def tag(self, appid: str, generation: int) -> bytes:
        """What stands for an app and its secret in its tokens."""
        text = f"app:{generation}:{appid}".encode()
        return hmac.digest(self._key, text, "sha256")[:_TAG_BYTES]

    def token(self, tag: bytes, kind: TokenKind, nonce: str, issued_at: datetime) -> str:
        """The token of these numbers, always the same; the time counts to the millisecond."""
        milliseconds = round(issued_at.timestamp() * 1000)
        head = bytes.fromhex(nonce) + tag + bytes([_KINDS.index(kind)]) + milliseconds.to_bytes(6)
        return self._text(head, self._mac(head))

    def opened(self, token: str) -> Sealed | None:
        """What a token is made of; None for one that was not made with the key."""
        if len(token) != _TOKEN_LENGTH:
            return None
        try:
            raw = urlsafe_b64decode(token[3:])
        except (NotBase64, ValueError):
            return None
        head, mac = raw[:_HEAD_BYTES], raw[_HEAD_BYTES:]
        if not hmac.compare_digest(mac, self._mac(head)):
            return None
        if self._text(head, mac) != token:
            # another spelling: the decoder reads + and / too, and skips what it does not know
            return None
        issued_at = int.from_bytes(head[-6:]) / 1000
        return Sealed(
            tag=head[NONCE_BYTES : NONCE_BYTES + _TAG_BYTES],
            kind=_KINDS[head[-7]],
            nonce=head[:NONCE_BYTES].hex(),
            issued_at=datetime.fromtimestamp(issued_at, BEIJING),
        )

    @staticmethod
    def _text(head: bytes, mac: bytes) -> str:
        return f"{10 + head[0] % 90}_{urlsafe_b64encode(head + mac).decode()}"

    def _mac(self, head: bytes) -> bytes:
        return hmac.digest(self._key, b"token:" + head, "sha512")[:_MAC_BYTES]
