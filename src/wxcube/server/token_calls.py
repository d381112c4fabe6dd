"""The calls that hand out access tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wxcube.server.authentication import Admission
from wxcube.server.backend import App
from wxcube.server.call_quota import Allowance
from wxcube.server.messages import Call, Reply, refuse, reply_of
from wxcube.server.request_parsing import read_object

TOKEN_PATH = "/cgi-bin/token"  # noqa: S105 - a path
STABLE_PATH = "/cgi-bin/stable_token"
TOKENS_A_DAY = 2_000
STABLE_TOKENS_A_DAY = 500_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """Answers `/cgi-bin/token` and `/cgi-bin/stable_token`."""

    admission: Admission
    allowance: Allowance
    gate: Callable[[Call], None]

    def token(self, call: Call) -> Reply:
        """A normal token, for parameters in the query of a GET or POST."""
        ask = call.request.parameter
        app = self._admit(call, {name: ask(name) for name in ("grant_type", "appid", "secret")})
        self.allowance.spend(app.appid, TOKEN_PATH, TOKENS_A_DAY)
        self.gate(call)
        grant = self.admission.tokens.issue(app.appid)
        return reply_of({"access_token": grant.token, "expires_in": grant.expires_in(call.at)})

    def stable_token(self, call: Call) -> Reply:
        """A stable token, for members of the JSON body of a POST."""
        if call.request.method != "POST":
            raise refuse(43002)
        body = read_object(call.request.body)
        app = self._admit(call, body)
        self.allowance.spend(app.appid, STABLE_PATH, STABLE_TOKENS_A_DAY)
        self.gate(call)
        grant = self.admission.tokens.stable(app.appid, force=body.get("force_refresh") is True)
        return reply_of({"access_token": grant.token, "expires_in": grant.expires_in(call.at)})

    def _admit(self, call: Call, given: Mapping[str, object]) -> App:
        if given.get("grant_type") != "client_credential":
            raise refuse(40002)
        return self.admission.by_secret(call, given.get("appid"), given.get("secret"))
