"""A forward proxy in a process of its own: CONNECT tunnels and requests with absolute URLs.

    python forward_proxy.py NAME=HOST:PORT... [USER:PASSWORD]

It resolves the given names only. It prints its port, then each request line that it accepts.
"""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

OK = b"HTTP/1.1 200 OK\r\n\r\n"
NO_PASSWORD = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
UNKNOWN_NAME = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"


@dataclass
class ForwardProxy:
    """A running proxy."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def requests(self) -> list[str]:
        """Method and target of all requests; ends the proxy."""
        self.process.terminate()
        lines, _ = self.process.communicate()
        return lines.splitlines()


@contextmanager
def forward_proxy(names: Mapping[str, str], user: str = "") -> Iterator[ForwardProxy]:
    """A proxy in a process of its own that resolves names to HOST:PORT."""
    pairs = [f"{name}={address}" for name, address in names.items()]
    command = [sys.executable, __file__, *pairs, *([user] if user else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield ForwardProxy(process, int(process.stdout.readline()))
        finally:
            process.terminate()


async def tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, first: bytes = b""
) -> None:
    """Forward bytes in both directions until both sides have ended."""
    host, _, port = address.rpartition(":")
    other_reader, other_writer = await asyncio.open_connection(host, int(port))
    other_writer.write(first)
    await asyncio.gather(_copy(reader, other_writer), _copy(other_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _serve(names: Mapping[str, str], user: str) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            await _forward(head, names, user, reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    _report(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


def _report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _forward(
    head: bytes,
    names: Mapping[str, str],
    user: str,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    method, target, _ = head.partition(b"\r\n")[0].decode().split()
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    credentials = base64.b64encode(user.encode())
    if user and b"proxy-authorization: basic " + credentials.lower() not in head.lower():
        writer.write(NO_PASSWORD)
    elif parts.hostname not in names:
        writer.write(UNKNOWN_NAME)
    elif method == "CONNECT":
        _report(f"{method} {target}")
        writer.write(OK)
        await tunnel(reader, writer, names[parts.hostname or ""])
    else:
        path = parts._replace(scheme="", netloc="").geturl()
        _report(f"{method} {target.partition('?')[0]}")
        # one request per connection, so that the next one has an absolute URL again
        request = head.replace(target.encode(), path.encode(), 1)
        closing = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        await tunnel(reader, writer, names[parts.hostname or ""], closing)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(
        _serve(
            dict(one.split("=", 1) for one in arguments if "=" in one),
            next((one for one in arguments if "=" not in one), ""),
        )
    )
