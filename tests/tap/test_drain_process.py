"""A process that ends is started again: at once, and later and later if it ends soon."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.polling import eventually
from wxcube.settings import Settings
from wxcube.tap.drain_process import MAX_PAUSE, DrainProcess, Restarts


def test_pauses_grow_until_the_process_has_run_well() -> None:
    restarts = Restarts()
    assert [restarts.pause() for _ in range(9)] == [0, 1, 2, 4, 8, 16, 32, MAX_PAUSE, MAX_PAUSE]
    restarts.succeed()
    assert restarts.pause() == 0


class Processes:
    """Stands for the processes that are started: each ends when it is told to."""

    def __init__(self, *lives: float) -> None:
        self.now, self.ends, self.lives = 0.0, 0.0, list(lives)
        self.started: list[float] = []
        self.exitcode = -9

    def start(self) -> None:
        self.started.append(self.now)
        self.ends = self.now + self.lives.pop(0)

    def is_alive(self) -> bool:
        return self.now < self.ends


def test_one_that_ends_at_once_is_said_once_and_costs_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = Processes(100, 0, 0, 0, 0, 0, 0, 100, 100)
    drain = DrainProcess(tmp_path, Settings())

    def start() -> None:
        processes.start()
        drain._process = processes  # type: ignore[assignment]

    async def sleep(seconds: float) -> None:
        processes.now += seconds
        if len(processes.started) == 9:
            raise asyncio.CancelledError

    async def main() -> None:
        monkeypatch.setattr(drain, "start", start)
        monkeypatch.setattr("wxcube.tap.drain_process.asyncio.sleep", sleep)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: processes.now)
        drain.start()
        await drain.watch()

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert processes.started == [0, 100, 101, 103, 107, 115, 131, 163, 263]
    assert [one["event"] for one in logs] == [
        "tap.drain_ended", "tap.drain_back", "tap.drain_ended",
    ]  # fmt: skip


def test_a_lock_that_cannot_be_used_ends_no_process(tmp_path: Path) -> None:
    """The drain waits and tries again, as for a store that cannot be used."""
    lock = tmp_path / "drain.lock"
    lock.mkdir()
    drain = DrainProcess(tmp_path, Settings())
    drain.start()
    try:
        pid = drain.pid
        eventually((tmp_path / "drain.lock").exists)
        lock.rmdir()
        eventually(lock.is_file)
        assert drain.pid == pid
    finally:
        drain.stop()
