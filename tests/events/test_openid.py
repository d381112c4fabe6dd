"""An ingested openid is nowhere afterwards: in no file, table, log line, response or export.

The search covers plain text, base64, hex and UTF-16, also in compressed files and values.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import aiohttp
import duckdb
import msgspec
import pytest
import structlog
import zstandard

from support.command_line import Site
from support.event_files import FIRST, PLANTED, WAIT_SECONDS, lines, message, open_store
from support.events import moment
from support.polling import eventually
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import ENDPOINTS
from wxcube.contract.window import Window
from wxcube.events import kinds as ev
from wxcube.events.columns import to_batch, user_number
from wxcube.events.store.keys import load_keys
from wxcube.events.store.status import status
from wxcube.log import configure
from wxcube.server.apps import read as read_apps
from wxcube.server.events_api import EventsApi, with_events
from wxcube.server.http import RunningServer, asgi
from wxcube.settings import Secret
from wxcube.warehouse.store import Warehouse

TOKEN = "a-token-of-32-characters-0123456"
AT = moment(FIRST)
BEFORE = Window(FIRST - timedelta(days=35), FIRST)
MOMENT = "2026-03-10T09:00"
NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WXCUBE = str(Path(sys.executable).with_name("wxcube"))
PART = "PLANTEDopenid"
"""The searched part of the openid, so that a truncated one is found too."""
assert PART in PLANTED


# --- the search -----------------------------------------------------------------------------------


def in_base64(raw: bytes) -> Iterator[bytes]:
    """The base64 characters that do not depend on the position of the bytes."""
    for before in range(3):
        encoded = b64encode(bytes(before) + raw)
        fixed = encoded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        yield fixed
        yield fixed.translate(bytes.maketrans(b"+/", b"-_"))


def forms(text: str) -> dict[str, bytes]:
    """The encodings of a text, with letters in lower case."""
    raw = text.encode()
    base64 = {f"base64 {n}": form for n, form in enumerate(in_base64(raw))}
    return base64 | {
        "plain": raw.lower(),
        "hex": raw.hex().encode(),
        "UTF-16": text.lower().encode("utf-16-le"),
        "UTF-16 BE": text.lower().encode("utf-16-be"),
        "hex of UTF-16": text.encode("utf-16-le").hex().encode(),
        "reversed": raw[::-1].lower(),
    }


FORMS = forms(PART)


def seen_in(content: bytes) -> list[str]:
    """The encodings of the openid that bytes contain."""
    lower = content.lower()
    return [n for n, form in FORMS.items() if form in (content if "base64" in n else lower)]


def decompressed(raw: bytes) -> bytes:
    """The content of compressed bytes; nothing for other bytes."""
    if raw[:4] == b"\x28\xb5\x2f\xfd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else b""


def table_values(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every text and every blob of every table of an SQLite file, also decompressed."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            table = name.decode()
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                values = [value for value in row if isinstance(value, bytes)]
                yield f"{path} {table}", b"\n".join([*values, *map(decompressed, values)])


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder with its name, and the content of tables and compressed files."""
    for path in folder.rglob("*"):
        yield "a name", str(path.relative_to(folder)).encode()
        if not path.is_file():
            continue
        raw = path.read_bytes()
        yield str(path), raw
        yield str(path), decompressed(raw)
        if raw[:4] == b"PAR1":
            with duckdb.connect() as connection:
                rows = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
            yield str(path), repr(rows).encode()
        if raw[:6] == b"SQLite":
            yield from table_values(path)


def assert_nowhere(folder: Path, *outputs: str | bytes) -> None:
    texts = [*contents(folder)]
    assert len(texts) > 5
    texts += [("output", o if isinstance(o, bytes) else o.encode()) for o in outputs]
    leaks = {(place, form) for place, text in texts for form in seen_in(text)}
    assert not leaks


