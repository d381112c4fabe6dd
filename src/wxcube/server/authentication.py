"""Authentication of callers: by access token, or by appid and secret."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from wxcube.server.backend import App, Backend
from wxcube.server.messages import Call, refusal
from wxcube.server.tokens import TokenStore


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Identifies the app that sent a call."""

    backend: Backend
    tokens: TokenStore

    def by_token(self, call: Call) -> App:
        """The app that owns the token in the query; also stored in the call.

        Raises:  ReplyError 41001, 40001 or 42001.
        """
        call.app = self.backend.app(self.tokens.owner(call.request.token))
        if call.app is None:
            raise refusal(40001)
        return call.app

    def by_secret(self, call: Call, appid: object, secret: object) -> App:
        """The app with these credentials; also stored in the call.

        Raises:  ReplyError 41002, 40013, 41004 or 40125.
        """
        if not appid:
            raise refusal(41002)
        app = self.backend.app(appid) if isinstance(appid, str) else None
        if app is None:
            raise refusal(40013)
        if not secret:
            raise refusal(41004)
        if not _is_equal(app.secret, secret):
            raise refusal(40125)
        call.app = app
        return app


def _is_equal(secret: str, actual: object) -> bool:
    text = actual if isinstance(actual, str) else ""
    # a wrong secret may contain surrogates, which strict encoding refuses
    return hmac.compare_digest(secret.encode(), text.encode("utf-8", "surrogatepass"))
