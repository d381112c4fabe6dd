"""Transports: HTTP over sockets, or an ASGI application in this process.

Every network error becomes a TransportError that names only the path: the errors of an HTTP library
contain URLs, and URLs contain tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from wxcube.errors import Remedy, SettingsError, TransportError
from wxcube.i18n import NOTHING, Message, _, verbatim
from wxcube.settings import checked_proxy, environment_proxy, is_loopback
from wxcube.wechat.http_date import parse_http_date
from wxcube.wechat.wire import Reply, Request

if TYPE_CHECKING:
    import aiohttp

WECHAT = "https://api.weixin.qq.com"
TIMEOUT_SECONDS = 30.0
MAX_BYTES = 64 * 1024 * 1024
"""The maximum length of a reply."""
CONNECTIONS = 100
"""The maximum number of open connections of a transport."""

_CHUNK = 64 * 1024
_HEADERS = {"content-type": "application/json", "accept": "application/json"}
_CHECK_NETWORK = _("check the network and base_url")
_CHECK_PROXY = _("check the URL of the proxy, and its user and password")
_RETRY = _("try again; if it happens again, check the server and the proxies before it")

AsgiMessage = MutableMapping[str, Any]
ASGIApp = Callable[
    [AsgiMessage, Callable[[], Awaitable[AsgiMessage]], Callable[[AsgiMessage], Awaitable[None]]],
    Awaitable[None],
]
"""An ASGI application."""


class Transport(Protocol):
    """A way to send requests to a server."""

    async def send(self, request: Request) -> Reply:
        """The server's reply, with any status.

        Raises:  TransportError if no complete reply arrived in time.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class HttpTransport:
    """Requests over HTTP or HTTPS to one server, with persistent connections.

    It belongs to the event loop of its first request. Redirects are not followed, so that tokens
    are sent only to the server of the base URL.

    Args:
        base_url: The URL of the server; https, unless the server is this machine.
        timeout_seconds: The time limit of a request.
        max_bytes: The maximum length of a reply.
        connections: The maximum number of open connections.
        proxy: The URL of a forward proxy; empty for none; by default that of HTTPS_PROXY or
            HTTP_PROXY, except for this machine and for servers in NO_PROXY.
        allow_http: Whether AppSecret and tokens may be sent unencrypted to other machines.
    """

    def __init__(
        self,
        base_url: str = WECHAT,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_bytes: int = MAX_BYTES,
        connections: int = CONNECTIONS,
        proxy: str | None = None,
        allow_http: bool = False,
    ) -> None:
        self._base_url = checked_url(base_url, allow_http=allow_http).rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._max_bytes = max_bytes
        self._connections = connections
        self._proxy = environment_proxy(base_url) if proxy is None else checked_proxy(proxy)
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"HttpTransport({host_of(self._base_url)!r})"

    @property
    def is_wechat(self) -> bool:
        """Whether the server is WeChat."""
        return f".{urlsplit(self._base_url).hostname}".endswith(".weixin.qq.com")

    async def send(self, request: Request) -> Reply:
        """The server's reply, with any status.

        Raises:  TransportError if no complete reply arrived in time.
        """
        from aiohttp import ClientError

        try:
            return await self._exchange(request)
        except TimeoutError:
            reason, hint = _timed_out(self._timeout_seconds), _CHECK_NETWORK
        except (ClientError, OSError, ValueError) as error:
            reason, hint = _reason(error)
        # TRICKY: raised here, so that the library's error with its URL is not its context
        raise _failed(request, reason, hint)

    async def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _exchange(self, request: Request) -> Reply:
        from yarl import URL

        session = self._session or self._open()
        url = URL(self._base_url + request.target, encoded=True)
        async with session.request(
            request.method,
            url,
            data=request.body or None,
            headers={**_HEADERS, **request.headers},
            allow_redirects=False,
            proxy=self._proxy or None,
        ) as response:
            date = parse_http_date(response.headers.get("date", ""))
            return Reply(response.status, await self._read(response, request), date)

    def _open(self) -> aiohttp.ClientSession:
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

        self._session = ClientSession(
            connector=TCPConnector(limit=self._connections),
            timeout=ClientTimeout(total=self._timeout_seconds),
            cookie_jar=DummyCookieJar(),
        )
        return self._session

    async def _read(self, response: aiohttp.ClientResponse, request: Request) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._max_bytes:
                raise _too_long(request, self._max_bytes)
        return bytes(body)


