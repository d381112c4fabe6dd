"""What an app may do: rights, addresses, quota and rate, and how wrong secrets are slowed down."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from support.documented import NOW, content
from support.polling import eventually
from support.shared import SECRET, SharedServer, servers, stored_app
from wxcube.beijing import ManualClock
from wxcube.contract import ENDPOINTS
from wxcube.server import shared_calls
from wxcube.server.failures import (
    SECRETS_A_MINUTE,
    SECRETS_OF_A_CALLER,
    TOKENS_OF_A_CALLER,
    Failures,
)
from wxcube.server.messages import Reply, Request
from wxcube.server.secret_hash import is_secret
from wxcube.server.shared_calls import SharedCalls
from wxcube.warehouse.store import Warehouse

APPS = [
    stored_app(),
    stored_app("app2", account="other"),
    stored_app("users", permission_sets=(2,)),
    stored_app("platform", permission_sets=(2,), is_platform=True),
    stored_app("near", addresses=("192.0.2.0/24", "2001:db8::1")),
    stored_app("daily", daily_limit=40),
    stored_app("minute", minute_limit=30),
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("apps") / "wxcube.db"
    with Warehouse.open(path) as warehouse:
        warehouse.apps.add(APPS)
    return path


@pytest.fixture
def pair(template: Path, tmp_path: Path) -> Iterator[list[SharedServer]]:
    with servers(Path(shutil.copyfile(template, tmp_path / "wxcube.db"))) as both:
        yield both


@pytest.fixture
def server(pair: list[SharedServer]) -> SharedServer:
    return pair[0]


# --- rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
@pytest.mark.parametrize(("appid", "errcode"), [("users", 48001), ("platform", 61007)])
def test_an_endpoint_without_its_permission_set_is_refused(
    server: SharedServer, appid: str, errcode: int, endpoint: Any
) -> None:
    code = server.code(server.token(appid)["access_token"], endpoint.name)
    assert (code == errcode) is (endpoint.permission_set != 2)


@pytest.mark.parametrize(
    ("client", "errcode"),
    [
        ("192.0.2.7", 0),
        ("2001:db8::1", 0),
        ("192.0.3.7", 40164),
        ("2001:db8::2", 40164),
        ("127.0.0.1", 40164),
        ("not an address", 40164),
    ],
)
def test_an_app_calls_only_from_its_addresses(
    server: SharedServer, client: str, errcode: int
) -> None:
    token = server.token("near", client="192.0.2.1")["access_token"]
    answer = server.token("near", client=client)
    assert answer.get("errcode", 0) == errcode
    assert server.code(token, client=client) == errcode
    if errcode:
        assert f"invalid ip {client} ipv6" in answer["errmsg"]


def test_a_wrong_secret_says_nothing_about_addresses(server: SharedServer) -> None:
    assert server.token("near", "wrong", client="203.0.113.1")["errcode"] == 40125


# --- quota and rate -------------------------------------------------------------------------------


def test_the_quota_of_a_day_holds_for_all_processes_together(pair: list[SharedServer]) -> None:
    token = pair[0].token("daily")["access_token"]
    codes = [server.code(token) for server in pair * 30]
    assert (codes.count(0), codes.count(45009)) == (40, 20)
    assert pair[0].code(token, "getusercumulate") == 0
    pair[0].clock.advance(timedelta(days=1))
    token = pair[0].token("daily")["access_token"]
    assert [server.code(token) for server in pair] == [0, 0]


def test_the_rate_of_a_minute_holds_for_all_processes_and_endpoints(
    pair: list[SharedServer],
) -> None:
    token = pair[0].token("minute")["access_token"]
    names = ["getusersummary", "getusercumulate"]
    codes = [server.code(token, name) for _ in range(12) for server in pair for name in names]
    assert (codes.count(0), codes.count(45011)) == (30, 18)
    pair[0].clock.advance(timedelta(minutes=1))
    assert [server.code(token) for server in pair] == [0, 0]


def test_the_quota_survives_a_restart(template: Path, tmp_path: Path) -> None:
    path = Path(shutil.copyfile(template, tmp_path / "wxcube.db"))
    answered = 0
    for _ in range(4):
        with servers(path, 1) as [server]:
            token = server.token("daily")["access_token"]
            answered += sum(server.code(token) == 0 for _ in range(15))
            server.access.calls.close()  # type: ignore[attr-defined]
    assert answered == 40


LIMITED_CALL = b'{"begin_date":"2026-03-09","end_date":"2026-03-09"}'


def limited_call(token: str) -> Request:
    return Request("POST", "/datacube/getusersummary", f"access_token={token}", LIMITED_CALL)


async def errcode_of(server: SharedServer, request: Request) -> int:
    return await finished(server.api.begin(request))


async def finished(reply: Reply) -> int:
    """The errcode of a reply, after waiting for it if it comes later."""
    whole = await reply.later.wait() if reply.later else reply
    return int(content(whole).get("errcode", 0))


def test_a_call_waits_for_its_batch_without_holding_up_the_event_loop(
    server: SharedServer,
) -> None:
    token = server.token("daily")["access_token"]
    gate = threading.Event()
    server.access._writes.later(lambda: gate.wait(20), list)

    async def calls() -> list[int]:
        waiting = [server.api.begin(limited_call(token)) for _ in range(5)]
        assert all(reply.later for reply in waiting)
        tasks = [asyncio.create_task(finished(reply)) for reply in waiting]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(calls()) == [0] * 5


def test_the_next_batch_is_taken_before_the_last_is_used_up(server: SharedServer) -> None:
    app = stored_app("large", daily_limit=400)
    server.warehouse.apps.add([app])
    server.access.refresh()
    token = server.token("large")["access_token"]
    calls = server.access.calls
    key = ("large", "/datacube/getusersummary", calls._day())
    assert server.code(token) == 0

    async def code() -> int:
        reply = server.api.begin(limited_call(token))
        assert reply.later is None
        return await finished(reply)

    assert [asyncio.run(code()) for _ in range(9)] == [0] * 9
    eventually(lambda: server.warehouse.apps.calls(key) == 40)
    for _ in range(390):
        assert server.code(token) == 0
    assert server.code(token) == 45009


def test_calls_with_a_limit_are_counted_alone_while_the_database_does_not_answer(
    server: SharedServer,
) -> None:
    token = server.token("daily")["access_token"]
    gate = threading.Event()
    server.access._writes.later(lambda: gate.wait(20), list)
    try:
        codes = [asyncio.run(errcode_of(server, limited_call(token))) for _ in range(3)]
    finally:
        gate.set()
    assert codes == [0, 0, 0]


def test_an_old_batch_keeps_the_call_that_is_about_to_be_counted(
    pair: list[SharedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_calls, "_BATCH_SECONDS", 0)
    one = pair[0]
    calls, app, gate = one.access.calls, one.access.directory.app("daily"), threading.Event()
    assert isinstance(calls, SharedCalls)
    assert app
    key = ("daily", "/datacube/getusersummary", calls._day())

    def set_aside_and_give_back() -> None:
        waits = calls.awaited(app, key[1])
        assert waits
        asyncio.run(waits())  # type: ignore[arg-type]
        calls.flush()
        calls._writes.result(lambda: None, 20)

    set_aside_and_give_back()
    assert one.warehouse.apps.calls(key) == 1
    calls._writes.later(lambda: gate.wait(20), list)
    try:
        calls.spend_call(app, key[1])
        # nothing was asked of the database, and nothing decided without it
        assert (calls._writes._waiting, calls._used) == (1, {})
    finally:
        gate.set()
    monkeypatch.setattr(shared_calls, "_MOMENT_SECONDS", 0)
    set_aside_and_give_back()
    assert one.warehouse.apps.calls(key) == 1


def test_a_batch_that_is_being_set_aside_is_not_set_aside_twice(
    pair: list[SharedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_calls, "_BATCH_SECONDS", 0)
    calls, gate = pair[0].access.calls, threading.Event()
    assert isinstance(calls, SharedCalls)
    key = ("daily", "/datacube/getusersummary", calls._day())
    calls.spend("daily", key[1], 40)
    calls._writes.later(lambda: gate.wait(20), list)
    try:
        taken = calls._begin_taking(key, 40)
        calls.flush()
        assert calls._begin_taking(key, 40) is taken
    finally:
        gate.set()


def test_processes_that_give_batches_back_all_the_time_keep_to_the_limit(
    pair: list[SharedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However looking, counting and giving back meet, no call waits where others wait for it."""
    monkeypatch.setattr(shared_calls, "_BATCH_SECONDS", 0.02)
    monkeypatch.setattr(shared_calls, "WAIT_SECONDS", 60)
    token = pair[0].token("daily")["access_token"]
    is_over, codes, waited = threading.Event(), list[int](), list[object]()
    for one in pair:
        monkeypatch.setattr(
            one.access._writes, "wait", lambda begun, _seconds: waited.append(begun)
        )

    def give_back(calls: SharedCalls) -> None:
        while not is_over.wait(0.001):
            calls.flush()

    def call(server: SharedServer) -> None:
        codes.extend(asyncio.run(errcode_of(server, limited_call(token))) for _ in range(40))

    returning = [threading.Thread(target=give_back, args=[one.access.calls]) for one in pair]
    calling = [threading.Thread(target=call, args=[one]) for one in pair]
    for thread in (*returning, *calling):
        thread.start()
    for thread in calling:
        thread.join()
    is_over.set()
    for thread in returning:
        thread.join()
    for one in pair:
        one.access.calls.close()  # type: ignore[attr-defined]
        one.access._writes._thread.submit(int).result()
    key = ("daily", "/datacube/getusersummary", pair[0].access.calls._day())
    assert pair[0].warehouse.apps.calls(key) == codes.count(0) <= 40
    assert set(codes) <= {0, 45009}
    assert waited == []


