"""Clients: the calls of a fetch, its rows, retries, tokens and limits."""

from __future__ import annotations

import asyncio
import gc
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from support.rows import sample_rows
from support.scripted import ReceivedRequest, ReplyContent, Scripted, in_turn
from wxcube import AsyncClient, Client
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import ENDPOINTS, Window, named
from wxcube.contract.card import getcardcardinfo, getcardmembercarddetail
from wxcube.contract.content import getarticleread
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.message import getupstreammsgmonth, getupstreammsgweek
from wxcube.contract.source import Origin, Source
from wxcube.contract.user import UserSummary, getusersummary
from wxcube.errors import (
    AccessError,
    BusyError,
    ContractError,
    CredentialError,
    QuotaError,
    Remedy,
    RetiredError,
    SettingsError,
    ShapeError,
    TokenError,
    WindowError,
    WxcubeError,
)
from wxcube.wechat import wire
from wxcube.wechat.client import CallEvent
from wxcube.wechat.retry import Retries
from wxcube.wechat.transport import AsgiTransport

TOKEN = "72_secret-access-token_of_the_account"
NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
DAY = Window.parse("2026-03-01")
EMPTY: ReplyContent = {"list": []}
BUSY: ReplyContent = {"errcode": -1, "errmsg": "system error rid: 6004f3da-1529ba72-5c345f67"}
BAD_TOKEN: ReplyContent = {"errcode": 40001, "errmsg": "invalid credential"}


