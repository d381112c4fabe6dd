"""Hashes of secrets: a salt and SHA-256.

Secrets are generated and have 128 bits or more, so that no slow hash is needed: nobody can try
them all. A slow one would let any caller keep the server busy.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256

SHORTEST_SECRET = 16
"""The minimum length of a secret that is stored as a hash."""
_SALT_BYTES = 16


def new_secret() -> str:
    """A secret that nobody can guess."""
    return secrets.token_hex(16)


def hash_of(secret: str) -> str:
    """The salt and the hash of a secret, to be stored in its place."""
    salt = secrets.token_hex(_SALT_BYTES)
    return f"{salt}${_digest(salt, secret)}"


def is_secret(given: object, stored: str) -> bool:
    """Whether a text is the secret of a hash; takes as long for a wrong one as for the right one.

    >>> is_secret("right", hash_of("right")), is_secret("wrong", hash_of("right"))
    (True, False)
    """
    text = given if isinstance(given, str) else ""
    salt, _, digest = stored.partition("$")
    return hmac.compare_digest(_digest(salt, text), digest)


def _digest(salt: str, text: str) -> str:
    # a wrong secret may contain surrogates, which strict encoding refuses
    return sha256(f"{salt}{text}".encode("utf-8", "surrogatepass")).hexdigest()


NOBODY = hash_of(secrets.token_hex(16))
"""The hash that stands in for that of an app which does not exist."""
