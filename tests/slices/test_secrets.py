"""No secret, token or openid is where it does not belong: logs, output, errors, files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import pytest
import zstandard

from support.command_line import MakeSite, Said, Site
from support.scripted import Got, Scripted
from support.scripted import Said as Answer
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import ENDPOINTS
from wxcube.emulator.faults import Fault
from wxcube.server.http import RunningServer
from wxcube.testing import RunningEmulator

TOKEN = "68_TokenThatMustNotShow0123456789abcdefghijklmnop"
OPENID = "oLVPpjqs9BhvzwPj5A-vTYAX3GLc"
SECRET = "5ecre7ofthe5h0p0123456789abcdef0"
WIDE = "5000"
"""Columns of a terminal on which nothing is broken over lines."""
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
    ("sql", "select * from answers"),
)


def everything(site: Site, said: list[Said]) -> dict[str, bytes]:
    """All that was printed, and every file of the site with kept answers unpacked."""
    found = {f"output of command {n}": one.text.encode() for n, one in enumerate(said)}
    files = [path for path in site.folder.rglob("*") if path.is_file()]
    found |= {path.name: path.read_bytes() for path in files}
    rows = site.run("sql", "select hex(body) as body from replies", "--json")
    for number, line in enumerate(rows.lines if rows.code == 0 else []):
        raw = bytes.fromhex(str(line["body"]))
        found[f"reply {number}"] = zstandard.ZstdDecompressor().decompress(raw)
    return found


def assert_hidden(words: list[str], found: dict[str, bytes]) -> None:
    for word in words:
        shown = [name for name, raw in found.items() if word.encode() in raw]
        assert not shown, f"{word[:6]}… is in {shown}"


def run_all(site: Site) -> list[Said]:
    return [site.run("--log-level", "debug", *words) for words in WORDS]


def test_nothing_shows_with_a_server_that_works_and_one_that_fails(
    running: RunningEmulator, new_site: MakeSite
) -> None:
    emulator = running.emulator
    site = new_site(running, since=date(2026, 3, 7))
    site.environment |= {"WXCUBE_LOG_JSON": "true", "COLUMNS": WIDE}
    said = run_all(site)
    assert sum("window.fetched" in one.err for one in said) > 3
    for fault in (
        Fault(errcode=-1, path="getuserread", times=5),
        Fault(expire_tokens=True, times=3),
        Fault(cut=0.5, path="getarticle*", times=9),
        Fault(status=502, times=9),
    ):
        emulator.faults.add(fault)
    said += run_all(site)
    tokens = list(emulator.api.tokens._grants)
    assert len(tokens) > 2
    assert_hidden([*tokens, *(app.secret for app in emulator.accounts)], everything(site, said))


# --- a server that says back what it was sent ------------------------------------------------------


def _echo(got: Got) -> Answer:
    """Token calls succeed; every other answer repeats token, secret and an openid somewhere."""
    if got.path.startswith("/cgi-bin/"):
        return {"access_token": TOKEN, "expires_in": 7200}
    told = f"access_token={TOKEN}, {TOKEN} openid {OPENID} hint: [x/{TOKEN}]"
    answers: dict[str, Answer] = {
        "getusersummary": {"errcode": 40001, "errmsg": f"invalid credential {told}"},
        "getusercumulate": {"errcode": 61500, "errmsg": told},
        "getupstreammsg": f"<html>{told}</html>".encode(),
        "getinterfacesummary": {"list": [{"ref_date": told}]},
        "getarticleread": {"list": [], "note": told},
        "getupstreammsgdist": 500,
        "getbizsummary": {"errcode": 48001, "errmsg": told},
    }
    return answers.get(got.path.rpartition("/")[2], {"errcode": -1, "errmsg": told})


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


def test_nothing_shows_with_a_server_that_repeats_it(echoing: Site) -> None:
    said = run_all(echoing)
    for endpoint in ENDPOINTS:
        takes_card = any(p.name == "card_id" for p in endpoint.params)
        given = ("--param", "card_id=p1") if takes_card else ()
        words = ("fetch", endpoint.name, "2026-03-08", *given)
        said.append(echoing.run("--log-level", "debug", *words))
    assert {one.code for one in said} >= {1, 3}
    found = everything(echoing, said)
    assert_hidden([TOKEN, SECRET], found)
    # what WeChat answered is kept as it came, in one table; it is nowhere else
    shown = {
        name: raw for name, raw in found.items() if not name.startswith(("reply", "wxcube.db"))
    }
    with closing(sqlite3.connect(echoing.database)) as connection:
        connection.execute("update replies set body = x''")
        shown["tables"] = "\n".join(connection.iterdump()).encode()
    assert b"[openid]" in shown["tables"]
    assert_hidden([OPENID], shown)
