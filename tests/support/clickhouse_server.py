"""An HTTP server with ClickHouse's interface that runs statements on chdb in this process.

It supports only what the driver uses: a statement in the body or in `query`, data after an INSERT,
settings and a database as parameters, user and password as Basic authorization.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

USER, PASSWORD = "builder", "p@ss/wörd"
_PROTOCOL = {
    "database",
    "query",
    "session_id",
    "query_id",
    "compress",
    "wait_end_of_query",
    "client_protocol_version",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "enable_http_compression",
}
"""The parameters that are not settings of ClickHouse."""
_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)\s*$", re.IGNORECASE)
_INSERT = re.compile(rb"\s*(INSERT INTO .*?) ?FORMAT (\w+)\n", re.IGNORECASE | re.DOTALL)


@dataclass
class Server:
    """The URL of the server, and the statements and settings it has received."""

    url: str
    statements: list[str] = field(default_factory=list)
    settings: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def clickhouse_server() -> Iterator[Server]:
    """A server on a free port of loopback."""
    server = Server("")
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parameters = dict(parse_qsl(urlsplit(self.path).query))
            if self.headers.get("Authorization") != _basic(USER, PASSWORD):
                self._answer(401, b"Code: 516. DB::Exception: Authentication failed")
                return
            with lock:
                self._run(parameters, body)

        def _run(self, parameters: dict[str, str], body: bytes) -> None:
            statement = parameters.get("query", "").encode() + body
            settings = {k: v for k, v in parameters.items() if k not in _PROTOCOL}
            server.statements.append(statement[:200].decode("utf-8", "replace"))
            server.settings.append(settings)
            try:
                kind, result = _executed(statement, parameters.get("database", ""), settings)
            except RuntimeError as error:
                self._answer(500, str(error).encode())
            else:
                self._answer(200, result, kind)

        def _answer(self, status: int, body: bytes, kind: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-ClickHouse-Timezone", "UTC")
            if status != 200:
                self.send_header("X-ClickHouse-Exception-Code", "1")
            if kind:
                self.send_header("X-ClickHouse-Format", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Log nothing."""

    return Handler


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _executed(statement: bytes, database: str, settings: dict[str, str]) -> tuple[str, bytes]:
    import chdb

    connect: Any = chdb.connect  # typed in some releases of chdb only
    connection = connect(":memory:")
    try:
        for name, value in settings.items():
            connection.query(f"SET {name} = '{value}'")
        if database:
            connection.query(f"USE {database}")
        insert = _INSERT.match(statement)
        if insert:
            return "", _inserted(connection, insert, statement)
        kind = _FORMAT.search(statement)
        name = kind[1].decode() if kind else "TabSeparated"
        return name, bytes(connection.query(statement.decode(), name).bytes())
    finally:
        connection.close()


def _inserted(connection: Any, insert: re.Match[bytes], statement: bytes) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(statement[insert.end() :])
        into, kind = insert[1].decode(), insert[2].decode()
        connection.query(f"{into} FROM INFILE '{file.name}' FORMAT {kind}")
    return b""
