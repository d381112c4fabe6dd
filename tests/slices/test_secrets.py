"""No secret, token or openid is in logs, output, errors or files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import pytest
import zstandard

from support.command_line import CommandResult, MakeSite, Site
from support.scripted import ReceivedRequest, Scripted
from support.scripted import ReplyContent as Answer
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import ENDPOINTS
from wxcube.emulator.faults import Fault
from wxcube.server.http import RunningServer
from wxcube.testing import RunningEmulator

TOKEN = "68_TokenThatMustNotShow0123456789abcdefghijklmnop"
OPENID = "oLVPpjqs9BhvzwPj5A-vTYAX3GLc"
SECRET = "5ecre7ofthe5h0p0123456789abcdef0"
WIDE = "5000"
"""Columns of a terminal on which no line is wrapped."""
WORDS = (
    ("account", "check"),
    ("plan",),
    ("sync",),
    ("sync", "--json", "--retry-refused", "--retired"),
    ("status", "--json"),
    ("status",),
    ("--lang", "zh", "sync", "--retry-refused"),
    ("fetch", "getusersummary", "2026-03-01..2026-03-02", "--account", "shop0"),
    ("fetch", "getarticletotaldetail", "2026-03-01", "--account", "shop0", "--save", "--json"),
    ("export", "getusersummary", "--account", "shop0", "--format", "jsonl"),
    ("sql", "select * from coverage"),
    ("sql", "select * from asks"),
)


def everything(site: Site, result: list[CommandResult]) -> dict[str, bytes]:
    """All output, every file of the site, and the stored replies, decompressed."""
    texts = {f"output of command {n}": one.text.encode() for n, one in enumerate(result)}
    files = [path for path in site.folder.rglob("*") if path.is_file()]
    texts |= {path.name: path.read_bytes() for path in files}
    rows = site.run("sql", "select hex(body) as body from replies", "--json")
    for number, line in enumerate(rows.lines if rows.code == 0 else []):
        raw = bytes.fromhex(str(line["body"]))
        texts[f"reply {number}"] = zstandard.ZstdDecompressor().decompress(raw)
    return texts


def assert_hidden(words: list[str], texts: dict[str, bytes]) -> None:
    for word in words:
        shown = [name for name, raw in texts.items() if word.encode() in raw]
        assert not shown, f"{word[:6]}… is in {shown}"


def run_all(site: Site) -> list[CommandResult]:
    return [site.run("--log-level", "debug", *words) for words in WORDS]


def test_no_secret_is_shown_with_faults_and_without(
    running: RunningEmulator, new_site: MakeSite
) -> None:
    emulator = running.emulator
    site = new_site(running, since=date(2026, 3, 7))
    site.environment |= {"WXCUBE_LOG_JSON": "true", "COLUMNS": WIDE}
    result = run_all(site)
    assert sum("window.fetched" in one.err for one in result) > 3
    for fault in (
        Fault(errcode=-1, path="getuserread", times=5),
        Fault(expire_tokens=True, times=3),
        Fault(cut=0.5, path="getarticle*", times=9),
        Fault(status=502, times=9),
    ):
        emulator.faults.add(fault)
    result += run_all(site)
    tokens = list(emulator.tokens._grants)
    assert len(tokens) > 2
    assert_hidden([*tokens, *(app.secret for app in emulator.accounts)], everything(site, result))


# --- a server that echoes tokens and openids ------------------------------------------------------


def _echo(got: ReceivedRequest) -> Answer:
    """Token calls succeed; every other answer contains the token and an openid."""
    if got.path.startswith("/cgi-bin/"):
        return {"access_token": TOKEN, "expires_in": 7200}
    leaked_text = f"access_token={TOKEN}, {TOKEN} openid {OPENID} hint: [x/{TOKEN}]"
    answers: dict[str, Answer] = {
        "getusersummary": {"errcode": 40001, "errmsg": f"invalid credential {leaked_text}"},
        "getusercumulate": {"errcode": 61500, "errmsg": leaked_text},
        "getupstreammsg": f"<html>{leaked_text}</html>".encode(),
        "getinterfacesummary": {"list": [{"ref_date": leaked_text}]},
        "getarticleread": {"list": [], "note": leaked_text},
        "getupstreammsgdist": 500,
        "getbizsummary": {"errcode": 48001, "errmsg": leaked_text},
    }
    return answers.get(got.path.rpartition("/")[2], {"errcode": -1, "errmsg": leaked_text})


@pytest.fixture
def echoing(tmp_path: Path) -> Iterator[Site]:

    folder = tmp_path / "echo"
    folder.mkdir()
    clock = ManualClock(datetime(2026, 3, 10, 9, tzinfo=BEIJING))
    site = Site(folder, clock, {"THE_SECRET": SECRET, "COLUMNS": WIDE})
    with RunningServer(Scripted(_echo)) as server:
        site.settings.write_text(
            "[sync]\nsince = 2026-03-07\nretry_pause_seconds = 0.01\n"
            '[[accounts]]\nappid = "wx0123456789abcdef"\nname = "shop0"\n'
            f'secret_env = "THE_SECRET"\nbase_url = "{server.url}"\n',
            encoding="utf-8",
        )
        yield site


def test_no_secret_is_shown_with_a_server_that_repeats_it(echoing: Site) -> None:
    result = run_all(echoing)
    for endpoint in ENDPOINTS:
        takes_card = any(p.name == "card_id" for p in endpoint.params)
        given = ("--param", "card_id=p1") if takes_card else ()
        words = ("fetch", endpoint.name, "2026-03-08", *given)
        result.append(echoing.run("--log-level", "debug", *words))
    assert {one.code for one in result} >= {1, 3}
    texts = everything(echoing, result)
    assert_hidden([TOKEN, SECRET], texts)
    # replies are stored as they came, in one table and nowhere else
    shown = {
        name: raw for name, raw in texts.items() if not name.startswith(("reply", "wxcube.db"))
    }
    with closing(sqlite3.connect(echoing.database)) as connection:
        connection.execute("update replies set body = x''")
        shown["tables"] = "\n".join(connection.iterdump()).encode()
    assert b"[openid]" in shown["tables"]
    assert_hidden([OPENID], shown)
