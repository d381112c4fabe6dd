"""Who may use the admin API: programs of this machine or with the password, and no web page.

A page in a developer's browser can send requests to this machine. Its requests have a foreign
Origin, a Host that was made to resolve to this machine, or no JSON content type.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from wxcube.server.addresses import host_name, is_loopback, plain_address
from wxcube.server.messages import Request
from wxcube.settings import Secret

_JSON = "application/json"
_WITH_CONTENT = {"POST", "PUT"}


@dataclass(frozen=True, slots=True)
class AdminRefusal:
    """The HTTP status and the reason of a refusal."""

    status: int
    reason: str


class AdminAccess:
    """The rules for admin calls.

    `password` is what callers need; without one only callers on this machine may call. `names` are
    further names of this machine that may stand in the Host header.
    """

    def __init__(self, password: Secret | None = None, names: Iterable[str] = ()) -> None:
        self._password = password
        self._names = {name.lower() for name in names}

    def refusal(self, request: Request) -> AdminRefusal | None:
        """Why a call is refused; None if it is allowed."""
        if self._password is None and not is_loopback(request.client):
            return AdminRefusal(403, "only callers on this machine may use this")
        host = request.header("host")
        if not self._is_this_machine(host_name(host), request.server):
            return AdminRefusal(403, f"the Host {host[:100]!r} is no address of this machine")
        if not _is_own_origin(request.header("origin"), host):
            return AdminRefusal(403, "web pages of other servers may not use this")
        if self._password is not None and not _has_password(request, self._password):
            return AdminRefusal(401, "send the header Authorization: Bearer <password>")
        if request.method in _WITH_CONTENT and _media_type(request) != _JSON:
            return AdminRefusal(415, f"the content type must be {_JSON}")
        return None

    def _is_this_machine(self, host: str, server: str) -> bool:
        return is_loopback(host) or host in {*self._names, plain_address(server)} - {""}


LOCAL = AdminAccess()
"""Programs on this machine."""


def _is_own_origin(origin: str, host: str) -> bool:
    return not origin or urlsplit(origin).netloc.lower() == host.lower()


def _has_password(request: Request, password: Secret) -> bool:
    kind, _, given = request.header("authorization").partition(" ")
    expected = password.reveal().encode()
    is_right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), expected)
    return kind.lower() == "bearer" and is_right


def _media_type(request: Request) -> str:
    return request.header("content-type").partition(";")[0].strip().lower()
