"""POST /events: who may send, what a batch is answered, and that many at once lose nothing."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from support.event_files import NOW, PLANTED, lines, message, opened, some, total
from support.full_disk import files_no_larger_than
from wxcube.beijing import ManualClock
from wxcube.cli.commands.context import Context
from wxcube.cli.commands.servers import _taking_events
from wxcube.events.intake.batches import OnError
from wxcube.events.intake.body import take_body
from wxcube.events.intake.lines import MOST_LINES
from wxcube.events.store import EventStore
from wxcube.server.events_api import EventsApi, Head, with_events
from wxcube.server.http import RunningServer, asgi
from wxcube.settings import EventsSettings, Secret
from wxcube.testing import RunningEmulator

TOKEN = "a-token-of-32-characters-0123456"
LIMIT = 1 << 19
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with opened(tmp_path / "events") as one:
        yield one


@pytest.fixture
def url(store: EventStore) -> Iterator[str]:
    class Nothing:
        def answer(self, _request: Any) -> Any:
            raise AssertionError("only /events is asked here")

    with RunningServer(with_events(asgi(Nothing()), EventsApi(store, Secret(TOKEN), LIMIT))) as it:
        yield f"{it.url}/events"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as one:
        yield one


async def post(
    session: aiohttp.ClientSession, url: str, body: bytes, **changed: str
) -> tuple[int, dict[str, Any]]:
    headers = HEADERS | {name.replace("_", "-"): value for name, value in changed.items()}
    async with session.post(url, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_batch_is_stored(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    assert await post(session, url, lines(some(2_000))) == (200, {"accepted": 2_000, "refused": 0})
    store.compact()
    assert total(store) == 2_000


async def test_a_batch_sent_again_counts_once(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    for _ in range(3):
        await post(session, url, lines(some(100)))
    store.compact()
    assert total(store) == 100


async def test_a_bad_line_rejects_the_batch(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    status, answer = await post(session, url, lines([message(1)]) + b"{}\nx\n")
    assert status == 422
    assert (answer["accepted"], answer["refused"]) == (0, 2)
    assert [one["line"] for one in answer["errors"]] == [2, 3]
    assert "`event`" in answer["errors"][0]["reason"]
    store.compact()
    assert total(store) == 0
    assert not (store.folder / "dead").exists()


async def test_a_bad_line_is_left_out_if_the_caller_wants_so(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    body = lines([message(1)]) + b'{"user":"%s"}\n' % PLANTED.encode()
    status, answer = await post(session, f"{url}?on_error=skip", body)
    assert (status, answer["accepted"], answer["refused"]) == (200, 1, 1)
    assert PLANTED not in str(answer)
    letter = (store.folder / "dead" / answer["dead_letters"]).read_text()
    assert '"line":2' in letter
    assert PLANTED not in letter


async def test_of_very_many_bad_lines_the_first_are_told_and_all_are_kept(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    good = lines([message(number) for number in range(3)])
    body = good + b"1\n" * 100_000 + good
    for query, expected in (("", 422), ("?on_error=skip", 200)):
        status, answer = await post(session, url + query, body)
        assert (status, answer["refused"]) == (expected, 100_000)
        assert [one["line"] for one in answer["errors"]] == list(range(4, 104))
    assert answer["accepted"] == 6
    letter = (store.folder / "dead" / answer["dead_letters"]).read_bytes().splitlines()
    told = [msgspec.json.decode(line)["line"] for line in letter]
    assert told == list(range(4, 100_004))
    store.compact()
    assert total(store) == 3


def test_very_many_bad_lines_are_not_all_in_memory(store: EventStore) -> None:
    body = b"1\n" * 200_000
    for on_error in OnError:
        tracemalloc.start()
        try:
            assert take_body(store, body, on_error, "test").refused_count == 200_000
            # all at once they took 100 MiB
            assert tracemalloc.get_traced_memory()[1] < 30 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("number", [1, MOST_LINES - 1, MOST_LINES, MOST_LINES + 1, MOST_LINES * 2])
def test_a_body_of_any_number_of_lines_is_whole(store: EventStore, number: int) -> None:
    body = lines([message(place) for place in range(number - 1)]) + b"{}"
    for end in (b"", b"\n"):
        taken = take_body(store, body + end, OnError.SKIP, "test")
        assert (taken.accepted, [one.line for one in taken.refused]) == (number - 1, [number])
    for written in taken.written:
        written.result(10)
    store.compact()
    assert total(store) == number - 1


REFUSED: list[tuple[dict[str, str], str, int]] = [
    ({"Authorization": "Bearer wrong"}, "", 401),
    ({"Authorization": TOKEN}, "", 401),
    ({"Authorization": ""}, "", 401),
    ({"Authorization": f"Basic {TOKEN}"}, "", 401),
    ({"Content_Type": "text/plain"}, "", 415),
    ({"Content_Encoding": "gzip"}, "", 415),
    ({}, "?on_error=maybe", 400),
]


@pytest.mark.parametrize(("changed", "query", "status"), REFUSED)
async def test_who_and_what_is_not_let_in(
    session: aiohttp.ClientSession,
    url: str,
    store: EventStore,
    changed: dict[str, str],
    query: str,
    status: int,
) -> None:
    found, answer = await post(session, url + query, lines([message(1)]), **changed)
    assert (found, answer["accepted"]) == (status, 0)
    assert TOKEN not in str(answer)
    store.compact()
    assert total(store) == 0


ACCEPTED: list[tuple[dict[str, str], bytes]] = [
    ({"Content_Type": "Application/X-NDJSON; charset=UTF-8"}, b""),
    ({"Content_Type": "application/JSONL"}, b""),
    ({"Content_Encoding": "Identity"}, b""),
    ({"Authorization": f"bearer {TOKEN}"}, b""),
    ({}, b"\xef\xbb\xbf"),
]


@pytest.mark.parametrize(("changed", "before"), ACCEPTED)
async def test_letters_of_any_size_and_a_mark_of_byte_order_are_taken(
    session: aiohttp.ClientSession, url: str, changed: dict[str, str], before: bytes
) -> None:
    status, answer = await post(session, url, before + lines([message(1)]), **changed)
    assert (status, answer["accepted"]) == (200, 1)


async def test_a_token_may_have_any_letters(
    session: aiohttp.ClientSession, store: EventStore
) -> None:
    async def nothing(*_: object) -> None:
        """Only /events is asked."""

    token = "三月的变化-0123456789"
    with RunningServer(with_events(nothing, EventsApi(store, Secret(token), LIMIT))) as server:
        for given, expected in ((token, 200), (token[1:], 401)):
            url = f"{server.url}/events"
            shown = {"Authorization": f"Bearer {given}"}
            assert (await post(session, url, lines([message(1)]), **shown))[0] == expected


async def test_only_post_is_answered(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(url, headers=HEADERS) as answer:
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_body_beyond_the_limit_is_refused(
    session: aiohttp.ClientSession, url: str, *, is_told: bool
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * (LIMIT // 16)

    body: Any = b" " * (LIMIT + 1) if is_told else parts()
    status, answer = await post(session, url, body)
    assert status == 413
    assert str(LIMIT) in answer["error"]


async def test_the_largest_body_is_taken(session: aiohttp.ClientSession, url: str) -> None:
    one = lines([message(1)])
    status, answer = await post(session, url, one + b" " * (LIMIT - len(one)))
    assert (status, answer["accepted"]) == (200, 1)


async def test_an_empty_batch_is_no_error(session: aiohttp.ClientSession, url: str) -> None:
    assert await post(session, url, b"") == (200, {"accepted": 0, "refused": 0})


async def test_a_full_disk_is_told_and_passes(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    with files_no_larger_than(5_000):
        status, answer = await post(session, url, lines(some(1_000)))
    assert (status, answer["accepted"]) == (503, 0)
    assert "free space" in answer["error"]
    assert (await post(session, url, lines(some(1_000))))[0] == 200
    store.compact()
    assert total(store) == 1_000


async def test_a_thousand_single_events_at_once_lose_nothing(url: str, store: EventStore) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        answers = await asyncio.gather(
            *(post(session, url, lines([message(number)])) for number in range(1_000))
        )
    assert all(one == (200, {"accepted": 1, "refused": 0}) for one in answers)
    store.compact()
    assert total(store) == 1_000


async def test_batches_and_compactions_at_once_lose_nothing(url: str, store: EventStore) -> None:
    async def compact() -> None:
        for _ in range(4):
            await asyncio.to_thread(store.compact)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(
            compact(), *(post(session, url, lines(some(50, seed=n))) for n in range(40))
        )
    store.compact()
    assert total(store) == 2_000


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_head_hides_what_it_says() -> None:
    head = Head("POST", f"access_token={TOKEN}", {"authorization": TOKEN})
    assert TOKEN not in repr(head)


def test_serve_takes_events_beside_wechats_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WXCUBE_EVENTS_TOKEN", TOKEN)
    monkeypatch.setenv("WXCUBE_EVENTS__COMPACT_MINUTES", "0.002")
    root = Context({}, ManualClock(NOW))
    assert root.settings.events == EventsSettings(compact_minutes=0.002)

    async def send(url: str) -> int:
        async with aiohttp.ClientSession() as session:
            status, _ = await post(session, f"{url}/events", lines(some(100)))
            async with session.get(f"{url}/cgi-bin/token") as answer:
                assert "errcode" in await answer.json(content_type=None)
            with opened(tmp_path / "events", groups=8) as store:
                await asyncio.to_thread(wait_until, lambda: total(store) == 100)
        return status

    with (
        RunningEmulator(days=2) as emulator,
        _taking_events(emulator.emulator.asgi, root) as app,
        RunningServer(app) as server,
    ):
        assert asyncio.run(send(server.url)) == 200


def test_without_a_token_the_server_takes_no_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WXCUBE_EVENTS_TOKEN", raising=False)
    root = Context({}, ManualClock(NOW))

    async def app(*_: Any) -> None:
        """Stands for the server's own application."""

    with _taking_events(app, root) as taken:
        assert taken is app
    assert not (tmp_path / "events").exists()
