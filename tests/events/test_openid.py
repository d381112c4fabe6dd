"""An openid that comes in is nowhere afterwards: no file, table, log line or output tells it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import duckdb
import pytest
import structlog

from support.event_files import FIRST, PLANTED, lines, message, opened
from support.events import moment
from wxcube.log import configure
from wxcube.outlets.events_api import EventsApi, with_events
from wxcube.outlets.http import RunningServer, asgi
from wxcube.settings import Secret
from wxcube.sources import event as ev
from wxcube.sources.batch import to_batch, user_number
from wxcube.sources.events.keys import load_keys
from wxcube.sources.events.status import status

TOKEN = "a-token-of-32-characters-0123456"
AT = moment(FIRST)
WXCUBE = str(Path(sys.executable).with_name("wxcube"))


def planted() -> list[ev.AnyEvent]:
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
        kind(id=f"{PLANTED}-{place}", **head, **members)
        for place, (kind, members) in enumerate(kinds)
    ]


BAD = (
    f'{{"event":"message","id":"{PLANTED}","account":"a","at":1,"user":"{PLANTED}"}}\n'
    f'{{"event":"{PLANTED}","FromUserName":"{PLANTED}","{PLANTED}":{{"a":["{PLANTED}"]}}}}\n'
    f'{{"user":"{PLANTED}\n{PLANTED}\n'
).encode()


def contents(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder as text, Parquet files also row by row."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            with duckdb.connect() as connection:
                rows = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
            yield path, str(rows)


def assert_nowhere(folder: Path, *outputs: str) -> None:
    texts = [*contents(folder), *((Path("output"), output) for output in outputs)]
    assert len(texts) > 5
    for path, text in texts:
        assert PLANTED not in text, path
        assert PLANTED.encode().hex() not in text.lower(), path


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / str(number)).write_text("x")
    (tmp_path / "found").write_text(f"a{PLANTED}b")
    with pytest.raises(AssertionError):
        assert_nowhere(tmp_path)


def test_from_files_by_the_command_line(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "good.jsonl").write_bytes(lines(planted()))
    (source / "bad.jsonl").write_bytes(BAD + lines([message(1, user=PLANTED)]))
    (source / "some.csv").write_text(
        f"event,id,account,at,user,msg_type\nmessage,c1,a,{AT},{PLANTED},1\n"
        f"message,c2,a,{AT},{PLANTED},many\n{PLANTED},{PLANTED},a,x,{PLANTED},{PLANTED}\n"
    )
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
