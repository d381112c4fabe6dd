"""Sources of access tokens: WeChat's two token calls, a fixed token, a URL or a command.

A token is cached until five minutes before it expires, and concurrent callers share one request for
it. No repr and no error contains a token or a secret.

A token source belongs to the event loop that first uses it.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import PurePath
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

import msgspec

from wxcube.beijing import Clock, SystemClock
from wxcube.contract.codes import reply_error
from wxcube.errors import (
    CredentialError,
    ReplyError,
    SettingsError,
    ShapeError,
    TokenError,
    TransportError,
)
from wxcube.i18n import Message, _, verbatim
from wxcube.i18n.mismatch import mismatch
from wxcube.wechat.transport import HttpTransport, Transport, checked_url, host_of
from wxcube.wechat.wire import Request, body_of

MARGIN_SECONDS = 300
"""The time before its expiry at which a token is replaced; WeChat accepts both that long."""
CACHE_SECONDS = 60
"""The time that a token without an expiry is cached."""
COMMAND_SECONDS = 30.0
"""The time limit of a token command."""

STABLE_PATH = "/cgi-bin/stable_token"
CLASSIC_PATH = "/cgi-bin/token"

_DAY_SECONDS = 86_400.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,1024}")


class TokenSource(Protocol):
    """A source of access tokens."""

    async def token(self) -> str:
        """A token that is expected to be valid.

        Raises:  CredentialError, SettingsError, BusyError, TransportError or ShapeError.
        """
        ...

    async def renew(self, refused: str) -> str:
        """Another token after WeChat refused one; the same if there is no other."""
        ...


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and its lifetime."""

    token: str = field(repr=False)
    expires_in: float | None = None

    def renew_at(self, now: datetime) -> datetime:
        """When to request the next token; after half of a short lifetime."""
        if self.expires_in is None:
            return now + timedelta(seconds=CACHE_SECONDS)
        lifetime = min(self.expires_in, _DAY_SECONDS)
        return now + timedelta(seconds=lifetime - min(MARGIN_SECONDS, lifetime / 2))

    def ends_at(self, now: datetime) -> datetime | None:
        """When it ends; None if nobody said."""
        if self.expires_in is None:
            return None
        return now + timedelta(seconds=min(self.expires_in, _DAY_SECONDS))


class _Cache:
    """A token cached while it is valid; concurrent callers share one request for it."""

    def __init__(
        self, request: Callable[[str | None], Awaitable[AccessToken]], clock: Clock
    ) -> None:
        self._request = request
        self._clock = clock
        self._token: str | None = None
        self._renew_at: datetime | None = None
        self.ends_at: datetime | None = None
        """When the cached token ends; None if nobody said."""
        self._pending: asyncio.Task[str] | None = None

    async def token(self) -> str:
        if self._token and self._renew_at and self._clock.now() < self._renew_at:
            return self._token
        return await self._shared(None)

    async def renew(self, refused: str) -> str:
        if self._token is not None and self._token != refused:
            return await self.token()
        self._renew_at = None
        return await self._shared(refused)

    async def _shared(self, refused: str | None) -> str:
        if self._pending is None:
            self._pending = asyncio.create_task(self._fetch(refused))
            self._pending.add_done_callback(self._done)
        return await asyncio.shield(self._pending)

    async def _fetch(self, refused: str | None) -> str:
        fetched = await self._request(refused)
        now = self._clock.now()
        self._token, self._renew_at = fetched.token, fetched.renew_at(now)
        self.ends_at = fetched.ends_at(now)
        return fetched.token

    def _done(self, task: asyncio.Task[str]) -> None:
        self._pending = None
        if not task.cancelled():
            # marks the exception as retrieved, in case no caller waits for it any more
            task.exception()


