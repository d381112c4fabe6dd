"""POST /events: authorization, responses, and concurrent batches without loss."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from support.event_files import (
    NOW,
    PLANTED,
    count_events,
    lines,
    message,
    open_store,
    sample_events,
)
from support.full_disk import files_no_larger_than
from support.polling import eventually
from wxcube.beijing import ManualClock
from wxcube.cli.commands.context import Context
from wxcube.cli.commands.servers import _event_intake
from wxcube.events.intake.batches import OnError
from wxcube.events.intake.body import BATCH_LINES, ingest_body
from wxcube.events.store.store import EventStore
from wxcube.server.events_api import EventsApi, RequestHead, with_events
from wxcube.server.http import RunningServer, asgi
from wxcube.settings import EventsSettings, Secret
from wxcube.testing import RunningEmulator

TOKEN = "a-token-of-32-characters-0123456"
LIMIT = 1 << 19
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with open_store(tmp_path / "events") as one:
        yield one


@pytest.fixture
def url(store: EventStore) -> Iterator[str]:
    class Nothing:
        def handle(self, _request: Any) -> Any:
            raise AssertionError("only /events is requested here")

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
    assert await post(session, url, lines(sample_events(2_000))) == (
        200,
        {"accepted": 2_000, "refused": 0},
    )
    store.compact()
    assert count_events(store) == 2_000


async def test_a_batch_sent_again_is_stored_once(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    for _ in range(3):
        await post(session, url, lines(sample_events(100)))
    store.compact()
    assert count_events(store) == 100


async def test_an_invalid_line_rejects_the_batch(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    status, answer = await post(session, url, lines([message(1)]) + b"{}\nx\n")
    assert status == 422
    assert (answer["accepted"], answer["refused"]) == (0, 2)
    assert [one["line"] for one in answer["errors"]] == [2, 3]
    assert "`event`" in answer["errors"][0]["reason"]
    store.compact()
    assert count_events(store) == 0
    assert not (store.folder / "dead").exists()


async def test_an_invalid_line_is_skipped_on_request(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    body = lines([message(1)]) + b'{"user":"%s"}\n' % PLANTED.encode()
    status, answer = await post(session, f"{url}?on_error=skip", body)
    assert (status, answer["accepted"], answer["refused"]) == (200, 1, 1)
    assert PLANTED not in str(answer)
    dead_letters = (store.folder / "dead" / answer["dead_letters"]).read_text()
    assert '"line":2' in dead_letters
    assert PLANTED not in dead_letters


async def test_the_first_of_many_invalid_lines_are_reported_and_all_are_stored(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    good = lines([message(number) for number in range(3)])
    body = good + b"1\n" * 10_000 + good
    for query, expected in (("", 422), ("?on_error=skip", 200)):
        status, answer = await post(session, url + query, body)
        assert (status, answer["refused"]) == (expected, 10_000)
        assert [one["line"] for one in answer["errors"]] == list(range(4, 104))
    assert answer["accepted"] == 6
    dead_letters = (store.folder / "dead" / answer["dead_letters"]).read_bytes().splitlines()
    line_numbers = [msgspec.json.decode(line)["line"] for line in dead_letters]
    assert line_numbers == list(range(4, 10_004))
    store.compact()
    assert count_events(store) == 3


@pytest.mark.parametrize("query", ["", "?on_error=skip"])
async def test_a_batch_of_too_many_invalid_lines_is_cut_short(
    session: aiohttp.ClientSession, url: str, store: EventStore, query: str
) -> None:
    body = lines([message(1)]) + b"x\n" * ((LIMIT - 1_000) // 2)
    used = time.process_time()
    status, answer = await post(session, url + query, body)
    assert time.process_time() - used < 10
    assert (status, answer["accepted"]) == (422, 0)
    assert 10_000 < answer["refused"] < 30_000
    assert "too many lines are invalid" in answer["error"]
    assert "dead_letters" not in answer
    store.compact()
    assert count_events(store) == 0


def test_many_invalid_lines_are_not_all_in_memory(store: EventStore) -> None:
    body = b"1\n" * 200_000
    for on_error in OnError:
        tracemalloc.start()
        try:
            assert ingest_body(store, body, on_error, "test", 200_000).refused_count == 200_000
            # all of them would take 100 MiB
            assert tracemalloc.get_traced_memory()[1] < 30 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "number", [1, BATCH_LINES - 1, BATCH_LINES, BATCH_LINES + 1, BATCH_LINES * 2]
)
def test_a_body_of_any_number_of_lines_is_stored_completely(store: EventStore, number: int) -> None:
    body = lines([message(place) for place in range(number - 1)]) + b"{}"
    for end in (b"", b"\n"):
        ingested = ingest_body(store, body + end, OnError.SKIP, "test", 1)
        assert (ingested.accepted, [one.line for one in ingested.refused]) == (number - 1, [number])
    for durable in ingested.written:
        durable.result(120)
    store.compact()
    assert count_events(store) == number - 1


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
async def test_unauthorized_and_unsupported_requests_are_refused(
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
    assert count_events(store) == 0


ACCEPTED: list[tuple[dict[str, str], bytes]] = [
    ({"Content_Type": "Application/X-NDJSON; charset=UTF-8"}, b""),
    ({"Content_Type": "application/JSONL"}, b""),
    ({"Content_Encoding": "Identity"}, b""),
    ({"Authorization": f"bearer {TOKEN}"}, b""),
    ({}, b"\xef\xbb\xbf"),
]


@pytest.mark.parametrize(("changed", "before"), ACCEPTED)
async def test_headers_in_any_case_and_a_byte_order_mark_are_accepted(
    session: aiohttp.ClientSession, url: str, changed: dict[str, str], before: bytes
) -> None:
    status, answer = await post(session, url, before + lines([message(1)]), **changed)
    assert (status, answer["accepted"]) == (200, 1)


async def test_a_token_may_have_any_characters(
    session: aiohttp.ClientSession, store: EventStore
) -> None:
    async def nothing(*_: object) -> None:
        """Only /events is requested."""

    token = "三月的变化-0123456789"
    with RunningServer(with_events(nothing, EventsApi(store, Secret(token), LIMIT))) as server:
        for given, expected in ((token, 200), (token[1:], 401)):
            url = f"{server.url}/events"
            shown = {"Authorization": f"Bearer {given}"}
            assert (await post(session, url, lines([message(1)]), **shown))[0] == expected


async def test_only_post_is_allowed(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(url, headers=HEADERS) as answer:
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_body_beyond_the_limit_is_refused(
    session: aiohttp.ClientSession, url: str, *, has_length: bool
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * (LIMIT // 16)

    body: Any = b" " * (LIMIT + 1) if has_length else parts()
    status, answer = await post(session, url, body)
    assert status == 413
    assert str(LIMIT) in answer["error"]


async def test_the_largest_body_is_accepted(session: aiohttp.ClientSession, url: str) -> None:
    one = lines([message(1)])
    status, answer = await post(session, url, one + b" " * (LIMIT - len(one)))
    assert (status, answer["accepted"]) == (200, 1)


async def test_an_empty_batch_is_not_an_error(session: aiohttp.ClientSession, url: str) -> None:
    assert await post(session, url, b"") == (200, {"accepted": 0, "refused": 0})


async def test_a_full_disk_is_reported_and_temporary(
    session: aiohttp.ClientSession, url: str, store: EventStore
) -> None:
    with files_no_larger_than(5_000):
        status, answer = await post(session, url, lines(sample_events(1_000)))
    assert (status, answer["accepted"]) == (503, 0)
    assert "free space" in answer["error"]
    assert (await post(session, url, lines(sample_events(1_000))))[0] == 200
    store.compact()
    assert count_events(store) == 1_000


async def test_a_thousand_concurrent_events_are_all_stored(url: str, store: EventStore) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        answers = await asyncio.gather(
            *(post(session, url, lines([message(number)])) for number in range(1_000))
        )
    assert all(one == (200, {"accepted": 1, "refused": 0}) for one in answers)
    store.compact()
    assert count_events(store) == 1_000


async def test_batches_during_compactions_are_all_stored(url: str, store: EventStore) -> None:
    async def compact() -> None:
        for _ in range(4):
            await asyncio.to_thread(store.compact)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(
            compact(), *(post(session, url, lines(sample_events(50, seed=n))) for n in range(40))
        )
    store.compact()
    assert count_events(store) == 2_000


def test_repr_of_a_request_hides_query_and_headers() -> None:
    head = RequestHead("POST", f"access_token={TOKEN}", {"authorization": TOKEN})
    assert TOKEN not in repr(head)


def test_serve_accepts_events_and_wechats_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WXCUBE_EVENTS_TOKEN", TOKEN)
    monkeypatch.setenv("WXCUBE_EVENTS__COMPACT_MINUTES", "0.002")
    root = Context({}, ManualClock(NOW))
    assert root.settings.events == EventsSettings(compact_minutes=0.002)

    async def send(url: str) -> int:
        async with aiohttp.ClientSession() as session:
            status, _ = await post(session, f"{url}/events", lines(sample_events(100)))
            async with session.get(f"{url}/cgi-bin/token") as answer:
                assert "errcode" in await answer.json(content_type=None)
            with open_store(tmp_path / "events", groups=8) as store:
                await asyncio.to_thread(eventually, lambda: count_events(store) == 100)
        return status

    with RunningEmulator(days=2) as emulator, _event_intake(root) as events:
        assert events
        with RunningServer(with_events(emulator.emulator.asgi, events)) as server:
            assert asyncio.run(send(server.url)) == 200


def test_without_a_token_the_server_accepts_no_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WXCUBE_EVENTS_TOKEN", raising=False)
    root = Context({}, ManualClock(NOW))

    with _event_intake(root) as events:
        assert events is None
    assert not (tmp_path / "events").exists()