class Sleeps:
    """Records the seconds of each sleep, without sleeping."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def connect(
    server: Scripted, sleeps: Sleeps | None = None, attempts: int = 4, **settings: Any
) -> AsyncClient:
    retries = Retries(attempts, sleep=sleeps or Sleeps(), random=lambda: 1.0)
    defaults: dict[str, Any] = {"token": TOKEN, "clock": ManualClock(NOW), "retries": retries}
    return AsyncClient(transport=AsgiTransport(server), **(defaults | settings))


def sample_server(endpoint: Endpoint[Any]) -> Callable[[ReceivedRequest], ReplyContent]:
    """Replies with sample rows for every day."""

    def reply_to(request: ReceivedRequest) -> ReplyContent:
        window = Window.parse(f"{request.first}..{request.last}")
        rows = [row for day in window for row in sample_rows(endpoint, Window.day(day))]
        return wire.encode(endpoint, rows)

    return reply_to


# --- fetching ----------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
async def test_a_fetch_returns_all_days_in_as_few_calls_as_possible(
    endpoint: Endpoint[Any],
) -> None:
    server = Scripted(sample_server(endpoint))
    first, last = date(2026, 1, 1), date(2026, 2, 28)
    params = {p.name: "x" for p in endpoint.params if p.required and p.default is None}
    rows = await connect(server).fetch(endpoint, first, last, **params)
    labels = endpoint.labels(Window(first, last))
    assert rows == [row for day in labels for row in sample_rows(endpoint, Window.day(day))]
    span = 1 if endpoint.has_labels else endpoint.span_days
    assert len(server.journal) == -(-len(labels) // span)
    assert set(server.paths) == {endpoint.path}


async def test_days_are_dates_strings_or_datetimes() -> None:
    server = Scripted(lambda _: EMPTY)
    client = connect(server)
    await client.fetch(getarticleread, "2026-03-01", "2026-03-01")
    await client.fetch(getarticleread, date(2026, 3, 1), date(2026, 3, 1))
    evening_before = datetime.fromisoformat("2026-02-28T20:00:00+00:00")
    await client.fetch(getarticleread, evening_before, evening_before)
    assert [(request.first, request.last) for request in server.journal] == [
        ("2026-03-01",) * 2
    ] * 3


async def test_weeks_and_months_are_requested_one_by_one_when_they_are_over() -> None:
    server = Scripted(lambda _: EMPTY)
    client = connect(server)
    await client.fetch(getupstreammsgweek, "2026-02-17", "2026-03-09")
    await client.fetch(getupstreammsgmonth, "2026-01-01", "2026-03-09")
    assert sorted((request.path, request.first, request.last) for request in server.journal) == [
        (getupstreammsgmonth.path, "2026-01-01", "2026-01-01"),
        (getupstreammsgmonth.path, "2026-02-01", "2026-02-01"),
        (getupstreammsgweek.path, "2026-02-23", "2026-02-23"),
        (getupstreammsgweek.path, "2026-03-02", "2026-03-02"),
    ]


async def test_a_window_without_a_monday_needs_no_call() -> None:
    server = Scripted(lambda _: EMPTY)
    assert await connect(server).fetch(getupstreammsgweek, "2026-02-24", "2026-02-25") == []
    assert server.journal == []


async def test_concurrency_is_limited() -> None:
    server = Scripted(lambda _: EMPTY, delay_seconds=0.002)
    await connect(server, concurrency=3).fetch(getarticleread, "2026-01-01", "2026-01-20")
    assert len(server.journal) == 20
    assert server.max_open == 3


async def test_params_are_completed_and_sent() -> None:
    server = Scripted(lambda _: EMPTY)
    await connect(server).fetch(getcardcardinfo, "2026-03-01", "2026-03-02", card_id="p1")
    assert server.journal[0].content == {
        "begin_date": "2026-03-01",
        "end_date": "2026-03-02",
        "cond_source": 1,
        "card_id": "p1",
    }


async def test_a_client_is_a_source() -> None:
    source: Source = connect(Scripted(lambda _: EMPTY))
    assert source.origin is Origin.WECHAT
    answer = await source.ask(getusersummary, DAY)
    assert (answer.endpoint, answer.window, answer.asked_at) == (getusersummary, DAY, NOW)
    assert answer.body == b'{"list": []}'


# --- invalid requests ---------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "first", "last", "expected"),
    [
        (getusersummary, "2026-03-09", "2026-03-10", "yesterday"),
        (getusersummary, "2014-11-30", "2014-12-02", "2014-12-01"),
        (getarticleread, "2025-10-31", "2025-11-02", "2025-11-01"),
        (getusersummary, "2026-03-02", "2026-03-01", "earlier day first"),
        (getusersummary, "2026-3-2", "2026-03-03", "YYYY-MM-DD"),
        (getusersummary, "2026-02-30", "2026-03-03", "YYYY-MM-DD"),
    ],
)
async def test_invalid_dates_are_not_sent(
    endpoint: Endpoint[Any], first: str, last: str, expected: str
) -> None:
    server = Scripted(lambda _: EMPTY)
    with pytest.raises(WindowError, match=expected):
        await connect(server).fetch(endpoint, first, last)
    assert server.journal == []


async def test_a_window_longer_than_the_span_is_not_sent() -> None:
    server = Scripted(lambda _: EMPTY)
    with pytest.raises(WindowError, match=r"8 days.*allows 7"):
        await connect(server).ask(getusersummary, Window.parse("2026-03-01..2026-03-08"))
    assert server.journal == []


@pytest.mark.parametrize(
    ("endpoint", "params"),
    [
        (getusersummary, {"card_id": "p"}),
        (getcardmembercarddetail, {}),
        (getcardcardinfo, {"cond_source": "one"}),
    ],
)
async def test_invalid_params_are_not_sent(
    endpoint: Endpoint[Any], params: dict[str, object]
) -> None:
    server = Scripted(lambda _: EMPTY)
    with pytest.raises(ContractError):
        await connect(server).fetch(endpoint, "2026-03-01", "2026-03-01", **params)
    assert server.journal == []


async def test_a_retired_endpoint_is_called_and_the_server_decides() -> None:
    server = Scripted(lambda _: {"errcode": 47009, "errmsg": "this api is offline"})
    with pytest.raises(RetiredError):
        await connect(server).fetch(named("getuserread"), "2026-03-01", "2026-03-01")
    assert len(server.journal) == 1


# --- retries -----------------------------------------------------------------------


@pytest.mark.parametrize("fault", [BUSY, {"errcode": 61504, "errmsg": "busy"}, 502, b'{"list":['])
async def test_temporary_errors_are_retried_after_growing_pauses(fault: ReplyContent) -> None:
    server, sleeps = Scripted(in_turn(fault, fault, fault, EMPTY)), Sleeps()
    assert (await connect(server, sleeps).ask(getusersummary, DAY)).rows == []
    assert sleeps.seconds == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("attempts", [1, 3])
async def test_attempts_are_limited(attempts: int) -> None:
    server = Scripted(lambda _: BUSY)
    with pytest.raises(BusyError):
        await connect(server, attempts=attempts).ask(getusersummary, DAY)
    assert len(server.journal) == attempts


def test_pauses_are_random_and_limited() -> None:
    assert Retries(random=lambda: 0.0).pause(1) == 0.5
    assert Retries(random=lambda: 1.0).pause(1) == 1.0
    assert Retries(random=lambda: 1.0).pause(99) == 30.0
    assert len({Retries().pause(3) for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ({"errcode": 48001, "errmsg": "api unauthorized"}, AccessError),
        ({"errcode": 45011, "errmsg": "slower"}, WxcubeError),
        ({"errcode": 61503, "errmsg": "not ready"}, WxcubeError),
        ({"errcode": 99999, "errmsg": "?"}, WxcubeError),
        (b"<html>", ShapeError),
        (404, ShapeError),
    ],
)
async def test_other_errors_are_not_retried(reply: ReplyContent, kind: type[WxcubeError]) -> None:
    server = Scripted(lambda _: reply)
    with pytest.raises(kind):
        await connect(server).ask(getusersummary, DAY)
    assert len(server.journal) == 1


async def test_the_first_error_ends_a_fetch() -> None:
    def reply_to(request: ReceivedRequest) -> ReplyContent:
        return {"errcode": 48001, "errmsg": "no right"} if request.first == "2026-01-02" else EMPTY

    server = Scripted(reply_to, delay_seconds=0.001)
    with pytest.raises(AccessError) as caught:
        await connect(server, concurrency=2).fetch(getarticleread, "2026-01-01", "2026-01-31")
    assert caught.value.window == Window.parse("2026-01-02")
    assert len(server.journal) < 10


# --- tokens ------------------------------------------------------------------------------------


class Tokens:
    """The given tokens, the next one after each renewal."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.renewed: list[str] = []

    async def token(self) -> str:
        return self.tokens[0]

    async def renew(self, refused: str) -> str:
        self.renewed.append(refused)
        if len(self.tokens) > 1 and self.tokens[0] == refused:
            self.tokens.pop(0)
        return self.tokens[0]