class AsgiTransport:
    """Requests to an ASGI application in this process, without sockets.

    Exceptions of the application are not converted.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._app = app
        self._timeout_seconds = timeout_seconds
        self._max_bytes = max_bytes

    async def send(self, request: Request) -> Reply:
        """The application's reply, with any status.

        Raises:  TransportError if no complete reply arrived in time.
        """
        exchange = _Exchange(request)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._app(_scope(request), exchange.receive, exchange.send)
        except TimeoutError:
            raise _failed(request, _timed_out(self._timeout_seconds)) from None
        if len(exchange.body) > self._max_bytes:
            raise _too_long(request, self._max_bytes)
        return exchange.reply()

    async def close(self) -> None:
        """Do nothing: there are no connections."""


class _Exchange:
    """A request and its reply, as ASGI messages."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.status: int | None = None
        self.length: int | None = None
        self.date = ""
        self.body = bytearray()
        self.ended = False
        self._received = False

    async def receive(self) -> AsgiMessage:
        if self._received:
            return {"type": "http.disconnect"}
        self._received = True
        return {"type": "http.request", "body": self.request.body, "more_body": False}

    async def send(self, message: AsgiMessage) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = {name.lower(): value for name, value in message.get("headers", ())}
            self.length = int(headers[b"content-length"]) if b"content-length" in headers else None
            self.date = headers.get(b"date", b"").decode("latin-1")
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            self.ended = not message.get("more_body", False)

    def reply(self) -> Reply:
        is_complete = self.ended and self.length in {None, len(self.body)}
        if self.status is None or not is_complete:
            raise _failed(self.request, _("the reply was cut off"), _RETRY)
        return Reply(self.status, bytes(self.body), parse_http_date(self.date))


def _scope(request: Request) -> AsgiMessage:
    headers = {
        "host": "localhost",
        "content-length": str(len(request.body)),
        **_HEADERS,
        **request.headers,
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": urlencode(request.query).encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
    }


def checked_url(url: str, *, allow_http: bool = False) -> str:
    """The URL of a server that AppSecret or tokens may be sent to.

    Raises:  SettingsError if it has no host, or if it is http:// to another machine; the error
        shows only scheme and host.
    """
    host = host_of(url)
    if not host.startswith(("http://", "https://")):
        raise SettingsError(
            _("the URL of a server is incomplete ({host})", host=host)
            if host
            else _("the URL of a server is incomplete (no host)"),
            hint=_("write it like {example}", example=WECHAT),
        )
    if host.startswith("http://") and not allow_http and not is_loopback(url):
        raise SettingsError(
            _("{host} would receive AppSecret and tokens unencrypted", host=host),
            hint=_(
                "use https://, or allow it with `allow_http = true` in [[accounts]] "
                "(in Python: allow_http=True) if you trust the network"
            ),
        )
    return url


def host_of(url: str) -> str:
    """Scheme, host and port of a URL, which contain no secret; empty if it has no host."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else ""


def _reason(error: Exception) -> tuple[Message, Message]:
    """The reason of an error, which contains no URL, and what to do."""
    from aiohttp import ClientHttpProxyError, ClientPayloadError, ServerDisconnectedError
    from aiohttp.http_exceptions import ContentEncodingError

    if isinstance(error.__cause__, ContentEncodingError):
        return _("the reply cannot be decompressed"), _RETRY
    if isinstance(error, ClientPayloadError):
        return _("the reply was cut off"), _RETRY
    if isinstance(error, ServerDisconnectedError):
        return _("the connection was closed before the reply"), _RETRY
    if isinstance(error, ClientHttpProxyError):
        return _("the proxy refused the request: HTTP {status}", status=error.status), _CHECK_PROXY
    return _unconnected(error, _system_reason(error))


def _unconnected(error: Exception, reason: str) -> tuple[Message, Message]:
    from aiohttp import ClientConnectorDNSError, ClientConnectorError, ClientProxyConnectionError

    if isinstance(error, ClientProxyConnectionError):
        return _("no connection to the proxy ({reason})", reason=reason), _CHECK_PROXY
    if isinstance(error, ClientConnectorDNSError):
        return _("the server's name cannot be resolved ({reason})", reason=reason), _CHECK_NETWORK
    if isinstance(error, ClientConnectorError):
        return _("no connection to the server ({reason})", reason=reason), _CHECK_NETWORK
    return verbatim(f"{type(error).__name__}, {reason}".rstrip(", ")), _CHECK_NETWORK


def _system_reason(error: Exception) -> str:
    """The reason of the operating system for an error; empty if there is none."""
    cause = getattr(error, "os_error", error)
    return cause.strerror or "" if isinstance(cause, OSError) else ""


def _timed_out(seconds: float) -> Message:
    return _("no reply within {seconds:g} s", seconds=seconds)


def _failed(request: Request, reason: Message, hint: Message = NOTHING) -> TransportError:
    return TransportError(_("{request}: {reason}", request=request.name, reason=reason), hint=hint)


def _too_long(request: Request, max_bytes: int) -> TransportError:
    error = TransportError(
        _(
            "{request}: the reply is longer than {max_bytes} bytes",
            request=request.name,
            max_bytes=max_bytes,
        ),
        hint=_("request fewer days at a time"),
    )
    # another attempt would get the same reply
    error.remedy = Remedy.SKIP
    return error
