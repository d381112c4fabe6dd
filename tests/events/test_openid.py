"""An openid that comes in is nowhere afterwards: no file, table, log line, answer or export.

It is looked for as it is and as base64, hex and UTF-16; in packed files and values too.
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
import time
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
from support.event_files import FIRST, PLANTED, lines, message, opened
from support.events import moment
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
PIECE = "PLANTEDopenid"
"""What is looked for: enough of the openid to know it by, so that a cut one is found too."""
assert PIECE in PLANTED


# --- looking for it -------------------------------------------------------------------------------


def in_base64(raw: bytes) -> Iterator[bytes]:
    """What of a text every base64 that holds it must have, wherever it stands there."""
    for before in range(3):
        encoded = b64encode(bytes(before) + raw)
        known = encoded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        yield known
        yield known.translate(bytes.maketrans(b"+/", b"-_"))


def forms(text: str) -> dict[str, bytes]:
    """A text as it may stand in bytes; letters and hex digits as small ones."""
    raw = text.encode()
    found = {f"base64 {n}": form for n, form in enumerate(in_base64(raw))}
    return found | {
        "plain": raw.lower(),
        "hex": raw.hex().encode(),
        "UTF-16": text.lower().encode("utf-16-le"),
        "UTF-16 BE": text.lower().encode("utf-16-be"),
        "hex of UTF-16": text.encode("utf-16-le").hex().encode(),
        "backwards": raw[::-1].lower(),
    }


FORMS = forms(PIECE)


def seen_in(content: bytes) -> list[str]:
    """The forms in which the openid is in some bytes."""
    small = content.lower()
    return [n for n, form in FORMS.items() if form in (content if "base64" in n else small)]


def unpacked(raw: bytes) -> bytes:
    """What is in packed bytes; other bytes are empty."""
    if raw[:4] == b"\x28\xb5\x2f\xfd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else b""


def table_values(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every text and every blob of every table of an SQLite file, packed ones unpacked too."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            table = name.decode()
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                values = [value for value in row if isinstance(value, bytes)]
                yield f"{path} {table}", b"\n".join([*values, *map(unpacked, values)])


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder and its name, and what is in tables and packed files."""
    for path in folder.rglob("*"):
        yield "a name", str(path.relative_to(folder)).encode()
        if not path.is_file():
            continue
        raw = path.read_bytes()
        yield str(path), raw
        yield str(path), unpacked(raw)
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
    found = {(place, form) for place, text in texts for form in seen_in(text)}
    assert not found


def hidings() -> dict[str, bytes]:
    """The openid among other bytes, as somebody may have written it."""
    wide = f"a user {PLANTED} wrote"
    return {
        **{f"base64 after {n}": b64encode(b"x" * n + PLANTED.encode() + b"yz") for n in range(4)},
        "plain": wide.encode(),
        "in capitals": wide.upper().encode(),
        "hex": b"X'" + PLANTED.encode().hex().upper().encode() + b"'",
        "UTF-16": wide.encode("utf-16"),
        "UTF-16 BE": b"\0" + wide.encode("utf-16-be"),
        "gzip": gzip.compress(wide.encode()),
        "zstd": zstandard.compress(wide.encode()),
        "cut": wide.encode()[:24],
    }


@pytest.mark.parametrize("how", hidings())
def test_the_search_finds_what_is_there(tmp_path: Path, how: str) -> None:
    for number in range(6):
        (tmp_path / str(number)).write_text("x")
    assert_nowhere(tmp_path)
    (tmp_path / "found").write_bytes(hidings()[how])
    with pytest.raises(AssertionError):
        assert_nowhere(tmp_path)


@pytest.mark.parametrize("how", hidings())
def test_the_search_looks_into_tables(tmp_path: Path, how: str) -> None:
    path = tmp_path / "wxcube.db"
    Warehouse.open(path).close()
    (tmp_path / "a").mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x INT, y BLOB)")
        connection.executemany("INSERT INTO other VALUES (?, ?)", [(n, b"-") for n in range(500)])
        connection.commit()
        assert not [form for _, text in table_values(path) for form in seen_in(text)]
        connection.execute("UPDATE other SET y = ? WHERE x = 250", [hidings()[how]])
        connection.commit()
    assert [form for _, text in table_values(path) for form in seen_in(text)]


def test_the_search_looks_into_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT '{PLANTED}' AS x FROM range(9000)) TO '{path}' (COMPRESSION zstd)"
        ).fetchall()
    assert [form for _, text in contents(tmp_path) for form in seen_in(text)]