class _CachedSource(ABC):
    """A token source that caches what a request returns."""

    def __init__(self, clock: Clock | None) -> None:
        self._cache = _Cache(self._request, clock or SystemClock())

    async def token(self) -> str:
        """A token that is expected to be valid.

        Raises:  CredentialError, SettingsError, BusyError, TransportError or ShapeError.
        """
        return await self._cache.token()

    async def renew(self, refused: str) -> str:
        """The token after WeChat refused one; concurrent callers share one request for it."""
        return await self._cache.renew(refused)

    @property
    def ends_at(self) -> datetime | None:
        """When the token that `token` gave last ends; None if nobody said."""
        return self._cache.ends_at

    @abstractmethod
    async def _request(self, refused: str | None) -> AccessToken: ...


class StableToken(_CachedSource):
    """Tokens of /cgi-bin/stable_token: the same for every caller until they expire.

    With `force=True`, a token that WeChat refused but still returns is replaced immediately, for
    all other programs too; WeChat allows this 20 times a day.
    """

    def __init__(
        self,
        appid: str,
        secret: str,
        transport: Transport | None = None,
        *,
        clock: Clock | None = None,
        force: bool = False,
    ) -> None:
        super().__init__(clock)
        self._appid, self._secret = _pair(appid, secret)
        self._transport = transport
        self._force = force

    def __repr__(self) -> str:
        return f"StableToken({self._appid!r})"

    async def _request(self, refused: str | None) -> AccessToken:
        token = await self._call(force=False)
        if self._force and token.token == refused:
            token = await self._call(force=True)
        return token

    async def _call(self, *, force: bool) -> AccessToken:
        members = {
            "grant_type": "client_credential",
            "appid": self._appid,
            "secret": self._secret,
            "force_refresh": force,
        }
        body = msgspec.json.encode(members)
        return await _fetch(Request(STABLE_PATH, body=body), self._transport)