def accepting(token: str, errcode: int) -> Callable[[ReceivedRequest], ReplyContent]:
    refusal: ReplyContent = {"errcode": errcode, "errmsg": "no"}
    return lambda request: EMPTY if request.query["access_token"] == token else refusal


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
async def test_a_refused_token_is_renewed_once(errcode: int) -> None:
    server, tokens = Scripted(accepting("new", errcode)), Tokens("old", "new")
    await connect(server, token=tokens).ask(getusersummary, DAY)
    assert [request.query["access_token"] for request in server.journal] == ["old", "new"]
    assert tokens.renewed == ["old"]


async def test_a_token_refused_twice_is_an_error() -> None:
    server, tokens = Scripted(lambda _: BAD_TOKEN), Tokens("a", "b", "c")
    with pytest.raises(TokenError):
        await connect(server, token=tokens).ask(getusersummary, DAY)
    assert [request.query["access_token"] for request in server.journal] == ["a", "b"]


async def test_a_token_is_renewed_once_over_all_attempts() -> None:
    server = Scripted(in_turn(BAD_TOKEN, BUSY, BAD_TOKEN))
    tokens = Tokens("a", "b", "c")
    with pytest.raises(TokenError):
        await connect(server, token=tokens).ask(getusersummary, DAY)
    assert tokens.renewed == ["a"]


async def test_a_token_that_cannot_be_renewed_is_not_retried() -> None:
    server = Scripted(lambda _: BAD_TOKEN)
    with pytest.raises(TokenError):
        await connect(server).ask(getusersummary, DAY)
    assert len(server.journal) == 1


async def test_a_missing_right_does_not_renew_the_token() -> None:
    server, tokens = Scripted(accepting("new", 48001)), Tokens("old", "new")
    with pytest.raises(AccessError):
        await connect(server, token=tokens).ask(getusersummary, DAY)
    assert tokens.renewed == []