# --- what comes in --------------------------------------------------------------------------------


def planted(mark: str = "") -> list[ev.AnyEvent]:
    """Events of every kind with a person, whose ids hold the openid too."""
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
    # what WeChat advises for telling repeated pushes apart, beside a member that is refused
    f'{{"event":"message","id":"{PLANTED}1772326800","FromUserName":"{PLANTED}","account":"a"}}\n'
    f'{{"event":"message","id":"m-{PLANTED}","user":["{PLANTED}"],"account":"x_{PLANTED}"}}\n'
    f'{{"event":"publish","title":"{PLANTED}","content_url":"https://x/?a={PLANTED}_","fen":1}}\n'
    f'{{"user":"{PLANTED}\n{PLANTED}\n'
).encode()


def write_sources(folder: Path) -> None:
    """Files to take in, in every form there is, good and bad."""
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
    said = ""
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
        said += run.stdout + run.stderr
    assert "line 1" in said
    assert_nowhere(work, said)
    subprocess.run([WXCUBE, "events", "compact"], cwd=work, check=True)
    assert_nowhere(work)
    with opened(work / "events") as store:
        assert status(store).events == 13
        key = load_keys(store.folder).users
        place = store.all_days()[0]
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
        def answer(self, _request: Any) -> Any:
            raise AssertionError("only /events is asked here")

    kept = io.StringIO()
    try:
        with contextlib.redirect_stderr(kept), opened(tmp_path / "events") as store:
            api = EventsApi(store, Secret(TOKEN), 1 << 20)
            with RunningServer(with_events(asgi(Nothing()), api)) as server:
                asyncio.run(send(server.url))
            assert_nowhere(tmp_path, *replies)
            store.compact()
    finally:
        structlog.reset_defaults()
    out, err = capsys.readouterr()
    assert_nowhere(tmp_path, *replies, kept.getvalue(), out, err)
    assert TOKEN not in kept.getvalue() + out + err


# --- from the door to the export, every part as a process of its own --------------------------------


