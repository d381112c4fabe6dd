"""Encrypted callbacks (safe mode): AES-256-CBC with the account's EncodingAESKey."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.settings import Secret
from wxcube.tap.refused import Reason, RefusedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

KEY_CHARACTERS = 43
_BLOCK, _PADDED = 16, 32
_RANDOM, _LENGTH = 16, 4
_HEAD = _RANDOM + _LENGTH


class MessageKey:
    """The EncodingAESKey of an account.

    Raises:  SettingsError if it is none, or the package `cryptography` is missing.
    """

    def __init__(self, text: Secret) -> None:
        characters = text.reveal().strip()
        try:
            key = base64.b64decode(f"{characters}=", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(characters) != KEY_CHARACTERS or len(key) != 2 * _BLOCK:
            raise SettingsError(
                _(
                    "the message key is not an EncodingAESKey ({given} characters, not {needed})",
                    given=len(characters),
                    needed=KEY_CHARACTERS,
                ),
                hint=_("copy it from mp.weixin.qq.com, under Settings and Development"),
            )
        self._cipher = _cipher(key)

    def decrypt(self, encrypted: str, appid: str) -> bytes:
        """The message in the member `Encrypt`.

        Raises:  RefusedError if the key is another, or the message is for another AppID.
        """
        try:
            content = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError):
            raise RefusedError(Reason.UNDECRYPTABLE, "Encrypt is not Base64") from None
        if not content or len(content) % _BLOCK:
            raise RefusedError(Reason.UNDECRYPTABLE, "Encrypt is not made of blocks of 16 bytes")
        decryptor = self._cipher.decryptor()
        padded = decryptor.update(content) + decryptor.finalize()
        plain = _unpadded(padded)
        length = int.from_bytes(plain[_RANDOM:_HEAD], "big")
        if len(plain) < _HEAD or length > len(plain) - _HEAD:
            raise RefusedError(Reason.UNDECRYPTABLE, "the length of the message is wrong")
        if plain[_HEAD + length :] != appid.encode():
            raise RefusedError(Reason.WRONG_APPID)
        return plain[_HEAD : _HEAD + length]

    def encrypt(self, message: bytes, appid: str, random: bytes) -> str:
        """A message as the member `Encrypt`; `random` are 16 bytes to begin with."""
        plain = random + len(message).to_bytes(_LENGTH, "big") + message + appid.encode()
        missing = _PADDED - len(plain) % _PADDED
        encryptor = self._cipher.encryptor()
        content = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
        return base64.b64encode(content).decode()


def _cipher(key: bytes) -> Cipher[CBC]:
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ImportError:
        raise SettingsError(
            _("encrypted callbacks need the package cryptography"),
            hint=_('install it with: pip install "wxcube[{extra}]"', extra="tap"),
        ) from None
    return Cipher(algorithms.AES(key), modes.CBC(key[:_BLOCK]))


def _unpadded(padded: bytes) -> bytes:
    """The content without PKCS#7 padding to 32 bytes."""
    missing = padded[-1]
    if not 1 <= missing <= _PADDED or padded[-missing:] != bytes([missing]) * missing:
        raise RefusedError(Reason.UNDECRYPTABLE, "the padding is wrong")
    return padded[:-missing]
