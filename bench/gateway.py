"""Answers of `wxcube serve` beside a bare ASGI application with the same bytes on the same server.

python bench/gateway.py demo/wxcube.db          # or postgresql://USER@HOST/DATABASE
python bench/gateway.py demo/wxcube.db --years 10       # beside a copy that has so many years
python bench/gateway.py demo/wxcube.db --accounts 1000  # beside one year of so many accounts
python bench/gateway.py demo/wxcube.db --writing        # while another process stores in a copy

Needs wrk and Linux with two cores: the server has one, wrk the other. If nginx is there, it sends
the same bytes from files, as the limit. The mix is seven days of six
endpoints in turn, the newest that the database has. Servers take turns, so that all of them meet
the same noise; the ratios are those of medians. CPU is steadier than requests/s.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec

from wxcube import log
from wxcube.beijing import SystemClock
from wxcube.contract import Window, named
from wxcube.contract.source import Answer, Origin
from wxcube.server.apps import LocalApp
from wxcube.server.gateway import Gateway
from wxcube.server.http import listen, serve_forever
from wxcube.settings import LimitSettings
from wxcube.warehouse.store import Warehouse

ENDPOINTS = (
    "getusersummary",
    "getusercumulate",
    "getupstreammsg",
    "getupstreammsgdist",
    "getinterfacesummary",
    "getusershare",
)
SECRET = "0123456789abcdef"
ASKED_ACCOUNTS = 20
"""Of many accounts, so many are asked for in turn."""
CONNECTIONS = 64
WINDOWS = 20
"""Answers that are not kept are of so many windows, so that few callers wait for the same one."""
SERVER_CORE, LOAD_CORE = "1", "0"
_LUA = """
local paths, bodies, n = { %s }, { %s }, 0
request = function()
  n = n + 1
  local body = bodies[math.floor(n / #paths) %% #bodies + 1]
  return wrk.format("POST", paths[n %% #paths + 1], nil, body)
end
done = function(summary, latency)
  io.write(string.format("RESULT %%f %%f %%f %%d %%d\\n",
    summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99),
    summary.errors.status, summary.errors.read + summary.errors.timeout + summary.errors.connect))
end
"""


@dataclass
class Server:
    """A running server, and what wrk measured of it."""

    name: str
    url: str
    process: subprocess.Popen[str]
    script: Path
    results: list[tuple[float, float, float]] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    errors: int = 0

    def measure(self, seconds: float) -> None:
        """One run of wrk."""
        before = _cpu_seconds(self.process.pid)
        words = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s"]
        done = subprocess.run(
            [*words, "-s", self.script, self.url], capture_output=True, text=True, check=True
        )
        found = re.search(r"RESULT (\S+) (\S+) (\S+) (\d+) (\d+)", done.stdout)
        assert found, done.stdout
        rate, middle, slow = (float(one) for one in found.groups()[:3])
        self.results.append((rate, middle / 1000, slow / 1000))
        self.errors += int(found[4]) + int(found[5])
        self.cpu.append((_cpu_seconds(self.process.pid) - before) / (rate * seconds) * 1e6)

    def median(self, number: int) -> float:
        """The median of the requests per second (0), the p50 (1) or the p99 (2) in milliseconds."""
        return statistics.median(one[number] for one in self.results)


def main() -> None:
    """Measure, and print a table."""
    options = _options()
    if options.serve:
        _write(options.database) if options.serve == "write" else _serve(options)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = [
            stack.enter_context(_started(name, folder, *words))
            for name, words in _kinds(options, folder).items()
        ]
        if options.writing:
            words = [sys.executable, __file__, str(folder / "written.db"), "--serve", "write"]
            stack.callback(subprocess.Popen(["taskset", "-c", LOAD_CORE, *words]).kill)
        for server in servers:
            server.measure(1)
            server.results.clear()
            server.cpu.clear()
        for _round in range(options.rounds):
            for server in servers:
                server.measure(options.seconds)
        _print(servers)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--years", type=int, default=0)
    parser.add_argument("--accounts", type=int, default=0)
    parser.add_argument("--writing", action="store_true")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    kinds = ["bare", "plain", "nginx", "kept", "read", "logged", "write"]
    parser.add_argument("--serve", choices=kinds)
    return parser.parse_args()


def _kinds(options: argparse.Namespace, folder: Path) -> dict[str, list[str]]:
    kinds = {
        "bare, uvicorn as it is": ["plain", options.database],
        "bare, this server": ["bare", options.database],
        "kept": ["kept", options.database],
        "kept, access log": ["logged", options.database],
        "not kept": ["read", options.database],
    }
    if shutil.which("nginx"):
        kinds = {"nginx": ["nginx", options.database], **kinds}
    if options.years:
        long = str(folder / "long.db")
        _lengthen(options.database, long, options.years)
        kinds |= {"many years, kept": ["kept", long], "many years, not kept": ["read", long]}
    if options.accounts:
        many = str(folder / "many.db")
        _lengthen(options.database, many, years=1)
        _multiply(many, options.accounts)
        kinds |= {"many accounts, kept": ["kept", many], "many accounts, not kept": ["read", many]}
    if options.writing:
        written = str(folder / "written.db")
        _copy(options.database, written)
        kinds |= {"written meanwhile": ["kept", written]}
    return kinds


def _copy(database: str, target: str) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=WAL")


def _lengthen(database: str, target: str, years: int) -> None:
    """Copy a database, and its days again and again before themselves."""
    _copy(database, target)
    tables = [*(named(name).table for name in ENDPOINTS), "coverage"]
    with closing(sqlite3.connect(target)) as copy:
        (first, last) = copy.execute(
            "SELECT min(ref_date), max(ref_date) FROM user_cumulate"
        ).fetchone()
        days = len(Window.parse(f"{first}..{last}"))
        for table in tables:
            names = [row[1] for row in copy.execute(f"PRAGMA table_info({table})")]
            shifted = [f"date({n}, ?)" if n == "ref_date" else n for n in names]
            select = f"SELECT {', '.join(shifted)} FROM {table} WHERE ref_date >= ?"
            for times in range(1, years * 365 // days + 1):
                copy.execute(
                    f"INSERT OR IGNORE INTO {table} {select}", (f"-{days * times} days", first)
                )
        copy.commit()


def _multiply(database: str, accounts: int) -> None:
    """Give the rows of the first account to others, until there are so many."""
    with closing(sqlite3.connect(database)) as copy:
        (first,) = copy.execute("SELECT min(appid) FROM coverage").fetchone()
        for table in (*(named(name).table for name in ENDPOINTS), "coverage"):
            copy.execute(f"DELETE FROM {table} WHERE appid <> ?", (first,))
            names = [row[1] for row in copy.execute(f"PRAGMA table_info({table})")]
            select = ", ".join("?" if name == "appid" else name for name in names)
            for number in range(1, accounts):
                copy.execute(
                    f"INSERT INTO {table} SELECT {select} FROM {table} WHERE appid = ?",
                    (f"{first}-{number}", first),
                )
        copy.commit()


def _write(database: str) -> None:
    """Store the newest days again and again, each time with other figures."""
    endpoint = named(ENDPOINTS[0])
    with Warehouse.open(database) as warehouse:
        account = next(iter(warehouse.accounts()))
        extent = warehouse.extent(account, endpoint)
        assert extent
        window = Window(extent.last - timedelta(days=6), extent.last)
        rows = warehouse.read(account, endpoint, window)
        for change in count():
            rows[0] = msgspec.structs.replace(rows[0], new_user=change)
            answer = Answer(endpoint, window, rows, b"", SystemClock().now())
            warehouse.replace(account, Origin.WECHAT, answer)


@contextmanager
def _started(name: str, folder: Path, kind: str, database: str) -> Iterator[Server]:
    words = ["taskset", "-c", SERVER_CORE, sys.executable, __file__, database, "--serve", kind]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        url, first, last, *tokens = process.stdout.readline().split()
        tokens = [msgspec.json.decode(urlopen(one).read())["access_token"] for one in tokens]
        script = folder / f"{name}.lua"
        paths = ", ".join(
            f"'/datacube/{one}?access_token={token}'"
            for token in tokens or ["none"]
            for one in ENDPOINTS
        )
        newest = Window.parse(f"{first}..{last}")
        windows = [_earlier(newest, n) for n in range(WINDOWS if kind == "read" else 1)]
        bodies = ", ".join(f"'{_body(window)}'" for window in windows)
        script.write_text(_LUA % (paths, bodies))
        yield Server(name, url, process, script)
    finally:
        process.terminate()
        process.wait(60)


def _earlier(window: Window, days: int) -> Window:
    return Window(window.first - timedelta(days=days), window.last - timedelta(days=days))


def _body(window: Window) -> str:
    content = {"begin_date": str(window.first), "end_date": str(window.last)}
    return msgspec.json.encode(content).decode()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print(servers: list[Server]) -> None:
    base = next(server for server in servers if server.name == "bare, this server")
    print(
        f"{'':28}{'requests/s':>11}{'ratio':>7}{'cpu us':>8}{'ratio':>7}{'p50 ms':>8}{'p99 ms':>8}"
        f"{'errors':>7}"
    )
    for one in servers:
        rate, cpu = one.median(0), statistics.median(one.cpu)
        print(
            f"{one.name:28}{rate:11,.0f}{rate / base.median(0):7.2f}{cpu:8.0f}"
            f"{statistics.median(base.cpu) / cpu:7.2f}{one.median(1):8.2f}{one.median(2):8.2f}"
            f"{one.errors:7}"
        )


# --- servers -------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace) -> None:
    from wxcube.cli.gateway_app import gateway_app
    from wxcube.server.access_log import LoggedCalls

    with Warehouse.open(options.database) as warehouse:
        account, *others = warehouse.accounts()
        asked = others[:: len(others) // ASKED_ACCOUNTS] if len(others) > ASKED_ACCOUNTS else []
        apps = [
            LocalApp(appid=f"bench{number}", secret=SECRET, account=one)
            for number, one in enumerate(asked or [account])
        ]
        newest = min(
            (
                extent.last
                for name in ENDPOINTS
                if (extent := warehouse.extent(account, named(name)))
            ),
        )
        window = Window(newest - timedelta(days=6), newest)
        if options.serve == "nginx":
            _serve_by_nginx(_bodies(warehouse, apps[0], window), window)
        if options.serve in {"bare", "plain"}:
            bodies = _bodies(warehouse, apps[0], window)
            _serve_bare(bodies, window, plain=options.serve == "plain")
            return
        limits = LimitSettings(kept_bytes=0 if options.serve == "read" else 64 << 20)
        app = gateway_app(warehouse, apps, SystemClock(), limits)
        log.configure("info" if options.serve == "logged" else "warning")
        direct = LoggedCalls(app.direct) if options.serve == "logged" else app.direct
        with listen("127.0.0.1", 0) as listener:
            serve_forever(
                app.asgi,
                listener,
                limits=limits,
                on_ready=lambda url: _announce(url, window, *(_token(url, one) for one in apps)),
                direct=direct,
            )


def _bodies(warehouse: Warehouse, local: LocalApp, window: Window) -> dict[str, bytes]:
    gateway = Gateway(warehouse, [local])
    app: Any = gateway.app(local.appid)
    return {named(name).path: gateway.rows(app, named(name), window, {}).body for name in ENDPOINTS}


def _serve_bare(bodies: dict[str, bytes], window: Window, *, plain: bool) -> None:
    replies = {
        path: (
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-length", str(len(body)).encode()),
                    (b"date", b"Tue, 10 Mar 2026 01:00:00 GMT"),
                    (b"content-type", b"application/json; encoding=utf-8"),
                ],
            },
            {"type": "http.response.body", "body": body},
        )
        for path, body in bodies.items()
    }

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        start, body = replies[scope["path"]]
        await send(start)
        await send(body)

    with listen("127.0.0.1", 0) as listener:
        if not plain:
            serve_forever(app, listener, on_ready=lambda url: _announce(url, window))
            return
        import uvicorn

        config = uvicorn.Config(
            app,
            http="httptools",
            loop="uvloop",
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
        )
        host, port = listener.getsockname()
        _announce(f"http://{host}:{port}", window)
        uvicorn.Server(config).run(sockets=[listener])


_NGINX = """
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; default_type "application/json; encoding=utf-8";
  server { listen 127.0.0.1:%d; root %s; location / { error_page 405 =200 $uri; } }
}
"""


def _serve_by_nginx(bodies: dict[str, bytes], window: Window) -> None:
    """Become nginx, which sends files; does not return."""
    folder = tempfile.mkdtemp()
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    for path, body in bodies.items():
        file = Path(folder, path.removeprefix("/"))
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(body)
    config = Path(folder, "nginx.conf")
    config.write_text(_NGINX % (port, folder))
    if os.fork() == 0:
        _wait_for(port)
        _announce(f"http://127.0.0.1:{port}", window)
        os._exit(0)
    os.execvp("nginx", ["nginx", "-p", folder, "-c", str(config)])


def _wait_for(port: int) -> None:
    ends_at = time.monotonic() + 10
    while time.monotonic() < ends_at:
        with closing(socket.socket()) as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return


def _token(url: str, app: LocalApp) -> str:
    """The URL of a token: the server cannot ask itself while it announces that it is ready."""
    words = f"grant_type=client_credential&appid={app.appid}&secret={SECRET}"
    return f"{url}/cgi-bin/token?{words}"


def _announce(url: str, window: Window, *tokens: str) -> None:
    print(url, window.first, window.last, *tokens, flush=True)


if __name__ == "__main__":
    main()