class House:
    """A folder in which everything happens: what is written is below it, what is said is kept."""

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
        self.said: list[bytes] = []

    def run(self, *arguments: str, code: int | None = 0) -> None:
        """A command with all its log, as text and as JSON in turn."""
        as_json = "false" if self.site.environment.get("WXCUBE_LOG_JSON") == "true" else "true"
        self.site.environment |= {"WXCUBE_LOG_JSON": as_json, "COLUMNS": "400"}
        done = self.site.run("--log-level", "debug", *arguments)
        self.said += [done.raw, done.err.encode()]
        assert "Traceback" not in done.text, done.text
        assert code in {None, done.code}, (arguments, done.text)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """`wxcube serve` as a process until the end of the block; what it says goes to a file."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WXCUBE_", "LC_", "LANG"))}
        shown = {"TMPDIR": str(self.folder / "temporary")}
        log = self.folder / "logs" / f"serve-{len(self.logs)}.txt"
        with log.open("wb") as file:
            process = subprocess.Popen(
                self.site.launch(MOMENT, "--log-level", "debug", "serve", "--port", "0"),
                cwd=self.folder,
                env=kept | shown | self.site.environment,
                stdout=file,
                stderr=file,
            )
            try:
                yield _address(log, process)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(30)
        assert b"Traceback" not in log.read_bytes()

    @property
    def logs(self) -> list[bytes]:
        """What servers said."""
        return [path.read_bytes() for path in (self.folder / "logs").iterdir()]

    def ask(
        self, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """The status and body of an answer; all of it is kept to be searched."""
        request = Request(url, data=body, headers=dict(headers or {}))
        try:
            with urlopen(request, timeout=30) as answer:
                status, shown, raw = answer.status, answer.headers, answer.read()
        except HTTPError as error:
            status, shown, raw = error.code, error.headers, error.read()
        self.said += [str(shown).encode(), raw]
        return status, raw


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Where a server listens, once it says that it does."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        found = re.search(r"http://[0-9.:]+", log.read_text("utf-8"))
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8"))


NDJSON: dict[str, str] = {
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "application/x-ndjson",
}
EVIL_HEADERS = {"X-WX-OPENID": PLANTED, "User-Agent": PLANTED, "Cookie": f"openid={PLANTED}"}


def send_events(house: House, url: str) -> None:
    """Good batches and all kinds of refused ones."""
    asked = [
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
    for expected, body, more, headers in asked:
        assert house.ask(f"{url}/events{more}", body, headers)[0] == expected, (expected, more)


def ask_everything(house: House, url: str, appid: str, secret: str) -> int:
    """Every call of the API, and calls with an openid where none belongs; how many rows came."""
    query = f"grant_type=client_credential&appid={appid}&secret={secret}"
    _, raw = house.ask(f"{url}/cgi-bin/token?{query}")
    token = msgspec.json.decode(raw)["access_token"]
    rows = 0
    for endpoint in ENDPOINTS:
        for day in (FIRST, FIRST + timedelta(days=1)):
            label = day if not endpoint.has_labels else endpoint.labels_over(BEFORE)[-1]
            last = endpoint.period(label).last
            ask = {"begin_date": str(label), "end_date": str(last), "card_id": "p1"}
            body = msgspec.json.encode(ask)
            _, raw = house.ask(f"{url}{endpoint.path}?access_token={token}", body, EVIL_HEADERS)
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
    for path, asked in others:
        house.ask(url + path, asked, EVIL_HEADERS)
    return rows


def export_everything(house: House) -> int:
    """Every endpoint in every form, and every table; how many bytes came."""
    for endpoint in ENDPOINTS:
        for form in ("csv", "json", "jsonl"):
            out = f"out/{endpoint.name}.{form}"
            words = ("export", endpoint.name, "--account", "wxdemo-a", "--format", form)
            house.run(*words, "--out", out)
    with Warehouse.open(house.folder / "wxcube.db", read_only=True) as warehouse:
        names = warehouse.query("SELECT name FROM sqlite_master WHERE type = 'table'").rows
    for (name,) in names:
        house.run("sql", f'SELECT * FROM "{name}"', "--format", "jsonl")
    return sum(path.stat().st_size for path in (house.folder / "out").iterdir())


def take_in(house: House, source: Path) -> None:
    """Files one by one, whole and stopped at a bad line; then batches over HTTP."""
    for path in sorted(source.iterdir()):
        house.run("events", "ingest", "--on-error", "skip", "--no-compact", str(path), code=None)
        house.run("--lang", "zh", "events", "ingest", "--json", str(path), code=None)
    with house.serving() as url:
        send_events(house, url)
        ends = time.monotonic() + 30
        while not _is_compacted(house) and time.monotonic() < ends:
            time.sleep(0.1)
    assert _is_compacted(house)


def _is_compacted(house: House) -> bool:
    return any(b"events.compacted" in log for log in house.logs)


def provoke_errors(house: House, source: Path) -> None:
    """Damaged files of events and of facts, and what is said of them."""
    for file in (house.folder / "events").rglob("*.parquet"):
        file.write_bytes(b"damaged")
    (source / "late.jsonl").write_bytes(lines(planted("late")))
    house.run("events", "ingest", str(source / "late.jsonl"), code=None)
    house.run("doctor", "--deep", "--json", code=1)
    house.run("doctor", "--mend", code=1)
    house.run("cube", "build", code=3)


def test_from_the_door_to_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path / "house")
    monkeypatch.setattr(tempfile, "tempdir", str(house.folder / "temporary"))
    source = tmp_path / "source"
    write_sources(source)
    (source / "good.jsonl.gz").write_bytes(gzip.compress(lines(planted("gz"))))
    (source / "bad.parquet").write_bytes(f"no Parquet of {PLANTED}".encode())
    with duckdb.connect() as connection:
        name = source / "good.parquet"
        connection.execute(
            f"COPY (FROM read_json('{source / 'good.jsonl'}', format = 'nd')) TO '{name}'"
        ).fetchall()

    take_in(house, source)
    assert_nowhere(house.folder, *house.said)

    house.run("cube", "build")
    house.run("cube", "status")
    house.run("events", "status", "--exact")
    house.run("events", "status", "--json")
    house.run("doctor", "--deep")
    house.run("status", "--json", code=None)
    assert list((house.folder / "events" / "facts").rglob("*.parquet"))
    assert_nowhere(house.folder, *house.said)

    assert export_everything(house) > 5_000
    with house.serving() as url:
        [app] = [a for a in read_apps(house.folder / "wxcube-apps.toml") if a.account == "wxdemo-a"]
        assert ask_everything(house, url, app.appid, app.secret) > 10
    assert_nowhere(house.folder, *house.said)

    provoke_errors(house, source)
    assert_nowhere(house.folder, *house.said)
    assert not [text for text in (*house.said, *house.logs) if TOKEN.encode() in text]
