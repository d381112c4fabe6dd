"""The client against the emulator: endpoints, quirks, faults of tokens and of the network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from support.emulated import params_of, small_emulator
from wxcube import AsyncClient
from wxcube.contract import ENDPOINTS, Endpoint, Window, named
from wxcube.contract.content import getarticletotaldetail, getbizsummary
from wxcube.contract.user import getusersummary
from wxcube.emulator.emulator import Emulator
from wxcube.emulator.faults import Fault
from wxcube.emulator.quirks import Quirks, parse_quirks
from wxcube.errors import (
    AccessError,
    CredentialError,
    NotReadyError,
    QuotaError,
    RetiredError,
    ShapeError,
    TransportError,
    WxcubeError,
)
from wxcube.testing import RunningEmulator
from wxcube.wechat.client import CallEvent
from wxcube.wechat.retry import Retries
from wxcube.wechat.token import ClassicToken, StableToken, UrlToken
from wxcube.wechat.transport import AsgiTransport, HttpTransport

FIRST, LAST = date(2026, 2, 1), date(2026, 3, 9)
YESTERDAY = Window.day(LAST)
ODDITIES = frozenset(Quirks.__struct_fields__)


async def no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


RETRIES = Retries(sleep=no_sleep)


def connect(emulator: Emulator, **settings: Any) -> AsyncClient:
    app = emulator.accounts[0]
    defaults: dict[str, Any] = {"transport": AsgiTransport(emulator.asgi), "retries": RETRIES}
    return AsyncClient(app.appid, app.secret, clock=emulator.clock, **(defaults | settings))


def held(emulator: Emulator, endpoint: Endpoint[Any]) -> list[Any]:
    """What the emulator has from FIRST to LAST."""
    params = params_of(emulator, endpoint)
    rows = emulator.rows(emulator.accounts[0].appid, endpoint, params)
    return [row for row in rows if FIRST <= row.ref_date <= LAST]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
async def test_all_rows_of_a_window_come(endpoint: Endpoint[Any]) -> None:
    emulator = small_emulator()
    params = params_of(emulator, endpoint)
    rows = await connect(emulator).fetch(endpoint, FIRST, LAST, **params)
    assert rows == held(emulator, endpoint)
    assert rows


async def test_days_not_over_at_08_00_are_not_there_yet() -> None:
    emulator = small_emulator()
    emulator.clock.advance(timedelta(hours=-2))
    rows = await connect(emulator).fetch(getusersummary, FIRST, LAST)
    assert rows[-1].ref_date == LAST - timedelta(days=1)


@pytest.mark.parametrize("over_http", [False, True])
async def test_an_answer_or_an_error_has_the_time_of_the_server(*, over_http: bool) -> None:
    emulator = small_emulator()
    now = emulator.clock.now()
    with RunningEmulator(emulator=emulator) as running:
        transport = HttpTransport(running.url) if over_http else AsgiTransport(emulator.asgi)
        client = connect(emulator, transport=transport, retries=Retries(attempts=1))
        assert (await client.ask(getusersummary, YESTERDAY)).server_date == now
        for fault in (Fault(errcode=61503, times=1), Fault(status=502, times=1)):
            emulator.faults.add(fault)
            with pytest.raises(WxcubeError) as caught:
                await client.ask(getusersummary, YESTERDAY)
            assert caught.value.server_date == now
        for fault in (Fault(cut=0.5, times=1), Fault(reset=True, times=1)):
            emulator.faults.add(fault)
            with pytest.raises(TransportError) as cut:
                await client.ask(getusersummary, YESTERDAY)
            assert cut.value.server_date is None
        await transport.close()


@pytest.mark.parametrize("quirk", sorted(ODDITIES - {"undocumented_columns", "odd_titles"}))
async def test_a_quirk_does_not_change_the_rows(quirk: str) -> None:
    word = {"is_delay": "is_delay=string", "text_sends": "text_sends=50"}.get(quirk, quirk)
    emulator, events = small_emulator(quirks=parse_quirks([word])), list[CallEvent]()
    for endpoint in (named("getuserread"), getbizsummary, getarticletotaldetail):
        rows = await connect(emulator, on_event=events.append).fetch(endpoint, FIRST, LAST)
        assert rows == held(emulator, endpoint)
    dropped = {"extra_rows", "repeated_rows"}
    assert any(call.dropped_rows for call in events) == (quirk in dropped)
    unknown = frozenset[str]().union(*(call.unknown_columns for call in events))
    assert unknown == ({"new_figure"} if quirk == "unknown_column" else set())


async def test_undocumented_columns_are_in_the_rows() -> None:
    emulator, events = (
        small_emulator(quirks=parse_quirks(["undocumented_columns"])),
        list[CallEvent](),
    )
    client = connect(emulator, on_event=events.append)
    rows = await client.fetch(named("getusercumulate"), FIRST, LAST)
    assert {row.user_source for row in rows} == {0}
    assert {row.user_source for row in held(emulator, named("getusercumulate"))} == {None}
    assert not any(call.unknown_columns for call in events)


async def test_irregular_titles_are_read() -> None:
    emulator = small_emulator(quirks=parse_quirks(["odd_titles"]))
    rows = await connect(emulator).fetch(getarticletotaldetail, FIRST, LAST)
    titles = [row.title for row in held(emulator, getarticletotaldetail)]
    assert [row.title for row in rows] == [f"\x0b{title}\ufffd" for title in titles]


# --- errors and faults -------------------------------------------------------------------------


async def test_a_retired_endpoint_is_an_error() -> None:
    with pytest.raises(RetiredError) as caught:
        await connect(small_emulator(era="current")).fetch(named("getuserread"), LAST, LAST)
    assert caught.value.errcode == 47009
    assert caught.value.rid


async def test_a_missing_permission_does_not_renew_the_token() -> None:
    emulator = small_emulator()
    emulator.set_permissions(emulator.accounts[0].appid, frozenset({1}))
    with pytest.raises(AccessError):
        await connect(emulator).ask(getusersummary, YESTERDAY)
    assert [call.path for call in emulator.journal.calls()] == [
        "/cgi-bin/stable_token",
        "/datacube/getusersummary",
    ]


@pytest.mark.parametrize("source", [StableToken, ClassicToken])
async def test_a_token_replaced_by_another_program_is_renewed_once(
    source: type[StableToken | ClassicToken],
) -> None:
    emulator = small_emulator()
    app, transport = emulator.accounts[0], AsgiTransport(emulator.asgi)
    token = source(app.appid, app.secret, transport, clock=emulator.clock)
    client = connect(emulator, token=token)
    await client.ask(getusersummary, YESTERDAY)
    emulator.faults.add(Fault(path="getusersummary", expire_tokens=True, times=1))
    rows = await client.fetch(getusersummary, FIRST, LAST)
    assert rows == held(emulator, getusersummary)
    assert len(emulator.journal.calls("*token")) == 2
    assert emulator.journal.calls("getusersummary", errcode=40001)


async def test_a_token_is_renewed_before_it_expires() -> None:
    emulator = small_emulator()
    client = connect(emulator)
    for _ in range(5):
        await client.ask(getusersummary, YESTERDAY)
        emulator.clock.advance(timedelta(hours=1))
    assert len(emulator.journal.calls("stable_token")) == 3
    assert not emulator.journal.calls("getusersummary", errcode=40001)
    assert not emulator.journal.calls("getusersummary", errcode=42001)


async def test_a_wrong_secret_is_an_error() -> None:
    emulator = small_emulator()
    app = emulator.accounts[0]
    source = StableToken(app.appid, "0" * 32, AsgiTransport(emulator.asgi))
    with pytest.raises(CredentialError):
        await connect(emulator, token=source).ask(getusersummary, YESTERDAY)
    assert len(emulator.journal) == 1


async def test_busy_errors_are_retried() -> None:
    emulator = small_emulator()
    emulator.faults.add(Fault(errcode=-1, times=2))
    emulator.faults.add(Fault(errcode=61504, after=2, times=1))
    assert (await connect(emulator).ask(getusersummary, YESTERDAY)).rows
    assert [call.errcode for call in emulator.journal.calls("getusersummary")] == [-1, -1, 61504, 0]


@pytest.mark.parametrize(
    ("fault", "kind", "calls"),
    [
        (Fault(errcode=61503), NotReadyError, 1),
        (Fault(errcode=45009, after=1), QuotaError, 2),
        (Fault(status=404), ShapeError, 1),
    ],
)
async def test_other_errors_are_not_retried(
    fault: Fault, kind: type[Exception], calls: int
) -> None:
    emulator = small_emulator()
    emulator.faults.add(fault)
    client = connect(emulator, concurrency=1)
    with pytest.raises(kind):
        await client.fetch(getusersummary, FIRST, LAST)
    assert len(emulator.journal.calls("getusersummary")) == calls


async def test_a_delayed_reply_is_marked() -> None:
    emulator = small_emulator()
    emulator.faults.add(Fault(is_delay=True, times=1))
    assert (await connect(emulator).ask(getbizsummary, YESTERDAY)).is_delay
    assert not (await connect(emulator).ask(getbizsummary, YESTERDAY)).is_delay


# --- over sockets ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(emulator=small_emulator()) as server:
        yield server


@pytest.mark.parametrize("fault", [Fault(cut=0.5, times=2), Fault(status=502, times=2)])
async def test_network_faults_are_retried(running: RunningEmulator, fault: Fault) -> None:
    running.emulator.faults.add(fault)
    transport = HttpTransport(running.url)
    client = connect(running.emulator, transport=transport)
    answer = await client.ask(getusersummary, YESTERDAY)
    await transport.close()
    assert answer.rows == held(running.emulator, getusersummary)[-len(answer.rows) :]


async def test_a_token_url_has_a_connection_of_its_own(
    running: RunningEmulator,
) -> None:
    app = running.account()
    query = f"grant_type=client_credential&appid={app.appid}&secret={app.secret}"
    source = UrlToken(f"{running.url}/cgi-bin/token?{query}", clock=running.emulator.clock)
    async with AsyncClient(
        token=source, base_url=running.url, clock=running.emulator.clock
    ) as client:
        rows = await client.fetch(getusersummary, FIRST, LAST)
    assert rows == held(running.emulator, getusersummary)
    assert repr(client) == "AsyncClient('')"


async def test_a_slow_server_times_out(running: RunningEmulator) -> None:
    number = running.emulator.faults.add(Fault(slow_seconds=0.5))
    transport = HttpTransport(running.url, timeout_seconds=0.1)
    app = running.account()
    token = StableToken(app.appid, app.secret, AsgiTransport(running.emulator.asgi))
    once = Retries(attempts=1)
    client = connect(running.emulator, transport=transport, token=token, retries=once)
    with pytest.raises(TransportError, match=r"no reply within 0.1 s"):
        await client.ask(getusersummary, YESTERDAY)
    await transport.close()
    running.emulator.faults.remove(number)


async def test_a_wrong_base_path_is_an_error(running: RunningEmulator) -> None:
    async with AsyncClient(
        token="T", base_url=f"{running.url}/cgi-bin", clock=running.emulator.clock
    ) as client:
        with pytest.raises(ShapeError, match="HTTP 404; the server has no such path"):
            await client.ask(getusersummary, YESTERDAY)


def test_a_fetch_over_http_without_an_event_loop(running: RunningEmulator) -> None:
    with running.client() as client:
        rows = client.fetch(getusersummary, FIRST, LAST)
    assert rows == held(running.emulator, getusersummary)
