"""Ways a request reaches a server: HTTP over sockets, or an ASGI application in this process.

Every fault of the way becomes a TransportError that names the path only: the errors of an HTTP
library show URLs, and URLs hold tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from wxcube.errors import Remedy, SettingsError, TransportError
from wxcube.wechat.wire import Reply, Request

if TYPE_CHECKING:
    import aiohttp

WECHAT = "https://api.weixin.qq.com"
TIMEOUT_SECONDS = 30.0
MAX_BYTES = 64 * 1024 * 1024
"""An answer longer than this is not read to its end."""
CONNECTIONS = 100
"""Connections open at once, over all callers of a transport."""

_CHUNK = 64 * 1024
_CUT_OFF = "the answer was cut off"
_NETWORK = "check the network and the base URL"
_BETWEEN = "ask again; if it stays so, look at the server and at what is between, like a proxy"
_HEADERS = {"content-type": "application/json", "accept": "application/json"}

Message = MutableMapping[str, Any]
ASGIApp = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]
"""An ASGI application."""


class Transport(Protocol):
    """A way requests reach a server."""

    async def send(self, request: Request) -> Reply:
        """The server's answer, whatever its status.

        Raises:  TransportError if no whole answer came in time.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class HttpTransport:
    """Requests over HTTP or HTTPS to one server, on connections that are kept open.

    Belongs to the event loop of its first request. Redirects are answers like any other, so that
    a token only goes where the base URL says.
    """

    def __init__(
        self,
        base_url: str = WECHAT,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_bytes: int = MAX_BYTES,
        connections: int = CONNECTIONS,
        proxy: str | None = None,
    ) -> None:
        self._base_url = checked_url(base_url).rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._max_bytes = max_bytes
        self._connections = connections
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"HttpTransport({host_of(self._base_url)!r})"

    @property
    def leads_to_wechat(self) -> bool:
        """Whether the server is one of WeChat's own hosts."""
        return f".{urlsplit(self._base_url).hostname}".endswith(".weixin.qq.com")

    async def send(self, request: Request) -> Reply:
        """The server's answer, whatever its status.

        Raises:  TransportError if no whole answer came in time.
        """
        from aiohttp import ClientError

        try:
            return await self._exchange(request)
        except TimeoutError:
            fault, hint = f"no answer within {self._timeout_seconds:g} s", _NETWORK
        except (ClientError, OSError, ValueError) as error:
            fault, hint = _fault(error)
        # TRICKY: raised out here, so that the library's error with its URL is not even its context
        raise TransportError(f"{request}: {fault}", hint=hint)

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
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
            headers=_HEADERS,
            allow_redirects=False,
            proxy=self._proxy,
        ) as response:
            return Reply(response.status, await self._read(response, request))

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

    An error the application raises comes through as it is: it is a fault of the application.
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
        """The application's answer, whatever its status.

        Raises:  TransportError if no whole answer came in time.
        """
        exchange = _Exchange(request)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._app(_scope(request), exchange.receive, exchange.send)
        except TimeoutError:
            fault = f"no answer within {self._timeout_seconds:g} s"
            raise TransportError(f"{request}: {fault}") from None
        if len(exchange.body) > self._max_bytes:
            raise _too_long(request, self._max_bytes)
        return exchange.reply()

    async def close(self) -> None:
        """Nothing is held."""


class _Exchange:
    """One request and its answer, as ASGI messages."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.status: int | None = None
        self.length: int | None = None
        self.body = bytearray()
        self.ended = False
        self._asked = False

    async def receive(self) -> Message:
        if self._asked:
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": self.request.body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            lengths = [v for k, v in message.get("headers", ()) if k.lower() == b"content-length"]
            self.length = int(lengths[0]) if lengths else None
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            self.ended = not message.get("more_body", False)

    def reply(self) -> Reply:
        whole = self.ended and self.length in {None, len(self.body)}
        if self.status is None or not whole:
            raise TransportError(f"{self.request}: {_CUT_OFF}", hint=_BETWEEN)
        return Reply(self.status, bytes(self.body))


def _scope(request: Request) -> Message:
    headers = {"host": "localhost", "content-length": str(len(request.body)), **_HEADERS}
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


def checked_url(url: str) -> str:
    """The URL, if it is one of HTTP or HTTPS with a host.

    Raises:  SettingsError that shows no more of it than its host.
    """
    host = host_of(url)
    if not host.startswith(("http://", "https://")):
        raise SettingsError(
            f"the URL of a server ({host or 'no host'}) is not complete",
            hint=f"write it like {WECHAT}",
        )
    return url


def host_of(url: str) -> str:
    """Scheme and host of a URL, the part that holds no secret; empty if it has no host."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else ""


def _fault(error: Exception) -> tuple[str, str]:
    """What went wrong, in words that cannot hold a URL, and what to do about it."""
    from aiohttp import ClientPayloadError, ServerDisconnectedError
    from aiohttp.http_exceptions import ContentEncodingError

    if isinstance(error.__cause__, ContentEncodingError):
        return "the answer cannot be unpacked", _BETWEEN
    if isinstance(error, ClientPayloadError):
        return _CUT_OFF, _BETWEEN
    if isinstance(error, ServerDisconnectedError):
        return "the connection was closed before an answer came", _BETWEEN
    cause = getattr(error, "os_error", error)
    reason = cause.strerror if isinstance(cause, OSError) else None
    return f"{type(error).__name__}, {reason}" if reason else type(error).__name__, _NETWORK


def _too_long(request: Request, max_bytes: int) -> TransportError:
    error = TransportError(
        f"{request}: the answer is longer than {max_bytes} bytes", hint="ask for a shorter window"
    )
    # asking again would only bring it again
    error.remedy = Remedy.SKIP
    return error