class ClassicToken(_CachedSource):
    """Tokens of /cgi-bin/token: each new one invalidates the previous one for all programs."""

    def __init__(
        self,
        appid: str,
        secret: str,
        transport: Transport | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(clock)
        self._appid, self._secret = _pair(appid, secret)
        self._transport = transport

    def __repr__(self) -> str:
        return f"ClassicToken({self._appid!r})"

    async def _request(self, refused: str | None) -> AccessToken:  # noqa: ARG002 - each request returns a new one
        query = {
            "grant_type": "client_credential",
            "appid": self._appid,
            "secret": self._secret,
        }
        return await _fetch(Request(CLASSIC_PATH, query, method="GET"), self._transport)


class FixedToken:
    """One token, which another program renews."""

    def __init__(self, token: str) -> None:
        if not _TOKEN.fullmatch(token.strip()):
            raise SettingsError(
                _("the token is empty or invalid"),
                hint=_("a token has letters, digits and -._~+/= only, and no spaces"),
            )
        self._token = token.strip()

    def __repr__(self) -> str:
        return "FixedToken(…)"

    async def token(self) -> str:
        """The token."""
        return self._token

    async def renew(self, refused: str) -> str:  # noqa: ARG002 - there is no other
        """The same token: there is no other."""
        return self._token


class UrlToken(_CachedSource):
    """Tokens of a server of your own, as {"access_token", "expires_in"} or plain text.

    `proxy` and `allow_http` are those of `HttpTransport`.
    """

    def __init__(
        self,
        url: str,
        transport: Transport | None = None,
        *,
        clock: Clock | None = None,
        proxy: str | None = None,
        allow_http: bool = False,
    ) -> None:
        super().__init__(clock)
        parts = urlsplit(checked_url(url, allow_http=allow_http))
        self._host = host_of(url)
        base_url = f"{parts.scheme}://{parts.netloc}"
        self._open = partial(HttpTransport, base_url, proxy=proxy, allow_http=allow_http)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        title = _("token server {host}", host=self._host)
        self._query = Request(parts.path or "/", query, method="GET", title=title)
        self._transport = transport

    def __repr__(self) -> str:
        return f"UrlToken({self._host!r})"

    async def _request(self, refused: str | None) -> AccessToken:  # noqa: ARG002 - the server knows
        return await _fetch(self._query, self._transport, self._open)


class CommandToken(_CachedSource):
    """Tokens that a program prints, as {"access_token", "expires_in"} or plain text; no shell."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        timeout_seconds: float = COMMAND_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(clock)
        if isinstance(command, str) or not command:
            raise SettingsError(
                _("a token command must be a list of a program and its arguments"),
                hint=_('write it like ["pass", "show", "wechat-token"]'),
            )
        self._command = list(command)
        self._timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        return f"CommandToken({self._name!r})"

    @property
    def _name(self) -> str:
        return PurePath(self._command[0]).name

    async def _request(self, refused: str | None) -> AccessToken:  # noqa: ARG002 - the program knows
        return parse_token(await asyncio.to_thread(self._output), self._title)

    @property
    def _title(self) -> Message:
        return _("token command {name}", name=self._name)

    def _output(self) -> bytes:
        try:
            completed = subprocess.run(  # noqa: S603 - the user's own command, as a list, without a shell
                self._command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            reason = _("it did not end within {seconds:g} s", seconds=self._timeout_seconds)
        except OSError as error:
            reason = verbatim(error.strerror or type(error).__name__)
        else:
            if completed.returncode == 0:
                return completed.stdout
            reason = _("exit code {code}", code=completed.returncode)
        # raised here: the exceptions above contain the arguments, which may contain a secret
        raise SettingsError(
            _("{source}: {reason}", source=self._title, reason=reason),
            hint=_("run it yourself to see why"),
        )


# --- requests and replies ----------------------------------------------------------------------


async def _fetch(
    request: Request,
    transport: Transport | None,
    open_transport: Callable[[], Transport] = HttpTransport,
) -> AccessToken:
    """The token that a server returns, over a transport of its own where none is given."""
    used = transport or open_transport()
    try:
        return parse_token(body_of(await used.send(request), request), request.name)
    finally:
        if transport is None:
            await used.close()


class _TokenReply(msgspec.Struct):
    access_token: str | None = None
    expires_in: float | None = None
    errcode: int = 0
    errmsg: str | None = None


def parse_token(body: bytes, source: str) -> AccessToken:
    """The token in the reply of a source.

    Raises:  CredentialError or another ReplyError for an errcode, TransportError for an empty
        reply, ShapeError for one without a token; no error contains the reply.
    """
    text = body.decode("utf-8", "replace").strip().removeprefix("\ufeff")
    if not text:
        raise TransportError(_("{source}: the reply is empty", source=source))
    if not text.startswith("{"):
        return AccessToken(_checked(text.strip('"'), source))
    reply = _decode(text, source)
    if reply.errcode:
        raise _refusal(reply.errcode, reply.errmsg or "", source)
    return AccessToken(_checked(reply.access_token or "", source), reply.expires_in)


def _decode(text: str, source: str) -> _TokenReply:
    try:
        return msgspec.json.decode(text, type=_TokenReply, strict=False)
    except (msgspec.MsgspecError, RecursionError) as error:
        reason = _mismatch(text, str(error))
    raise ShapeError(
        _("{source}: {reason}", source=source, reason=reason),
        hint=_("it must contain access_token and expires_in"),
    )


def _mismatch(text: str, reported: str) -> Message:
    try:
        content = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return verbatim(reported)
    found = mismatch(content, _TokenReply, strict=False, reported=reported)
    return found or verbatim(reported)


def _checked(token: str, source: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise ShapeError(
            _("{source}: the reply contains no token", source=source),
            hint=_("it must contain access_token and expires_in, or only a token"),
        )
    return token


def _refusal(errcode: int, errmsg: str, source: str) -> ReplyError:
    error = reply_error(errcode, errmsg, endpoint=source)
    if not isinstance(error, TokenError):
        return error
    hint = _("AppID and AppSecret do not match: check both, or reset the AppSecret on the console")
    return CredentialError(errcode, errmsg, rid=error.rid, endpoint=source, hint=hint)


def _pair(appid: str, secret: str) -> tuple[str, str]:
    appid, secret = appid.strip(), secret.strip()
    if appid and secret:
        return appid, secret
    if not appid and not secret:
        message = _("AppID and AppSecret are missing")
    else:
        message = _("the AppSecret is missing") if appid else _("the AppID is missing")
    raise SettingsError(
        message, hint=_("both are on the account's console; or give a token instead")
    )
