"""Authentication of callers: by access token, or by appid and secret."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from wxcube.errors import ReplyError
from wxcube.server.backend import App, Backend
from wxcube.server.failures import Failures
from wxcube.server.messages import Call, refusal
from wxcube.server.secret_hash import NOBODY, is_secret
from wxcube.server.tokens import Tokens

_INVALID = 40001


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Identifies the app that sent a call."""

    backend: Backend
    tokens: Tokens
    failures: Failures | None = None
    """Slows down who tries secrets and tokens; None in an emulator."""

    def by_token(self, call: Call) -> App:
        """The app that owns the token in the query; also stored in the call.

        It reads nothing but memory.

        Raises:  ReplyError 41001, 40001, 42001, 40164, or 45011 after too many wrong tokens.
        """
        try:
            app = self.backend.app(self.tokens.owner(call.request.token))
        except ReplyError as error:
            self._count_wrong_token(call, error)
            raise
        if app is None:
            raise refusal(40001)
        if app.networks and not app.may_call_from(call.request.client):
            raise refusal(40164)
        call.app = app
        return app

    def by_secret(self, call: Call, appid: object, secret: object) -> App:
        """The app with these credentials; also stored in the call.

        A wrong secret takes as long as that of an unknown app.

        Raises:  ReplyError 41002, 40013, 41004, 40125, 40164, or 45011 after too many wrong ones.
        """
        if not appid:
            raise refusal(41002)
        name = appid if isinstance(appid, str) else ""
        app = self.backend.app(name)
        if not secret:
            raise refusal(41004 if app else 40013)
        if self.failures:
            self.failures.require_few(call, name)
        is_right = _is_right(app, secret)
        if app is None or not is_right:
            if self.failures:
                self.failures.count_secret(call, name, is_known=app is not None)
            raise refusal(40125 if app else 40013)
        if not app.may_call_from(call.request.client):
            raise refusal(40164)
        if self.failures:
            self.failures.forget(call, name)
        call.app = app
        return app

    def _count_wrong_token(self, call: Call, error: ReplyError) -> None:
        """Count a token that nobody issued; one that is over is what an honest caller has."""
        token = call.request.token
        if self.failures and error.errcode == _INVALID and not self.tokens.issued_to(token):
            self.failures.count_token(call)


def _is_right(app: App | None, given: object) -> bool:
    if app and not app.secret_hash:
        return _is_equal(app.secret, given)
    return is_secret(given, app.secret_hash if app else NOBODY)


def _is_equal(secret: str, actual: object) -> bool:
    text = actual if isinstance(actual, str) else ""
    # a wrong secret may contain surrogates, which strict encoding refuses
    return hmac.compare_digest(secret.encode(), text.encode("utf-8", "surrogatepass"))
