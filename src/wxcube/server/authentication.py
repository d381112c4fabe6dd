"""Who calls: by access token, or by appid and secret."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from wxcube.server.backend import App, Backend
from wxcube.server.messages import Call, refuse
from wxcube.server.tokens import TokenDesk


@dataclass(frozen=True, slots=True)
class Admission:
    """Finds the app behind a call, or refuses it."""

    backend: Backend
    tokens: TokenDesk

    def by_token(self, call: Call) -> App:
        """The app whose token the query holds; noted in the call.

        Raises:  ReplyError 41001, 40001 or 42001.
        """
        call.app = self.backend.app(self.tokens.owner(call.request.token))
        if call.app is None:
            raise refuse(40001)
        return call.app

    def by_secret(self, call: Call, appid: object, secret: object) -> App:
        """The app with these credentials; noted in the call.

        Raises:  ReplyError 41002, 40013, 41004 or 40125.
        """
        if not appid:
            raise refuse(41002)
        app = self.backend.app(appid) if isinstance(appid, str) else None
        if app is None:
            raise refuse(40013)
        if not secret:
            raise refuse(41004)
        if not _equal(app.secret, secret):
            raise refuse(40125)
        call.app = app
        return app


def _equal(known: str, given: object) -> bool:
    text = given if isinstance(given, str) else ""
    # surrogates cannot be encoded strictly, and a wrong secret may hold them
    return hmac.compare_digest(known.encode(), text.encode("utf-8", "surrogatepass"))
