"""Where an access token comes from: WeChat's two token calls, a fixed text, a URL or a command.

A token is kept until five minutes before its end, and however many callers wait for one, it is
asked for once. Neither tokens nor secrets stand in a repr or an error.

A token source belongs to the event loop that first asks it.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
from wxcube.wechat.transport import HttpTransport, Transport, checked_url, host_of
from wxcube.wechat.wire import Request, body_of

MARGIN_SECONDS = 300
"""A token is replaced this long before its end: so long WeChat accepts the old beside the new."""
KEEP_SECONDS = 60
"""How long a token is kept that came without an end."""
COMMAND_SECONDS = 30.0

STABLE_PATH = "/cgi-bin/stable_token"
CLASSIC_PATH = "/cgi-bin/token"

_DAY_SECONDS = 86_400.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,1024}")


class TokenSource(Protocol):
    """Something that hands out access tokens."""

    async def token(self) -> str:
        """A token that should work now.

        Raises:  CredentialError, SettingsError, BusyError, TransportError or ShapeError.
        """
        ...

    async def renew(self, bad: str) -> str:
        """A token after WeChat refused `bad`; the same one where there is no other."""
        ...


@dataclass(frozen=True, slots=True)
class Granted:
    """A token as it was handed out, and for how long."""

    token: str = field(repr=False)
    expires_in: float | None = None

    def good_until(self, now: datetime) -> datetime:
        """When to ask for the next one; the tokens of a short life are used for half of it."""
        if self.expires_in is None:
            return now + timedelta(seconds=KEEP_SECONDS)
        life = min(self.expires_in, _DAY_SECONDS)
        return now + timedelta(seconds=life - min(MARGIN_SECONDS, life / 2))


class _Kept:
    """A token kept while it is good; callers that wait at once share one request for it."""

    def __init__(self, ask: Callable[[str | None], Awaitable[Granted]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._token: str | None = None
        self._good_until: datetime | None = None
        self._flight: asyncio.Task[str] | None = None

    async def token(self) -> str:
        if self._token and self._good_until and self._clock.now() < self._good_until:
            return self._token
        return await self._shared(None)

    async def renew(self, bad: str) -> str:
        if self._token is not None and self._token != bad:
            return await self.token()
        self._good_until = None
        return await self._shared(bad)

    async def _shared(self, bad: str | None) -> str:
        if self._flight is None:
            self._flight = asyncio.create_task(self._fetch(bad))
            self._flight.add_done_callback(self._landed)
        return await asyncio.shield(self._flight)

    async def _fetch(self, bad: str | None) -> str:
        granted = await self._ask(bad)
        self._token, self._good_until = granted.token, granted.good_until(self._clock.now())
        return granted.token

    def _landed(self, flight: asyncio.Task[str]) -> None:
        self._flight = None
        if not flight.cancelled():
            # a failure nobody waits for any more is no failure
            flight.exception()


class _KeptSource(ABC):
    """A token source on top of one way to ask for a token."""

    def __init__(self, clock: Clock | None) -> None:
        self._kept = _Kept(self._ask, clock or SystemClock())

    async def token(self) -> str:
        """A token that should work now.

        Raises:  CredentialError, SettingsError, BusyError, TransportError or ShapeError.
        """
        return await self._kept.token()

    async def renew(self, bad: str) -> str:
        """The token after WeChat refused `bad`, asked for once however many were refused."""
        return await self._kept.renew(bad)

    @abstractmethod
    async def _ask(self, bad: str | None) -> Granted: ...


class StableToken(_KeptSource):
    """Tokens of /cgi-bin/stable_token: the same for every caller, until they end.

    With `force=True`, a token that WeChat refused and would hand out again is replaced at once,
    for every other program too; WeChat allows 20 of these a day.
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

    async def _ask(self, bad: str | None) -> Granted:
        granted = await self._call(force=False)
        if self._force and granted.token == bad:
            granted = await self._call(force=True)
        return granted

    async def _call(self, *, force: bool) -> Granted:
        wanted = {
            "grant_type": "client_credential",
            "appid": self._appid,
            "secret": self._secret,
            "force_refresh": force,
        }
        body = msgspec.json.encode(wanted)
        return await _granted(Request(STABLE_PATH, body=body), self._transport)


class ClassicToken(_KeptSource):
    """Tokens of /cgi-bin/token: each new one ends the one before, for every other program too."""

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

    async def _ask(self, bad: str | None) -> Granted:  # noqa: ARG002 - a new one in any case
        query = {
            "grant_type": "client_credential",
            "appid": self._appid,
            "secret": self._secret,
        }
        return await _granted(Request(CLASSIC_PATH, query, method="GET"), self._transport)


