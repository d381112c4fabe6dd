"""WeChat's own token, handed to apps that may have it: one place for all tokens.

An app proves itself by its secret or by a token of this server. Every request is logged: who asked,
from where, for which account, and what came of it; never the token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from wxcube.errors import ReplyError, WxcubeError
from wxcube.server.authentication import Authenticator
from wxcube.server.backend import App
from wxcube.server.call_quota import CallQuota
from wxcube.server.messages import Call, Reply, json_reply, refusal
from wxcube.server.request_parsing import read_object
from wxcube.server.token_calls import TOKENS_A_DAY

WECHAT_TOKEN_PATH = "/wxcube/wechat_token"  # noqa: S105 - a path

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GivenToken:
    """WeChat's token of an account, and the seconds until it ends."""

    token: str = field(repr=False)
    expires_in: int


class TokenSource(Protocol):
    """Where WeChat's tokens come from."""

    def token(self, account: str, refused: str) -> GivenToken | None:
        """The token of an account, another one than `refused`; None without such an account.

        Raises:  WxcubeError if there is none now.
        """
        ...


@dataclass(frozen=True, slots=True)
class TokenGiver:
    """Where WeChat's tokens come from, and where it is noted who asked."""

    source: TokenSource
    note: Callable[[Call, App, int], object]
    """Called with the call, the app and the errcode, 0 if it got the token."""


@dataclass(frozen=True, slots=True)
class WechatTokenCall:
    """The handler of the call."""

    authenticator: Authenticator
    giver: TokenGiver
    quota: CallQuota

    def token(self, call: Call) -> Callable[[], Reply]:
        """What gives WeChat's token.

        The parameters are in the query of a GET, or in the JSON body of a POST: appid and secret,
        or an access_token of this server in the query. A POST may name a token that WeChat refused,
        as `refused`. An app may ask as often as for a token of its own.
        """
        members = _members(call)
        return partial(self._give, call, self._app(call, members), members)

    def _give(self, call: Call, app: App, members: dict[str, object]) -> Reply:
        self.quota.spend(app.appid, WECHAT_TOKEN_PATH, TOKENS_A_DAY)
        try:
            given = self._given(app, members.get("refused"))
        except ReplyError as error:
            self._note(call, app, error.errcode)
            raise
        self._note(call, app, 0)
        return json_reply({"access_token": given.token, "expires_in": given.expires_in})

    def _app(self, call: Call, members: dict[str, object]) -> App:
        if call.request.token:
            return self.authenticator.by_token(call)
        return self.authenticator.by_secret(call, members.get("appid"), members.get("secret"))

    def _given(self, app: App, refused: object) -> GivenToken:
        if not app.gets_wechat_token:
            raise refusal(app.unauthorized)
        try:
            given = self.giver.source.token(
                app.account, refused if isinstance(refused, str) else ""
            )
        except ReplyError as error:
            # WeChat's own words, such as an IP that is not on its list, without anything of ours
            raise ReplyError(error.errcode, error.errmsg) from None
        except WxcubeError as error:
            _log.warning("wechat_token.failed", account=app.account, reason=str(error))
            raise refusal(-1) from None
        if given is None:
            raise refusal(48001)
        return given

    def _note(self, call: Call, app: App, errcode: int) -> None:
        _log.info(
            "wechat_token.asked",
            appid=app.appid,
            account=app.account,
            client=call.request.client,
            errcode=errcode,
        )
        self.giver.note(call, app, errcode)


def _members(call: Call) -> dict[str, object]:
    """The parameters of a request.

    Raises:  ReplyError 43001 for another method than GET and POST, 47001 for an invalid body.
    """
    request = call.request
    if request.method == "GET":
        return {name: request.parameter(name) for name in ("appid", "secret")}
    if request.method != "POST":
        raise refusal(43001)
    if not request.body.strip():
        return {name: request.parameter(name) for name in ("appid", "secret")}
    return read_object(request.body)