def test_calls_without_a_limit_are_counted_for_all_processes(pair: list[SharedServer]) -> None:
    token = pair[0].token()["access_token"]
    for server in pair * 3:
        server.code(token)
    for server in pair:
        server.access.calls.flush()  # type: ignore[attr-defined]
        server.access._writes._thread.submit(int).result()
    body = b'{"cgi_path":"/datacube/getusersummary"}'
    request = Request("POST", "/cgi-bin/openapi/quota/get", f"access_token={token}", body)
    assert content(pair[1].api.handle(request))["quota"]["used"] == 6


def test_who_comes_too_often_waits_for_the_next_request(server: SharedServer) -> None:
    codes = [server.code("guessed") for _ in range(TOKENS_OF_A_CALLER + 1)]
    assert codes[-1] == 45011
    reply = server.api.begin(limited_call("guessed"))
    assert (reply.errcode, reply.pause_seconds > 0) == (45011, True)
    assert server.api.begin(Request("GET", "/")).pause_seconds == 0


def test_a_cleared_quota_is_cleared_for_the_app(server: SharedServer) -> None:
    token = server.token("daily")["access_token"]
    assert [server.code(token) for _ in range(41)].count(45009) == 1
    body = b'{"cgi_path":"/datacube/getusersummary"}'
    request = Request("POST", "/cgi-bin/openapi/quota/clear", f"access_token={token}", body)
    assert content(server.api.handle(request))["errcode"] == 0
    assert server.code(token) == 0


