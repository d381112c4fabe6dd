"""Token sources: requests, caching, errors, and that no secret is shown."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.scripted import ReceivedRequest, ReplyContent, Scripted, in_turn
from wxcube.beijing import BEIJING, ManualClock
from wxcube.errors import (
    BusyError,
    CredentialError,
    QuotaError,
    Remedy,
    SettingsError,
    ShapeError,
    TransportError,
    WxcubeError,
)
from wxcube.wechat.token import (
    ClassicToken,
    CommandToken,
    FixedToken,
    StableToken,
    TokenSource,
    UrlToken,
)
from wxcube.wechat.transport import AsgiTransport

SECRET = "5ecret0f0ne5ecret0f0ne5ecret0f00"
APPID = "wx0123456789abcdef"
TOKEN_URL = f"https://tokens.example/{SECRET}/now?key={SECRET}"


def numbered() -> Callable[[ReceivedRequest], ReplyContent]:
    """token-1, token-2, … good for two hours."""
    numbers = iter(range(1, 1000))
    return lambda _: {"access_token": f"token-{next(numbers)}", "expires_in": 7200}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 10, 9, tzinfo=BEIJING))


def stable(server: Scripted, clock: ManualClock, **options: Any) -> StableToken:
    return StableToken(APPID, SECRET, AsgiTransport(server), clock=clock, **options)


async def test_stable_token_is_requested_in_normal_mode(clock: ManualClock) -> None:
    server = Scripted(numbered())
    assert await stable(server, clock).token() == "token-1"
    (request,) = server.journal
    assert (request.method, request.path, dict(request.query)) == (
        "POST",
        "/cgi-bin/stable_token",
        {},
    )
    assert request.content == {
        "grant_type": "client_credential",
        "appid": APPID,
        "secret": SECRET,
        "force_refresh": False,
    }


async def test_classic_token_is_requested_by_get(clock: ManualClock) -> None:
    server = Scripted(numbered())
    source = ClassicToken(APPID, SECRET, AsgiTransport(server), clock=clock)
    assert await source.token() == "token-1"
    (request,) = server.journal
    assert (request.method, request.path) == ("GET", "/cgi-bin/token")
    assert request.query == {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}


async def test_a_token_is_cached_until_five_minutes_before_it_expires(clock: ManualClock) -> None:
    server = Scripted(numbered())
    source = stable(server, clock)
    assert await source.token() == "token-1"
    clock.advance(timedelta(seconds=7200 - 301))
    assert await source.token() == "token-1"
    clock.advance(timedelta(seconds=2))
    assert await source.token() == "token-2"
    assert len(server.journal) == 2


@pytest.mark.parametrize("expires_in", [300, "300", 100, 1e300])
async def test_a_token_with_a_short_lifetime_is_cached_too(
    clock: ManualClock, expires_in: object
) -> None:
    server = Scripted(lambda _: {"access_token": "token", "expires_in": expires_in})
    source = stable(server, clock)
    for _ in range(5):
        await source.token()
        clock.advance(timedelta(seconds=9))
    assert len(server.journal) == 1


async def test_concurrent_callers_share_one_request(clock: ManualClock) -> None:
    server = Scripted(numbered(), delay_seconds=0.01)
    source = stable(server, clock)
    assert set(await asyncio.gather(*(source.token() for _ in range(50)))) == {"token-1"}
    renewed = await asyncio.gather(*(source.renew("token-1") for _ in range(50)))
    assert set(renewed) == {"token-2"}
    assert await source.renew("token-1") == "token-2"
    assert len(server.journal) == 2


async def test_cancelling_a_caller_does_not_cancel_the_others(clock: ManualClock) -> None:
    server = Scripted(numbered(), delay_seconds=0.02)
    source = stable(server, clock)
    impatient, patient = (asyncio.create_task(source.token()) for _ in range(2))
    await asyncio.sleep(0.005)
    impatient.cancel()
    assert await patient == "token-1"
    assert len(server.journal) == 1


async def test_callers_share_a_failure_and_the_next_one_retries(clock: ManualClock) -> None:
    server = Scripted(
        in_turn({"errcode": -1, "errmsg": "busy"}, numbered()(ReceivedRequest("", "", {}, b"")))
    )
    source = stable(server, clock)
    results = await asyncio.gather(*(source.token() for _ in range(9)), return_exceptions=True)
    assert {type(result) for result in results} == {BusyError}
    assert await source.token() == "token-1"
    assert len(server.journal) == 2


async def test_a_refused_token_is_replaced_only_with_force(clock: ManualClock) -> None:
    def same_unless_forced(request: ReceivedRequest) -> ReplyContent:
        return {
            "access_token": "new" if request.content["force_refresh"] else "old",
            "expires_in": 7200,
        }

    server = Scripted(same_unless_forced)
    assert await stable(server, clock).renew("old") == "old"
    assert [request.content["force_refresh"] for request in server.journal] == [False]
    assert await stable(server, clock, force=True).renew("old") == "new"
    assert [request.content["force_refresh"] for request in server.journal] == [False, False, True]


async def test_a_fixed_token_is_not_renewed(clock: ManualClock) -> None:
    source = FixedToken(" fixed-token\n")
    assert await source.token() == "fixed-token"
    assert await source.renew("fixed-token") == "fixed-token"


@pytest.mark.parametrize(
    "reply",
    [
        {"access_token": "token-1", "expires_in": 7200},
        {"access_token": "token-1"},
        b"token-1",
        b"  token-1\r\n",
        b'"token-1"',
        b"\xef\xbb\xbftoken-1",
    ],
)
async def test_a_url_returns_json_or_plain_text(reply: ReplyContent, clock: ManualClock) -> None:
    server = Scripted(lambda _: reply)
    source = UrlToken("https://tokens.example/now?key=a%2Fb", AsgiTransport(server), clock=clock)
    assert await source.token() == "token-1"
    assert await source.token() == "token-1"
    (request,) = server.journal
    assert (request.method, request.path, request.query) == ("GET", "/now", {"key": "a/b"})
    clock.advance(timedelta(days=1))
    await source.token()
    assert len(server.journal) == 2


@pytest.mark.parametrize("printed", ['{"access_token": "token-1", "expires_in": 7200}', "token-1"])
async def test_a_command_prints_json_or_plain_text(printed: str) -> None:
    source = CommandToken([sys.executable, "-c", f"print({printed!r})"])
    assert await source.token() == "token-1"


async def test_a_command_runs_without_a_shell() -> None:
    source = CommandToken(
        [sys.executable, "-c", "import sys; print(len(sys.argv[1]))", "$HOME; ls"]
    )
    assert await source.token() == "9"


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errcode", "errmsg", "kind", "expected"),
    [
        (40001, "invalid credential", CredentialError, "AppSecret"),
        ("40125", "invalid appsecret", CredentialError, "secret"),
        (40013, "invalid appid", CredentialError, "40013"),
        (40164, "invalid ip 1.2.3.4, not in whitelist", CredentialError, "1.2.3.4"),
        (45009, "reach max api daily quota limit", QuotaError, "45009"),
        (-1, "system error", BusyError, "-1"),
    ],
)
async def test_an_errcode_has_a_hint(
    errcode: object, errmsg: str, kind: type[WxcubeError], expected: str, clock: ManualClock
) -> None:
    server = Scripted(lambda _: {"errcode": errcode, "errmsg": errmsg})
    with pytest.raises(kind) as caught:
        await stable(server, clock).token()
    assert type(caught.value) is kind
    assert expected in str(caught.value)
    assert "/cgi-bin/stable_token" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"", TransportError),
        (502, TransportError),
        (404, ShapeError),
        (403, ShapeError),
        (b"<html></html>", ShapeError),
        (b"two words", ShapeError),
        ({}, ShapeError),
        ({"access_token": ""}, ShapeError),
        ({"access_token": 5}, ShapeError),
        ({"access_token": "token", "expires_in": "soon"}, ShapeError),
        (b'{"access_token": ' + b"[" * 100_000, ShapeError),
        (b'{"access_token": "tok', ShapeError),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_reply_without_a_token_is_an_error(
    reply: ReplyContent, kind: type[WxcubeError], clock: ManualClock
) -> None:
    source = UrlToken(TOKEN_URL, AsgiTransport(Scripted(lambda _: reply)), clock=clock)
    with pytest.raises(kind) as caught:
        await source.token()
    assert "https://tokens.example" in str(caught.value)
    assert_hidden(caught.value)


@pytest.mark.parametrize(
    ("command", "limit", "expected"),
    [
        (["no-such-program-anywhere", SECRET], 60, "No such file"),
        ([sys.executable, "-c", f"import sys; sys.exit('{SECRET}')"], 60, "exit code 1"),
        ([sys.executable, "-c", f"import time; time.sleep(60); '{SECRET}'"], 0.2, "0.2 s"),
    ],
)
async def test_the_error_of_a_command_does_not_show_its_arguments(
    command: list[str], limit: float, expected: str
) -> None:
    with pytest.raises(SettingsError, match=expected) as caught:
        await CommandToken(command, timeout_seconds=limit).token()
    assert "run it yourself" in str(caught.value)
    assert_hidden(caught.value)


async def test_the_output_of_a_command_is_not_shown() -> None:
    with pytest.raises(ShapeError) as caught:
        await CommandToken([sys.executable, "-c", f"print('no token:', '{SECRET}')"]).token()
    assert_hidden(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: StableToken("", SECRET),
        lambda: StableToken(APPID, "  "),
        lambda: ClassicToken("", ""),
        lambda: FixedToken(" "),
        lambda: FixedToken("two words"),
        lambda: CommandToken([]),
        lambda: CommandToken("echo token"),
        lambda: UrlToken(f"tokens.example/{SECRET}"),
        lambda: UrlToken(f"file:///{SECRET}"),
        lambda: UrlToken(f"http://[{SECRET}"),
        lambda: UrlToken(f"http://host:99999/{SECRET}"),
        lambda: UrlToken(f"http://tokens.example/{SECRET}"),
    ],
)
def test_invalid_arguments_of_sources_are_refused(make: Callable[[], TokenSource]) -> None:
    with pytest.raises(SettingsError) as caught:
        make()
    assert caught.value.hint
    assert caught.value.remedy is Remedy.STOP
    assert_hidden(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        StableToken(APPID, SECRET),
        ClassicToken(APPID, SECRET),
        FixedToken(SECRET),
        UrlToken(f"https://user:{SECRET}@tokens.example/{SECRET}"),
        CommandToken(["/usr/bin/pass", SECRET]),
    ],
    ids=lambda source: type(source).__name__,
)
def test_a_repr_does_not_show_the_secret(source: TokenSource) -> None:
    assert SECRET not in repr(source)
    assert SECRET not in str(source)
    assert type(source).__name__ in repr(source)


def assert_hidden(error: BaseException) -> None:
    """Check that neither the error, nor its causes, nor the traceback show the secret."""
    chain: BaseException | None = error
    while chain is not None:
        assert SECRET not in str(chain)
        assert SECRET not in repr(chain)
        chain = chain.__cause__ or chain.__context__
    shown = "".join(traceback.format_exception(error))
    assert SECRET not in "".join(line for line in shown.splitlines() if "Error" in line)
