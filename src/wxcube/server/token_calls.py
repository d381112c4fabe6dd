"""The calls that issue access tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from wxcube.server.authentication import Authenticator
from wxcube.server.backend import App
from wxcube.server.call_quota import CallQuota
from wxcube.server.messages import Call, Reply, json_reply, refusal
from wxcube.server.request_parsing import read_object
from wxcube.server.tokens import Grant

TOKEN_PATH = "/cgi-bin/token"  # noqa: S105 - a path
STABLE_PATH = "/cgi-bin/stable_token"
TOKENS_A_DAY = 2_000
STABLE_TOKENS_A_DAY = 500_000


@dataclass(frozen=True, slots=True)
class TokenCalls:
    """Handlers of `/cgi-bin/token` and `/cgi-bin/stable_token`."""

    authenticator: Authenticator
    call_quota: CallQuota
    gate: Callable[[Call], None]

    def token(self, call: Call) -> Callable[[], Reply]:
        """What gives a normal token; the parameters are in the query of a GET or POST."""
        if call.request.method not in {"GET", "POST"}:
            raise refusal(43001)
        names = ("grant_type", "appid", "secret")
        app = self._authenticate(call, {name: call.request.parameter(name) for name in names})
        return partial(self._issue, call, app)

    def _issue(self, call: Call, app: App) -> Reply:
        self.call_quota.spend(app.appid, TOKEN_PATH, TOKENS_A_DAY)
        self.gate(call)
        return _given(call, self.authenticator.tokens.issue(app.appid))

    def stable_token(self, call: Call) -> Callable[[], Reply]:
        """What gives a stable token; the parameters are in the JSON body of a POST."""
        if call.request.method != "POST":
            raise refusal(43002)
        body = read_object(call.request.body)
        app = self._authenticate(call, body)
        return partial(self._stable, call, app, force=body.get("force_refresh") is True)

    def _stable(self, call: Call, app: App, *, force: bool) -> Reply:
        self.call_quota.spend(app.appid, STABLE_PATH, STABLE_TOKENS_A_DAY)
        self.gate(call)
        return _given(call, self.authenticator.tokens.stable(app.appid, force=force))

    def _authenticate(self, call: Call, credentials: Mapping[str, object]) -> App:
        if credentials.get("grant_type") != "client_credential":
            raise refusal(40002)
        return self.authenticator.by_secret(
            call, credentials.get("appid"), credentials.get("secret")
        )


def _given(call: Call, grant: Grant) -> Reply:
    return json_reply({"access_token": grant.token, "expires_in": grant.expires_in(call.at)})
