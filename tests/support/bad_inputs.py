"""Bad command lines and requests, and the words or codes of their errors."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import NamedTuple


class Command(NamedTuple):
    """A wrong command line over good settings and a good database."""

    id: str
    line: str
    """As in a shell."""
    code: int
    expected: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line)


FETCH = "fetch getusersummary"
A_DAY = ("is not a day", "write days as YYYY-MM-DD")
COMMANDS = (
    # dates and windows
    Command("no such day", f"{FETCH} 2026-02-30", 1, ("'2026-02-30'", *A_DAY)),
    Command("day without zeros", f"{FETCH} 2026-3-9", 1, ("'2026-3-9'", *A_DAY)),
    Command("day in words", f"{FETCH} yesterday", 1, A_DAY),
    Command("empty day", f"{FETCH} ''", 1, A_DAY),
    Command("day with a time", f"{FETCH} 2026-03-01T08:00", 1, A_DAY),
    Command("day of another alphabet", f"{FETCH} ２０２６-03-01", 1, A_DAY),
    Command("window without an end", f"{FETCH} 2026-03-01..", 1, ("''", *A_DAY)),
    Command("window of dots", f"{FETCH} ..", 1, A_DAY),
    Command("too many dots", f"{FETCH} 2026-03-01...2026-03-02", 1, A_DAY),
    Command(
        "window backwards",
        f"{FETCH} 2026-03-09..2026-03-01",
        1,
        ("ends before it begins", "give the earlier day first"),
    ),
    Command(
        "today", f"{FETCH} 2026-03-10", 1, ("after yesterday (2026-03-09", "end at 2026-03-09")
    ),
    Command("the last day of all", f"{FETCH} 9999-12-31", 1, ("end at 2026-03-09 or earlier",)),
    Command("before WeChat's first day", f"{FETCH} 2014-11-30", 1, ("begin at 2014-12-01",)),
    Command("the first day of all", f"{FETCH} 0001-01-01", 1, ("begin at 2014-12-01 or later",)),
    Command(
        "before the content group's first day",
        "fetch getarticleread 2025-10-31",
        1,
        ("no figures before 2025-11-01", "begin at 2025-11-01"),
    ),
    Command("future with --save", f"{FETCH} 2026-03-01..2026-03-10 --save", 1, ("end at 2026",)),
    Command("--from is no day", "sync --from 2026-02-31", 2, ("--from", *A_DAY)),
    Command("--to is no day", "plan --to x", 2, ("--to", *A_DAY)),
    Command("--from with five digits", "status --from 99999-01-01", 2, A_DAY),
    Command("--from is today", "sync --from 2026-03-10", 1, ("is not over yet", "begin at 2026")),
    Command(
        "--from after --to", "sync --from 2026-03-05 --to 2026-03-01", 1, ("earlier day first",)
    ),
    Command("export of no day", "export getusersummary soon", 1, A_DAY),
    Command("--since is no day", "init --force --since soon", 1, A_DAY),
    # endpoints, members, parts, formats
    Command(
        "misspelt endpoint", "fetch getusersumary 2026-03-01", 1, ("did you mean getusersummary",)
    ),
    Command(
        "unknown endpoint", "export nope", 1, ("no endpoint 'nope'", "name an endpoint such as")
    ),
    Command(
        "group for an endpoint", "fetch user 2026-03-01", 1, ("it is a group", "getusercumulate")
    ),
    Command(
        "endpoint in capitals", "endpoints GetUserSummary", 1, ("did you mean getusersummary",)
    ),
    Command("--only of nothing known", "sync --only getuserx", 1, ("did you mean getuserread",)),
    Command("--param without a value", f"{FETCH} 2026-03-01 --param x", 1, ("NAME=VALUE",)),
    Command(
        "--param nobody takes",
        f"{FETCH} 2026-03-01 --param x=1",
        1,
        ("no parameter 'x'", "dates only"),
    ),
    Command(
        "--param that is no number",
        "fetch getcardbizuininfo 2026-03-01 --param cond_source=--5",
        1,
        ("is a number, not '--5'", "write it as cond_source=1"),
    ),
    Command(
        "--param of odd digits",
        "fetch getcardbizuininfo 2026-03-01 --param cond_source=²",
        1,
        ("write it as cond_source=1",),
    ),
    Command(
        "--param that is empty",
        "fetch getcardmembercarddetail 2026-03-01 --param card_id=",
        1,
        ("has no value", "NAME=VALUE"),
    ),
    Command(
        "missing member",
        "fetch getcardmembercarddetail 2026-03-01",
        1,
        ("needs card_id", "give card_id: id of the membership card"),
    ),
    Command(
        "unknown part", "export getarticletotal --part detail", 1, ("no part 'detail'", "details")
    ),
    Command(
        "part of a row without parts", f"{FETCH} 2026-03-01 --part x", 1, ("leave --part out",)
    ),
    Command(
        "part of JSON", "export getarticletotal --format json --part details", 2, ("--format csv",)
    ),
    Command(
        "Chinese heads in JSON", "export getusersummary --format jsonl --header zh", 2, ("csv",)
    ),
    Command("unknown format", f"{FETCH} 2026-03-01 --format xml", 2, ("'table', 'csv', 'json'",)),
    Command("unknown header", "export getusersummary --header fr", 2, ("'wire', 'zh', 'en'",)),
    Command("unknown origin", "export getusersummary --origin x", 2, ("'wechat', 'import'",)),
    # accounts
    Command(
        "unknown account",
        f"{FETCH} 2026-03-01 --account nobody",
        1,
        ("accounts: shop", "--account"),
    ),
    Command(
        "unknown account to check", "account check nobody", 1, ("no account 'nobody'", "--account")
    ),
    Command(
        "account that is not stored",
        "export getusersummary --account x",
        1,
        ("no data of account 'x'", "accounts with stored data"),
    ),
    Command(
        "init with a bad appid", "init --force --appid 'w\"x'", 1, ("not an AppID", "copy it from")
    ),
    Command("init over a file", "init", 1, ("already exists", "--force")),
    # files
    Command("settings that do not exist", "--config nope.toml plan", 1, ("does not exist", "init")),
    Command(
        "settings that are a folder", "--config . plan", 1, ("cannot be read", "UTF-8 text file")
    ),
    Command("database that is not there", "--database nope.db status", 1, ("no database", "sync")),
    Command("database that is a folder", "--database . sync", 1, ("is a directory", "name a file")),
    Command(
        "database in no folder", "--database no/such/x.db sync", 1, ("no directory", "create it")
    ),
    Command(
        "empty database name", "--database '' status", 1, ("is not an SQLite file", "give a path")
    ),
    Command("database in memory", "--database :memory: sync", 1, ("is not an SQLite file", "give")),
    Command(
        "database of another kind",
        "--database oracle://me@host/db status",
        1,
        ("the URL oracle://… is not that of a database", "give a path like wxcube.db"),
    ),
    Command(
        "password of a database on the command line",
        "--database mysql://me:s3cretpw@host/db status",
        1,
        ("a password on the command line can be seen", "WXCUBE_DATABASE_PASSWORD"),
    ),
    Command(
        "export into no folder",
        "export getusersummary --out no/x.csv",
        1,
        ("the directory no for x.csv does not exist", "--out"),
    ),
    Command("export into a folder", "export getusersummary --out .", 2, ("is a directory",)),
    Command(
        "demo into a file", "demo --once --folder wxcube.toml", 1, ("File exists", "check that")
    ),
    # queries
    Command("no query", "sql", 2, ("Missing argument 'QUERY'",)),
    Command("empty query", "sql ' '", 2, ("the query is empty", "give one SELECT")),
    Command("query that is no SQL", "sql 'selec 1'", 1, ("syntax error", "give one SELECT")),
    Command("unknown table", "sql 'select 1 from t9'", 1, ("no such table: t9", "view_name")),
    Command("two queries", "sql 'select 1;select 2'", 1, ("one statement", "give one SELECT")),
    Command(
        "query that writes", "sql 'delete from coverage'", 1, ("more than read", "give one SELECT")
    ),
    # ports, hosts, languages, levels
    Command("port beyond all", "serve --port 99999", 2, ("0<=x<=65535",)),
    Command("port in words", "emulate --port http", 2, ("--port",)),
    Command(
        "address that is none", "serve --host 999.1.1.1", 1, ("cannot listen", "--host or --port")
    ),
    Command(
        "name too long for an address", f"serve --host {'a' * 300}", 1, ("cannot listen", "--host")
    ),
    Command("unknown language", "--lang fr status", 2, ("'zh', 'en'",)),
    Command("unknown log level", "--log-level loud status", 2, ("'debug', 'info'",)),
    # the emulator
    Command("moment in words", "emulate --now tomorrow", 1, ("is not a time", "2026-03-10T09:00")),
    Command(
        "moment before everything",
        "emulate --now 0001-01-01",
        1,
        ("out of range", "from 2014-12-02 to 2099-12-31"),
    ),
    Command(
        "moment after everything",
        "emulate --now 9999-12-31T23:59",
        1,
        ("out of range", "from 2014-12-02"),
    ),
    Command(
        "moment beyond the calendar", "emulate --now 0001-01-01T00:00+14:00", 1, ("not a time",)
    ),
    Command("no days", "emulate --days 0", 2, ("1<=x<=1500",)),
    Command("no accounts", "emulate --accounts 0", 2, ("1<=x<=50",)),
    Command("seed in words", "emulate --seed x", 2, ("not a valid integer",)),
    Command("unknown era", "emulate --era old", 2, ("'documented', 'last-documented', 'current'",)),
    Command("no calls a day", "emulate --daily-limit 0", 2, ("x>=1",)),
    Command(
        "unknown quirk", "emulate --quirk nope", 1, ("no such quirk", "quirks are", "extra_rows")
    ),
    Command(
        "quirk with a wrong value", "emulate --quirk is_delay=maybe", 1, ("is_delay", "quirks are")
    ),
    Command(
        "fault without effect", "emulate --fault getuserread", 1, ("exactly one of", "write PATH")
    ),
    Command(
        "fault with two effects", "emulate --fault 'x errcode=1 cut=0.5'", 1, ("exactly one of",)
    ),
    Command(
        "fault with a bad errcode",
        "emulate --fault 'x errcode=abc'",
        1,
        ("$.errcode", "write PATH"),
    ),
    Command(
        "fault that is met never",
        "emulate --fault 'x errcode=1 times=0'",
        1,
        (">= 1", "write PATH"),
    ),
    Command("fault with a bad fraction", "emulate --fault 'x cut=2'", 1, ("<= 1.0", "write PATH")),
    Command(
        "fault with a bad status", "emulate --fault 'x status=200'", 1, (">= 400", "write PATH")
    ),
    Command(
        "fault of an unknown kind", "emulate --fault 'x color=red'", 1, ("`color`", "write PATH")
    ),
    Command(
        "fault until no moment", "emulate --fault 'x errcode=1 until=soon'", 1, ("'soon'", "write")
    ),
    Command("empty fault", "emulate --fault ''", 1, ("is not a fault", "write PATH member=value")),
    # commands and options
    Command("misspelt command", "syncc", 2, ("No such command 'syncc'", "Did you mean sync?")),
    Command("misspelt option", "sync --ony user", 2, ("No such option", "--only")),
    Command("a word too many", "sync everything", 2, ("unexpected extra argument",)),
    Command("missing words", "fetch", 2, ("Missing argument 'ENDPOINT'", "--help")),
    Command("unknown subcommand", "account chekc", 2, ("chekc", "--help")),
    Command("a demo too short", "demo --days 5", 2, ("10<=x<=800",)),
)


@dataclass(frozen=True)
class Asked:
    """A wrong request to the server, and the errcode or HTTP status it is answered."""

    id: str
    answer: int
    body: bytes = b'{"begin_date": "2026-03-01", "end_date": "2026-03-01"}'
    path: str = "/datacube/getusersummary"
    method: str = "POST"
    query: str = "access_token=TOKEN"


def _days(first: object, last: object) -> bytes:
    return json.dumps({"begin_date": first, "end_date": last}).encode()


REQUESTS = (
    Asked("GET for POST", 43002, method="GET"),
    Asked("no body", 44002, b""),
    Asked("a body of blanks", 44002, b"  \n"),
    Asked("half a body", 47001, b'{"begin_date": "2026-03-01", '),
    Asked("a body that is a list", 47001, b"[]"),
    Asked("a body that is a number", 47001, b"5"),
    Asked("a body that is a form", 47001, b"begin_date=2026-03-01&end_date=2026-03-01"),
    Asked("a body that is no UTF-8", 47001, b'{"begin_date": "\xff"}'),
    Asked("a body of many brackets", 47001, b"[" * 100_000),
    Asked("no dates", 61500, b"{}"),
    Asked("one date", 61500, b'{"begin_date": "2026-03-01"}'),
    Asked("a date that is a number", 61500, _days(20260301, 20260301)),
    Asked("a date without lines", 61500, _days("20260301", "20260301")),
    Asked("a date that is none", 61500, _days("2026-02-30", "2026-03-01")),
    Asked("a date that is null", 61500, _days(None, None)),
    Asked("dates the wrong way round", 61501, _days("2026-03-02", "2026-03-01")),
    Asked("a span of eight", 61501, _days("2026-03-01", "2026-03-08")),
    Asked("today", 61501, _days("2026-03-10", "2026-03-10")),
    Asked("a card without its id", 47001, path="/datacube/getcardmembercarddetail"),
    Asked("no token", 41001, query=""),
    Asked("an unknown token", 40001, query="access_token=68_nobody"),
    Asked("a token that is no text", 40001, query="access_token=%ff%00"),
    Asked("an unknown call", 40066, path="/datacube/getnothing"),
    Asked("a path beside the API", 404, path="/cgi-bin/datacube/getusersummary"),
    Asked(
        "an unknown appid",
        40013,
        b"",
        "/cgi-bin/token",
        "GET",
        "grant_type=client_credential&appid=x&secret=y",
    ),
    Asked(
        "no secret",
        41004,
        b"",
        "/cgi-bin/token",
        "GET",
        "grant_type=client_credential&appid=local1",
    ),
    Asked(
        "a wrong secret",
        40125,
        b"",
        "/cgi-bin/token",
        "GET",
        "grant_type=client_credential&appid=local1&secret=y",
    ),
    Asked(
        "a wrong kind of grant",
        40002,
        b"",
        "/cgi-bin/token",
        "GET",
        "grant_type=x&appid=local1&secret=y",
    ),
    Asked("a stable token without body", 44002, b"", "/cgi-bin/stable_token", "POST", ""),
    Asked("another app's clearing", 40013, b'{"appid": "x"}', "/cgi-bin/clear_quota"),
)
