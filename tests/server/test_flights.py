"""Work on a few threads: in a limited time, handed over together, and never held up by one piece."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

import pytest

from wxcube.server.flights import Flights, Threads

T = TypeVar("T")


def running(work: Coroutine[Any, Any, T]) -> T:
    async def limited() -> T:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(limited())


@pytest.mark.parametrize("is_brief", [True, False])
def test_all_work_is_done_once_and_errors_are_those_of_the_work(is_brief: bool) -> None:
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        return 100 // number

    async def all_of_it() -> list[Any]:
        threads = Threads(3, 30, is_brief=is_brief)
        results = [threads.run(partial(work, number)) for number in range(200)]
        found = await asyncio.gather(*results, return_exceptions=True)
        threads.close()
        return found

    found = running(all_of_it())
    assert isinstance(found[0], ZeroDivisionError)
    assert found[1:] == [100 // number for number in range(1, 200)]
    assert sorted(done) == list(range(200))


@pytest.mark.parametrize("is_brief", [True, False])
def test_a_piece_that_takes_long_holds_up_none_before_or_after_it(is_brief: bool) -> None:
    is_over = threading.Event()

    async def around_it() -> None:
        threads = Threads(2, 30, is_brief=is_brief)
        before = [threads.run(lambda: 1) for _piece in range(3)]
        long = threads.run(is_over.wait)
        after = [threads.run(lambda: 2) for _piece in range(3)]
        assert await asyncio.gather(*before, *after) == [1, 1, 1, 2, 2, 2]
        assert not long.done()
        is_over.set()
        assert await long
        threads.close()

    running(around_it())


def test_work_that_is_late_fails_and_is_not_begun_afterwards() -> None:
    is_over, begun = threading.Event(), list[str]()

    async def late() -> None:
        threads = Threads(1, 0.2)
        long = threads.run(is_over.wait)
        waiting = threads.run(lambda: begun.append("waiting"))
        for result in (long, waiting):
            with pytest.raises(TimeoutError):
                await result
        given_up = threads.run(lambda: begun.append("given up"))
        given_up.cancel()
        last = threads.run(lambda: begun.append("last"))
        is_over.set()
        await last
        threads.close()

    running(late())
    assert begun == ["last"]


def test_those_who_ask_for_the_same_share_a_flight() -> None:
    async def shared() -> None:
        flights, loop = Flights(), asyncio.get_running_loop()
        first = flights.get("key", loop.create_future)
        assert flights.get("key", loop.create_future) is first
        first.set_result(7)
        await asyncio.sleep(0)
        assert len(flights) == 0
        second = flights.get("key", loop.create_future)
        assert second is not first
        await flights.close()
        assert second.cancelled()

    running(shared())