# --- wrong secrets and tokens ---------------------------------------------------------------------


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def stopped(server: SharedServer, monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The clock of the failures, stopped at the beginning of a minute."""
    clock = ManualClock(NOW)
    monkeypatch.setattr(server.access.failures, "_clock", clock)
    return clock


def watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, str]]:
    """Secrets that are looked at, each with the hash that it is compared with."""
    compared: list[tuple[object, str]] = []

    def watched_is_secret(given: object, stored: str) -> bool:
        compared.append((given, stored))
        return is_secret(given, stored)

    monkeypatch.setattr("wxcube.server.authentication.is_secret", watched_is_secret)
    return compared


def test_ten_thousand_wrong_secrets_are_slowed_down_and_logged_once(
    server: SharedServer, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    clock, looked_at = stopped(server, monkeypatch), watched(monkeypatch)
    codes = [server.token("app1", f"wrong-{number}")["errcode"] for number in range(10_000)]
    assert codes == [40125] * SECRETS_A_MINUTE + [45011] * (10_000 - SECRETS_A_MINUTE)
    assert len(looked_at) == SECRETS_A_MINUTE
    # the right one does not help in this minute, or it could be guessed
    assert server.token("app1")["errcode"] == 45011
    [entry] = [one for one in logged if one["event"].startswith("login.throttled")]
    assert (entry["client"], entry["appid"]) == ("127.0.0.1", "app1")
    assert not [one for one in logged if "wrong-" in str(one) or SECRET in str(one)]
    clock.advance(timedelta(minutes=1))
    assert "access_token" in server.token("app1")


def test_other_callers_and_apps_are_not_held_up(
    server: SharedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(server, monkeypatch)
    server.token("app2")
    for number in range(SECRETS_OF_A_CALLER * 2):
        server.token(f"nobody{number}", "wrong")
    assert server.token("nobody", "wrong")["errcode"] == 45011
    assert server.token("app1")["errcode"] == 45011
    assert "access_token" in server.token("app2")
    assert "access_token" in server.token("app1", client="192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_a_caller_cannot_choose_another_address_of_its_own(
    server: SharedServer,
    monkeypatch: pytest.MonkeyPatch,
    one: str,
    other: str,
    is_same: bool,
) -> None:
    stopped(server, monkeypatch)
    for _ in range(SECRETS_A_MINUTE):
        server.token("app1", "wrong", client=one)
    assert ("errcode" in server.token("app1", client=other)) is is_same


def test_guessed_tokens_are_slowed_down_and_real_ones_are_not(
    server: SharedServer, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    stopped(server, monkeypatch)
    good = server.token()["access_token"]
    old = server.stable()["access_token"]
    server.stable(force=True)
    codes = [server.code(f"guess{number}") for number in range(TOKENS_OF_A_CALLER + 5)]
    assert codes == [40001] * TOKENS_OF_A_CALLER + [45011] * 5
    assert server.code(good) == 0
    # an honest caller learns that its token is over, however often it asks
    assert server.code(old) == 40001
    assert len([one for one in logged if one["event"].startswith("login.throttled")]) == 1


def test_what_failures_remember_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from wxcube.server.messages import Call

    monkeypatch.setattr("wxcube.server.failures._REMEMBERED", 50)
    failures = Failures(ManualClock(NOW))
    for number in range(1_000):
        client = f"192.0.{number % 250}.{number // 250}"
        call = Call(Request("GET", "/", client=client), NOW)
        failures.count_secret(call, f"app{number}" * 100, is_known=False)
        failures.forget(call, f"app{number}")
    assert len(failures._minutes) <= 50
    assert len(failures._known) <= 50
    assert max(len(part) for key in failures._minutes for part in key) <= 64


def test_a_wrong_secret_and_an_unknown_app_are_compared_alike(
    server: SharedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same work is done for both: one hash, and one comparison of equal length."""
    compared = watched(monkeypatch)
    server.token("app1", "wrong")
    server.token("nobody", "wrong")
    assert [(given, len(stored)) for given, stored in compared] == [("wrong", 97)] * 2


# --- methods --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/cgi-bin/token", "/cgi-bin/stable_token"])
def test_only_get_and_post_hand_out_tokens(server: SharedServer, method: str, path: str) -> None:
    query = f"grant_type=client_credential&appid=app1&secret={SECRET}"
    body = b'{"grant_type":"client_credential","appid":"app1","secret":"%s"}' % SECRET.encode()
    answer = content(server.api.handle(Request(method, path, query, body)))
    assert answer["errcode"] in {43001, 43002}
    assert "access_token" not in answer


def test_nothing_secret_is_logged(
    server: SharedServer, logged: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = server.token()["access_token"]
    for number in range(20):
        server.token("app1", f"{SECRET}{number}")
        server.code(f"{token}{number}")
    text = f"{logged}{caplog.text}"
    assert SECRET not in text
    assert token not in text