def samples() -> dict[str, bytes]:
    """Bytes that contain the openid in each encoding."""
    wide = f"a user {PLANTED} wrote"
    return {
        **{f"base64 after {n}": b64encode(b"x" * n + PLANTED.encode() + b"yz") for n in range(4)},
        "plain": wide.encode(),
        "in upper case": wide.upper().encode(),
        "hex": b"X'" + PLANTED.encode().hex().upper().encode() + b"'",
        "UTF-16": wide.encode("utf-16"),
        "UTF-16 BE": b"\0" + wide.encode("utf-16-be"),
        "gzip": gzip.compress(wide.encode()),
        "zstd": zstandard.compress(wide.encode()),
        "truncated": wide.encode()[:24],
    }


@pytest.mark.parametrize("encoding", samples())
def test_the_search_finds_the_openid(tmp_path: Path, encoding: str) -> None:
    for number in range(6):
        (tmp_path / str(number)).write_text("x")
    assert_nowhere(tmp_path)
    (tmp_path / "found").write_bytes(samples()[encoding])
    with pytest.raises(AssertionError):
        assert_nowhere(tmp_path)


@pytest.mark.parametrize("encoding", samples())
def test_the_search_covers_tables(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "wxcube.db"
    Warehouse.open(path).close()
    (tmp_path / "a").mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x INT, y BLOB)")
        connection.executemany("INSERT INTO other VALUES (?, ?)", [(n, b"-") for n in range(500)])
        connection.commit()
        assert not [form for _, text in table_values(path) for form in seen_in(text)]
        connection.execute("UPDATE other SET y = ? WHERE x = 250", [samples()[encoding]])
        connection.commit()
    assert [form for _, text in table_values(path) for form in seen_in(text)]


def test_the_search_covers_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT '{PLANTED}' AS x FROM range(9000)) TO '{path}' (COMPRESSION zstd)"
        ).fetchall()
    assert [form for _, text in contents(tmp_path) for form in seen_in(text)]


# --- ingestion ------------------------------------------------------------------------------------


def planted(mark: str = "") -> list[ev.AnyEvent]:
    """Events of every kind with a user, whose ids contain the openid too."""
    head: dict[str, Any] = {"account": "wxdemo-a", "at": AT, "user": PLANTED}
    kinds: list[tuple[Any, dict[str, Any]]] = [
        (ev.Follow, {}),
        (ev.Unfollow, {}),
        (ev.Message, {"msg_type": 1}),
        *((kind, {"msgid": "9_1"}) for kind in (ev.Read, ev.ReadOriginal, ev.Share, ev.Like)),
        *((kind, {"msgid": "9_1"}) for kind in (ev.Favourite, ev.Zaikan, ev.Comment)),
        (ev.Praise, {"msgid": "9_1", "fen": 1}),
    ]
    return [
        kind(id=f"{PLANTED}-{mark}{place}", **head, **members)
        for place, (kind, members) in enumerate(kinds)
    ]


BAD = (
    f'{{"event":"message","id":"{PLANTED}","account":"a","at":1,"user":"{PLANTED}"}}\n'
    f'{{"event":"{PLANTED}","FromUserName":"{PLANTED}","{PLANTED}":{{"a":["{PLANTED}"]}}}}\n'
    # the id that WeChat recommends for deduplication, together with a member that is refused
    f'{{"event":"message","id":"{PLANTED}1772326800","FromUserName":"{PLANTED}","account":"a"}}\n'
    f'{{"event":"message","id":"m-{PLANTED}","user":["{PLANTED}"],"account":"x_{PLANTED}"}}\n'
    f'{{"event":"publish","title":"{PLANTED}","content_url":"https://x/?a={PLANTED}_","fen":1}}\n'
    f'{{"user":"{PLANTED}\n{PLANTED}\n'
).encode()


def write_sources(folder: Path) -> None:
    """Files of events in every format, good and bad."""
    folder.mkdir()
    (folder / "good.jsonl").write_bytes(lines(planted()))
    (folder / "bad.jsonl").write_bytes(BAD + lines([message(1, user=PLANTED)]))
    (folder / "wide.jsonl").write_bytes(BAD.decode().encode("utf-16"))
    wide = f"event,id,account,at,user,msg_type,{PLANTED}\nmessage,c1,a,{AT},{PLANTED},1,{PLANTED}\n"
    (folder / "wide.csv").write_bytes(wide.encode("utf-16"))
    (folder / "some.csv").write_text(
        f"event,id,account,at,user,msg_type\nmessage,c1,a,{AT},{PLANTED},1\n"
        f"message,c2,a,{AT},{PLANTED},many\n{PLANTED},{PLANTED},a,x,{PLANTED},{PLANTED}\n"
    )


