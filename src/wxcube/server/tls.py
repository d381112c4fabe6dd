"""Encrypted connections: the certificate of the server and its key."""

from __future__ import annotations

import ssl
from pathlib import Path

from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.settings import read_private_file


class Certificate:
    """A certificate with its chain, and its key, in files of PEM; both may be in one file.

    Raises:  SettingsError if a file cannot be used, or others can read the key.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.options |= ssl.OP_NO_COMPRESSION
        self.reload()

    def reload(self) -> None:
        """Read both files again; connections that are open stay as they are.

        Raises:  SettingsError, and then the certificate before remains in use.
        """
        # checked on a context of its own: a pair that does not match would leave half of it behind
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        self._load(self.context)

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            # certbot names its current files by links
            read_private_file(self._key, follow_links=True)
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
        except (OSError, UnicodeDecodeError, ValueError) as error:
            # OpenSSL's errors are OSErrors
            reason = (
                getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
            )
            raise SettingsError(
                _(
                    "the certificate {certificate} with the key {key} cannot be used: {reason}",
                    certificate=self._certificate,
                    key=self._key,
                    reason=reason,
                ),
                hint=_(
                    "tls_cert names a file with the certificate and its chain, tls_key one with "
                    "its key, without a password"
                ),
            ) from None


def _no_password() -> str:
    raise ValueError("the key has a password")


def certificate(cert: str, key: str) -> Certificate | None:
    """The certificate of two settings; None if neither is set.

    Raises:  SettingsError if a certificate or a key is missing, or a file cannot be used.
    """
    if not cert and not key:
        return None
    if not cert:
        raise SettingsError(
            _("there is a tls_key, but no tls_cert"), hint=_("name the certificate too")
        )
    path = Path(cert).expanduser()
    if not key and path.is_file() and b"PRIVATE KEY" not in path.read_bytes():
        raise SettingsError(
            _("there is a tls_cert, but no tls_key, and {path} has no key either", path=path),
            hint=_("name the file of the key too"),
        )
    return Certificate(path, Path(key or cert).expanduser())