async def test_appid_and_secret_use_stable_token_over_the_same_transport() -> None:
    def reply_to(request: ReceivedRequest) -> ReplyContent:
        if request.path == "/cgi-bin/stable_token":
            return {"access_token": f"for-{request.content['appid']}", "expires_in": 7200}
        return accepting("for-wx1", 40001)(request)

    server = Scripted(reply_to, delay_seconds=0.001)
    transport = AsgiTransport(server)
    async with AsyncClient("wx1", "s", transport=transport, clock=ManualClock(NOW)) as client:
        await client.fetch(getarticleread, "2026-03-01", "2026-03-09")
    assert server.paths.count("/cgi-bin/stable_token") == 1
    assert len(server.journal) == 10


async def test_a_wrong_secret_is_not_retried() -> None:
    server = Scripted(lambda _: BAD_TOKEN)
    client = AsyncClient("wx1", "s", transport=AsgiTransport(server), clock=ManualClock(NOW))
    with pytest.raises(CredentialError, match="AppSecret"):
        await client.ask(getusersummary, DAY)
    assert server.paths == ["/cgi-bin/stable_token"]


def test_missing_credentials_are_named() -> None:
    with pytest.raises(SettingsError, match="AppID and AppSecret are missing"):
        AsyncClient()
    with pytest.raises(SettingsError, match="AppSecret is missing"):
        Client("wx1")


@pytest.mark.parametrize("host", ["https://api.weixin.qq.com", "https://sh.api.weixin.qq.com/"])
def test_a_simulated_account_is_never_sent_to_wechat(host: str) -> None:
    with pytest.raises(SettingsError, match="wxdemo01 is a simulated account"):
        AsyncClient("wxdemo01", "s", base_url=host)
    AsyncClient("wxdemo01", "s", base_url="http://127.0.0.1:8400")
    AsyncClient("wx01", "s", base_url=host)


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_client_refuses_http_to_other_machines_unless_allowed(
    client: type[Client | AsyncClient],
) -> None:
    every: tuple[dict[str, Any], ...] = ({"secret": "s"}, {"token": "T"})
    for credentials in every:
        with pytest.raises(SettingsError, match=r"unencrypted.*allow_http"):
            client("wx01", base_url="http://wx.example", **credentials)
        client("wx01", base_url="http://wx.example", allow_http=True, **credentials)


# --- limits ------------------------------------------------------------------------------------


async def test_an_endpoint_without_quota_is_not_called_until_the_next_beijing_day() -> None:
    server = Scripted(lambda _: {"errcode": 45009, "errmsg": "reach max api daily quota limit"})
    clock = ManualClock(NOW)
    client = connect(server, clock=clock)
    for _ in range(2):
        with pytest.raises(QuotaError) as caught:
            await client.ask(getusersummary, DAY)
    assert len(server.journal) == 1
    assert "midnight" in caught.value.hint
    with pytest.raises(QuotaError):
        await client.ask(getarticleread, DAY)
    clock.advance(timedelta(hours=15))
    with pytest.raises(QuotaError):
        await client.ask(getusersummary, DAY)
    assert len(server.journal) == 3


async def test_calls_per_second_are_limited() -> None:
    server, sleeps = Scripted(lambda _: EMPTY), Sleeps()
    client = connect(server, sleeps, calls_per_second=10)
    await client.fetch(getarticleread, "2026-03-01", "2026-03-03")
    assert [round(s, 1) for s in sorted(sleeps.seconds)] == [0.1, 0.2]


# --- call events --------------------------------------------------------------------------------


async def test_call_events_do_not_contain_the_token() -> None:
    events: list[CallEvent] = []
    row = {"ref_date": "2026-03-01", "user_source": 0, "new_user": 1, "cancel_user": 0, "odd": 1}
    stray = row | {"ref_date": "2020-01-01"}
    server = Scripted(in_turn(BUSY, 502, {"list": [row, stray]}))
    await connect(server, on_event=events.append).ask(getusersummary, DAY)
    assert [(c.attempt, c.errcode, c.error) for c in events] == [
        (1, -1, "BusyError"),
        (2, None, "TransportError"),
        (3, 0, ""),
    ]
    last = events[-1]
    assert (last.path, last.endpoint, last.window) == (getusersummary.path, "getusersummary", DAY)
    assert (last.rows, last.dropped_rows, last.unknown_columns) == (1, 1, frozenset({"odd"}))
    assert 0 <= last.elapsed_ms < 10_000
    assert TOKEN not in repr(events)