class FixedToken:
    """One token, handed over by whoever refreshes it."""

    def __init__(self, token: str) -> None:
        if not _TOKEN.fullmatch(token.strip()):
            raise SettingsError(
                "the given token is empty or no token",
                hint="a token is one word of letters and digits",
            )
        self._token = token.strip()

    def __repr__(self) -> str:
        return "FixedToken(…)"

    async def token(self) -> str:
        """The token."""
        return self._token

    async def renew(self, bad: str) -> str:  # noqa: ARG002 - there is no other
        """The same token: there is no other."""
        return self._token


class UrlToken(_KeptSource):
    """Tokens of a server of one's own that answers {"access_token", "expires_in"} or plain text."""

    def __init__(
        self, url: str, transport: Transport | None = None, *, clock: Clock | None = None
    ) -> None:
        super().__init__(clock)
        parts = urlsplit(checked_url(url))
        self._host = host_of(url)
        self._base = f"{parts.scheme}://{parts.netloc}"
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        title = f"token server {self._host}"
        self._request = Request(parts.path or "/", query, method="GET", title=title)
        self._transport = transport

    def __repr__(self) -> str:
        return f"UrlToken({self._host!r})"

    async def _ask(self, bad: str | None) -> Granted:  # noqa: ARG002 - the server knows
        return await _granted(self._request, self._transport, self._base)


class CommandToken(_KeptSource):
    """Tokens a program prints, as {"access_token", "expires_in"} or plain text; no shell runs."""

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
                "a token command is a list of a program and its arguments",
                hint='write it like ["pass", "show", "wechat-token"]',
            )
        self._command = list(command)
        self._timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        return f"CommandToken({self._name!r})"

    @property
    def _name(self) -> str:
        return PurePath(self._command[0]).name

    async def _ask(self, bad: str | None) -> Granted:  # noqa: ARG002 - the program knows
        return read_granted(await asyncio.to_thread(self._output), f"token command {self._name}")

    def _output(self) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - the account's own command, as a list, without a shell
                self._command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            fault = f"it did not end within {self._timeout_seconds:g} s"
        except OSError as error:
            fault = error.strerror or type(error).__name__
        else:
            if done.returncode == 0:
                return done.stdout
            fault = f"exit code {done.returncode}"
        # raised out here: the errors above show the arguments, which may hold a secret
        raise SettingsError(
            f"token command {self._name}: {fault}", hint="run it by hand to see why"
        )


# --- asking and reading ------------------------------------------------------------------------


async def _granted(request: Request, transport: Transport | None, base: str = "") -> Granted:
    if transport is not None:
        return read_granted(body_of(await transport.send(request), request), str(request))
    own = HttpTransport(base) if base else HttpTransport()
    try:
        return await _granted(request, own)
    finally:
        await own.close()


class _Found(msgspec.Struct):
    access_token: str | None = None
    expires_in: float | None = None
    errcode: int = 0
    errmsg: str | None = None


def read_granted(body: bytes, asked: str) -> Granted:
    """The token in the answer of whoever was asked.

    Raises:  CredentialError or another ReplyError for an errcode, TransportError for an empty
        answer, ShapeError for one without a token; none of them shows the answer.
    """
    text = body.decode("utf-8", "replace").strip().removeprefix("\ufeff")
    if not text:
        raise TransportError(f"{asked}: the answer is empty")
    if not text.startswith("{"):
        return Granted(_checked(text.strip('"'), asked))
    found = _parsed(text, asked)
    if found.errcode:
        raise _refusal(found.errcode, found.errmsg or "", asked)
    return Granted(_checked(found.access_token or "", asked), found.expires_in)


def _parsed(text: str, asked: str) -> _Found:
    try:
        return msgspec.json.decode(text, type=_Found, strict=False)
    except (msgspec.MsgspecError, RecursionError) as error:
        fault = str(error)
    raise ShapeError(f"{asked}: {fault}", hint="it should hold access_token and expires_in")


def _checked(token: str, asked: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise ShapeError(
            f"{asked}: the answer holds no token",
            hint="it should hold access_token and expires_in, or a token alone",
        )
    return token


def _refusal(errcode: int, errmsg: str, asked: str) -> ReplyError:
    error = reply_error(errcode, errmsg, endpoint=asked)
    if not isinstance(error, TokenError):
        return error
    hint = "AppID and AppSecret do not fit: check both, or reset the AppSecret on the console"
    return CredentialError(errcode, errmsg, rid=error.rid, endpoint=asked, hint=hint)


def _pair(appid: str, secret: str) -> tuple[str, str]:
    missing: Mapping[str, str] = {"AppID": appid, "AppSecret": secret}
    if lacking := [name for name, value in missing.items() if not value.strip()]:
        raise SettingsError(
            f"the {' and the '.join(lacking)} is missing",
            hint="both stand on the account's console, or give a token instead",
        )
    return appid.strip(), secret.strip()
