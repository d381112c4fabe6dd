"""The signatures of WeChat's callbacks."""

from __future__ import annotations

import hmac
from hashlib import sha1


def signature(*parts: str) -> str:
    """The SHA-1 of some strings, sorted and joined: of token, timestamp and nonce, for example.

    >>> signature("AAAAA", "1714036504", "1514711492")
    'f464b24fc39322e44b38aa78f5edd27bd1441696'
    """
    return sha1(
        "".join(sorted(parts)).encode("utf-8", "replace"), usedforsecurity=False
    ).hexdigest()


def is_signed(given: str, *parts: str) -> bool:
    """Whether a signature is that of the parts; takes the same time for any wrong one."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), signature(*parts).encode())