async def test_call_events_name_missing_columns_and_unreadable_rows() -> None:
    events: list[CallEvent] = []
    row = {"ref_date": "2026-03-01", "user_source": 0, "cancel_user": 0}
    server = Scripted(in_turn({"list": [row, {"ref_date": "2026-03-01"}]}))
    await connect(server, on_event=events.append).ask(getusersummary, DAY)
    assert events[-1].missing_columns == {"new_user"}
    assert [(bad.position, bad.ref_date) for bad in events[-1].unreadable] == [(1, DAY.first)]


@pytest.mark.parametrize(
    "reply",
    [
        {"errcode": 40001, "errmsg": f"invalid credential {TOKEN}"},
        f"<html>{TOKEN}</html>".encode(),
        {"list": [{"ref_date": TOKEN}]},
        502,
        404,
    ],
)
async def test_an_error_does_not_contain_the_token(reply: ReplyContent) -> None:
    client = connect(Scripted(lambda _: reply), attempts=1)
    with pytest.raises(WxcubeError) as caught:
        await client.ask(getusersummary, DAY)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert TOKEN.encode() not in pickle.dumps(caught.value)
    assert TOKEN not in repr(client) + str(vars(caught.value))


# --- without an event loop ---------------------------------------------------------------------


def sync_client(server: Scripted, **settings: Any) -> Client:
    return Client(transport=AsgiTransport(server), token=TOKEN, clock=ManualClock(NOW), **settings)


def client_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "wxcube-client"]


def test_a_fetch_without_an_event_loop() -> None:
    with sync_client(Scripted(sample_server(getusersummary))) as client:
        rows = client.fetch(getusersummary, "2026-02-01", "2026-02-28")
        answer = client.ask(getusersummary, DAY)
    assert all(isinstance(row, UserSummary) for row in rows)
    assert {row.ref_date for row in rows} == set(Window.parse("2026-02-01..2026-02-28"))
    assert answer.rows == sample_rows(getusersummary, DAY)


async def test_a_fetch_inside_a_running_event_loop() -> None:
    with sync_client(Scripted(lambda _: EMPTY)) as client:
        assert client.fetch(getusersummary, "2026-03-01", "2026-03-01") == []


def test_errors_are_raised_from_the_thread() -> None:
    with sync_client(Scripted(lambda _: 404)) as client, pytest.raises(ShapeError) as caught:
        client.fetch(getusersummary, "2026-03-01", "2026-03-01")
    assert caught.value.remedy is Remedy.SKIP


def test_threads_can_share_a_client() -> None:
    server = Scripted(sample_server(getusersummary), delay_seconds=0.001)
    counts: list[int] = []
    with sync_client(server) as client:
        threads = [
            threading.Thread(
                target=lambda: counts.append(len(client.ask(getusersummary, DAY).rows))
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counts == [len(sample_rows(getusersummary, DAY))] * 8


def test_a_closed_client_leaves_no_thread_and_can_be_used_again() -> None:
    client = sync_client(Scripted(lambda _: EMPTY))
    assert client_threads() == []
    for _ in range(2):
        client.fetch(getusersummary, "2026-03-01", "2026-03-01")
        assert len(client_threads()) == 1
        client.close()
        client.close()
        assert client_threads() == []


def test_the_thread_of_a_garbage_collected_client_ends() -> None:
    client = sync_client(Scripted(lambda _: EMPTY))
    client.fetch(getusersummary, "2026-03-01", "2026-03-01")
    del client
    gc.collect()
    assert client_threads() == []


def test_a_program_can_exit_with_an_open_client() -> None:
    program = """
from wxcube import Client, named
from wxcube.wechat.retry import Retries
client = Client(token="T", base_url="http://localhost:9", retries=Retries(attempts=1))
try:
    client.fetch(named("getusersummary"), "2020-01-01", "2020-01-01")
except Exception as error:
    print(error)
"""
    command = [sys.executable, "-W", "always", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("/datacube/getusersummary: no connection to the server")
    assert done.stderr == ""