def test_from_files_by_the_command_line(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_sources(source)
    work = tmp_path / "work"
    work.mkdir()
    output = ""
    for arguments in (
        ["ingest", "--on-error", "skip", "--no-compact", *map(str, sorted(source.iterdir()))],
        ["ingest", "--json", str(source / "bad.jsonl")],
        ["status", "--exact"],
    ):
        run = subprocess.run(
            [WXCUBE, "--log-level", "debug", "events", *arguments],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        output += run.stdout + run.stderr
    assert "line 1" in output
    assert_nowhere(work, output)
    subprocess.run([WXCUBE, "events", "compact"], cwd=work, check=True)
    assert_nowhere(work)
    with open_store(work / "events") as store:
        assert status(store).events == 13
        key = load_keys(store.folder).users
        place = store.partitions()[0]
        with duckdb.connect() as connection:
            path = str(store.files("message", *place)[0])
            users = connection.execute("SELECT user FROM read_parquet(?)", [path]).fetchall()
        assert {user for (user,) in users} == {user_number(PLANTED, key)}
        assert to_batch(planted(), key).message["user"].tolist() == [user_number(PLANTED, key)]


def test_over_http(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug", as_json=True)
    replies: list[str] = []

    async def send(url: str) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}
        async with aiohttp.ClientSession(headers=headers) as session:
            for body, query in ((lines(planted()), ""), (BAD, ""), (BAD, "?on_error=skip")):
                async with session.post(f"{url}/events{query}", data=body) as answer:
                    replies.append(str(answer.headers) + await answer.text())

    class Nothing:
        def handle(self, _request: Any) -> Any:
            raise AssertionError("only /events is requested here")

    log = io.StringIO()
    try:
        with contextlib.redirect_stderr(log), open_store(tmp_path / "events") as store:
            api = EventsApi(store, Secret(TOKEN), 1 << 20)
            with RunningServer(with_events(asgi(Nothing()), api)) as server:
                asyncio.run(send(server.url))
            assert_nowhere(tmp_path, *replies)
            store.compact()
    finally:
        structlog.reset_defaults()
    out, err = capsys.readouterr()
    assert_nowhere(tmp_path, *replies, log.getvalue(), out, err)
    assert TOKEN not in log.getvalue() + out + err


# --- from ingestion to export, each part in a process of its own -----------------------------------


class Workspace:
    """A folder that holds everything that is written; all output is collected."""

    def __init__(self, folder: Path) -> None:
        for name in ("temporary", "logs", "out"):
            (folder / name).mkdir(parents=True)
        settings = {
            "WXCUBE_EVENTS_TOKEN": TOKEN,
            "WXCUBE_EVENTS__GROUP_COUNT": "1",
            "WXCUBE_EVENTS__COMPACT_MINUTES": "0.005",
            "WXCUBE_EVENTS__BODY_LIMIT_BYTES": "65536",
        }
        self.folder = folder
        self.site = Site(folder, ManualClock(NOW), settings)
        self.outputs: list[bytes] = []

    def run(self, *arguments: str, code: int | None = 0) -> None:
        """Run a command with its whole log, alternately as text and as JSON."""
        as_json = "false" if self.site.environment.get("WXCUBE_LOG_JSON") == "true" else "true"
        self.site.environment |= {"WXCUBE_LOG_JSON": as_json, "COLUMNS": "400"}
        done = self.site.run("--log-level", "debug", *arguments)
        self.outputs += [done.raw, done.err.encode()]
        assert "Traceback" not in done.text, done.text
        assert code in {None, done.code}, (arguments, done.text)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """`wxcube serve` as a process until the end of the block; its output goes to a file."""
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("WXCUBE_", "LC_", "LANG"))
        }
        own = {"TMPDIR": str(self.folder / "temporary")}
        log = self.folder / "logs" / f"serve-{len(self.logs)}.txt"
        with log.open("wb") as file:
            process = subprocess.Popen(
                self.site.launch(MOMENT, "--log-level", "debug", "serve", "--port", "0"),
                cwd=self.folder,
                env=inherited | own | self.site.environment,
                stdout=file,
                stderr=file,
            )
            try:
                yield _address(log, process)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(WAIT_SECONDS)
        assert b"Traceback" not in log.read_bytes()

    @property
    def logs(self) -> list[bytes]:
        """The output of the servers."""
        return [path.read_bytes() for path in (self.folder / "logs").iterdir()]

    def send(
        self, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """The status and body of a response; the whole response is collected."""
        request = Request(url, data=body, headers=dict(headers or {}))
        try:
            with urlopen(request, timeout=WAIT_SECONDS) as response:
                status, headers_sent, raw = response.status, response.headers, response.read()
        except HTTPError as error:
            status, headers_sent, raw = error.code, error.headers, error.read()
        self.outputs += [str(headers_sent).encode(), raw]
        return status, raw


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    """The address of a server, once it prints that it listens."""

    def address() -> re.Match[str] | None:
        output = log.read_text("utf-8")
        assert process.poll() is None, output
        return re.search(r"http://[0-9.:]+", output)

    return eventually(address)[0]


NDJSON: dict[str, str] = {
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "application/x-ndjson",
}
EVIL_HEADERS = {"X-WX-OPENID": PLANTED, "User-Agent": PLANTED, "Cookie": f"openid={PLANTED}"}


def send_events(workspace: Workspace, url: str) -> None:
    """Send good batches, and refused ones of every kind."""
    requests = [
        (200, lines(planted("http")), "", NDJSON),
        (200, lines(planted("again")), "", NDJSON | EVIL_HEADERS),
        (422, BAD, "", NDJSON),
        (200, BAD, "?on_error=skip", NDJSON),
        (422, PLANTED.encode(), f"?on_error=reject&openid={PLANTED}", NDJSON),
        (400, BAD, f"?on_error={PLANTED}", NDJSON),
        (401, BAD, "", NDJSON | {"Authorization": f"Bearer {PLANTED}"}),
        (415, BAD, "", NDJSON | {"Content-Type": f"text/{PLANTED}"}),
        (415, BAD, "", NDJSON | {"Content-Encoding": PLANTED}),
        (413, (BAD * 1_000)[:70_000], "", NDJSON),
        (404, BAD, f"/{PLANTED}", NDJSON),
    ]
    for expected, body, more, headers in requests:
        assert workspace.send(f"{url}/events{more}", body, headers)[0] == expected, (expected, more)


def call_everything(workspace: Workspace, url: str, appid: str, secret: str) -> int:
    """Call every endpoint, and call with an openid where none belongs; returns the number of rows."""
    query = f"grant_type=client_credential&appid={appid}&secret={secret}"
    _, raw = workspace.send(f"{url}/cgi-bin/token?{query}")
    token = msgspec.json.decode(raw)["access_token"]
    rows = 0
    for endpoint in ENDPOINTS:
        for day in (FIRST, FIRST + timedelta(days=1)):
            label = day if not endpoint.has_labels else endpoint.labels_over(BEFORE)[-1]
            last = endpoint.period(label).last
            request = {"begin_date": str(label), "end_date": str(last), "card_id": "p1"}
            body = msgspec.json.encode(request)
            _, raw = workspace.send(
                f"{url}{endpoint.path}?access_token={token}", body, EVIL_HEADERS
            )
            rows += len(msgspec.json.decode(raw).get("list", []))
    others: list[tuple[str, bytes | None]] = [
        (f"/datacube/{PLANTED}?access_token={token}", b"{}"),
        (f"/datacube/getusersummary?access_token={PLANTED}", b"{}"),
        (f"/datacube/getusersummary?access_token={token}&openid={PLANTED}", b"{"),
        (f"/datacube/getusersummary?access_token={token}", PLANTED.encode()),
        (f"/datacube/getusersummary?access_token={token}", b'{"begin_date":"%s"}' % b"oX"),
        ("/cgi-bin/stable_token", msgspec.json.encode({"appid": PLANTED, "secret": PLANTED})),
        (f"/cgi-bin/token?grant_type={PLANTED}&appid={PLANTED}&secret={PLANTED}", None),
        (f"/cgi-bin/openapi/quota/get?access_token={token}", b'{"cgi_path":"/datacube/x"}'),
        (f"/{PLANTED}", None),
        ("/", None),
    ]
    for path, request_body in others:
        workspace.send(url + path, request_body, EVIL_HEADERS)
    return rows


def export_everything(workspace: Workspace) -> int:
    """Export every endpoint in every format, and every table; returns the number of bytes."""
    for endpoint in ENDPOINTS:
        for file_format in ("csv", "json", "jsonl"):
            out = f"out/{endpoint.name}.{file_format}"
            export = ("export", endpoint.name, "--account", "wxdemo-a", "--format", file_format)
            workspace.run(*export, "--out", out)
    with Warehouse.open(workspace.folder / "wxcube.db", read_only=True) as warehouse:
        names = warehouse.query("SELECT name FROM sqlite_master WHERE type = 'table'").rows
    for (name,) in names:
        workspace.run("sql", f'SELECT * FROM "{name}"', "--format", "jsonl")
    return sum(path.stat().st_size for path in (workspace.folder / "out").iterdir())


def ingest_all(workspace: Workspace, source: Path) -> None:
    """Ingest each file, skipping and then stopping at bad lines; then batches over HTTP."""
    for path in sorted(source.iterdir()):
        workspace.run(
            "events", "ingest", "--on-error", "skip", "--no-compact", str(path), code=None
        )
        workspace.run("--lang", "zh", "events", "ingest", "--json", str(path), code=None)
    with workspace.serving() as url:
        send_events(workspace, url)
        eventually(lambda: _is_compacted(workspace))


def _is_compacted(workspace: Workspace) -> bool:
    return any(b"events.compacted" in log for log in workspace.logs)


def provoke_errors(workspace: Workspace, source: Path) -> None:
    """Damage files of events and facts, and run commands that report it."""
    for file in (workspace.folder / "events").rglob("*.parquet"):
        file.write_bytes(b"damaged")
    (source / "late.jsonl").write_bytes(lines(planted("late")))
    workspace.run("events", "ingest", str(source / "late.jsonl"), code=None)
    workspace.run("doctor", "--deep", "--json", code=1)
    workspace.run("doctor", "--repair", code=1)
    workspace.run("cube", "build", code=3)


def test_from_ingestion_to_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path / "workspace")
    monkeypatch.setattr(tempfile, "tempdir", str(workspace.folder / "temporary"))
    source = tmp_path / "source"
    write_sources(source)
    (source / "good.jsonl.gz").write_bytes(gzip.compress(lines(planted("gz"))))
    (source / "bad.parquet").write_bytes(f"no Parquet of {PLANTED}".encode())
    with duckdb.connect() as connection:
        name = source / "good.parquet"
        connection.execute(
            f"COPY (FROM read_json('{source / 'good.jsonl'}', format = 'nd')) TO '{name}'"
        ).fetchall()

    ingest_all(workspace, source)
    assert_nowhere(workspace.folder, *workspace.outputs)

    workspace.run("cube", "build")
    workspace.run("cube", "status")
    workspace.run("events", "status", "--exact")
    workspace.run("events", "status", "--json")
    workspace.run("doctor", "--deep")
    workspace.run("status", "--json", code=None)
    assert list((workspace.folder / "events" / "facts").rglob("*.parquet"))
    assert_nowhere(workspace.folder, *workspace.outputs)

    assert export_everything(workspace) > 5_000
    with workspace.serving() as url:
        [app] = [
            a for a in read_apps(workspace.folder / "wxcube-apps.toml") if a.account == "wxdemo-a"
        ]
        assert call_everything(workspace, url, app.appid, app.secret) > 10
    assert_nowhere(workspace.folder, *workspace.outputs)

    provoke_errors(workspace, source)
    assert_nowhere(workspace.folder, *workspace.outputs)
    assert not [text for text in (*workspace.outputs, *workspace.logs) if TOKEN.encode() in text]
