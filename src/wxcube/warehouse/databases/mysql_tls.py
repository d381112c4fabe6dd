"""The TLS options of a MySQL or MariaDB URL, by the names that MySQL's own client has for them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from wxcube.errors import WarehouseError
from wxcube.i18n import _

OPTIONS = ("ssl_mode", "ssl_ca", "ssl_cert", "ssl_key")
DISABLED, PREFERRED, REQUIRED = "DISABLED", "PREFERRED", "REQUIRED"
VERIFY_CA, VERIFY_IDENTITY = "VERIFY_CA", "VERIFY_IDENTITY"
_MODES = (DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY)


def arguments_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of pymysql for TLS options; without any, it encrypts if the server offers it.

    Raises:  WarehouseError for an unknown mode, or a file that cannot be used.
    """
    given = {name: str(options[name]) for name in OPTIONS if name in options}
    mode = _mode(given)
    if mode == DISABLED:
        return {"ssl_disabled": True}
    if mode == PREFERRED:
        return {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # certificates that MySQL makes for itself are not strict
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    context.check_hostname = mode == VERIFY_IDENTITY
    context.verify_mode = ssl.CERT_NONE if mode == REQUIRED else ssl.CERT_REQUIRED
    _load_files(context, given)
    return {"ssl": context}


def arguments_after(options: Mapping[str, Any], *, is_offered: bool) -> dict[str, Any]:
    """The arguments for further connections to a server that offers TLS, or does not.

    PERF: without a context for all of them, each connection makes one, which takes 20 ms.
    """
    if arguments := arguments_of(options):
        return arguments
    return arguments_of({"ssl_mode": REQUIRED if is_offered else DISABLED})


def _mode(given: Mapping[str, str]) -> str:
    default = VERIFY_IDENTITY if "ssl_ca" in given else REQUIRED if given else PREFERRED
    mode = given.get("ssl_mode", default).upper()
    if mode not in _MODES:
        raise WarehouseError(
            _("the URL has an unknown ssl_mode: {mode}", mode=mode),
            hint=_("it is one of {modes}", modes=", ".join(_MODES)),
        )
    return mode


def _load_files(context: ssl.SSLContext, given: Mapping[str, str]) -> None:
    name = "ssl_ca"
    try:
        if name in given:
            context.load_verify_locations(given[name])
        elif context.verify_mode is not ssl.CERT_NONE:
            context.load_default_certs()
        name = "ssl_cert"
        if name in given:
            context.load_cert_chain(given[name], given.get("ssl_key"))
    except (OSError, ValueError) as error:
        raise WarehouseError(
            _(
                "{name} of the URL cannot be used: {path}: {error}",
                name=name,
                path=given[name],
                error=error.strerror if isinstance(error, OSError) else error,
            ),
            hint=_("name a file in PEM format that this user can read"),
        ) from error
