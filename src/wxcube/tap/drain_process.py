"""The process that moves events from the spool to the event store.

The proxy goes on whatever happens here, and never waits: it is not slowed down by the admission of
events, and if this process is killed, another one takes over. It ends with the proxy's process.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import structlog

from wxcube import log
from wxcube.beijing import SystemClock
from wxcube.server.events_intake import open_store
from wxcube.settings import EventsSettings, Settings
from wxcube.tap.drain import Drain

_CHECK_SECONDS = 0.5
STABLE_SECONDS = 30.0
"""A process that runs for longer has started well."""
MAX_PAUSE = 60.0
_END_SECONDS = 60.0
_NICE = 10

_log = structlog.get_logger()
_spawning = get_context("spawn")


class Restarts:
    """How long to wait before a process that ended is started again."""

    def __init__(self) -> None:
        self.is_failing = False
        """Whether it ended and has not run well since."""
        self._pause = 0.0

    def pause(self) -> float:
        """Seconds after one more end: none at first, then twice as many each time."""
        pause, self.is_failing = self._pause, True
        self._pause = min(max(2 * pause, 1.0), MAX_PAUSE)
        return pause

    def succeed(self) -> None:
        """The process has run for some time."""
        self.is_failing, self._pause = False, 0.0


class DrainProcess:
    """Moves events of a spool in a process of its own, which is started again if it ends."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self._process: SpawnProcess | None = None
        self._end: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process."""
        ours, theirs = _spawning.Pipe()
        settings = self._settings
        level, is_json = settings.log_level, settings.log_json
        self._process = _spawning.Process(
            target=_main,
            args=(theirs, self._folder, settings.events, level, is_json),
            name="wxcube-drain",
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self._end = ours

    async def watch(self) -> None:
        """Start the process again whenever it ends, later and later if it ends at once."""
        restarts, time = Restarts(), asyncio.get_running_loop().time
        while True:
            started = time()
            while self._process and self._process.is_alive():
                await asyncio.sleep(_CHECK_SECONDS)
                if restarts.is_failing and time() - started > STABLE_SECONDS:
                    restarts.succeed()
                    _log.warning("tap.drain_back")
            is_reported, pause = restarts.is_failing, restarts.pause()
            if not is_reported:
                code = self._process.exitcode if self._process else None
                _log.error("tap.drain_ended", code=code, consequence="it is started again")
            await asyncio.sleep(pause)
            try:
                self.start()
            except OSError as error:
                # such as no memory for another process; the next attempt may succeed
                self._process = None
                if not is_reported:
                    _log.error("tap.drain_not_started", reason=error.strerror)

    def stop(self) -> None:
        """Let it store what there is, and wait until it ends.

        What it has not stored within a minute waits for the next tap, or for `wxcube tap drain`.
        """
        if self._process and not self._process.is_alive():
            with suppress(OSError):
                self.start()
        process, end = self._process, self._end
        self._process = self._end = None
        if end:
            end.close()
        if process:
            process.join(_END_SECONDS)
            if process.is_alive():
                process.kill()
                _log.warning("tap.drain_unfinished", spool=str(self._folder))


def _main(end: Connection, folder: Path, events: EventsSettings, level: str, is_json: bool) -> None:  # noqa: FBT001 - multiprocessing passes it so
    # Ctrl-C reaches this process too; the end of the proxy is what counts
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    log.configure(level, as_json=is_json)
    _yield_to_the_proxy()

    def is_over(seconds: float) -> bool:
        """Whether the proxy's process has closed its end, or has ended."""
        with suppress(OSError):
            return end.poll(seconds)
        return True

    Drain(folder, lambda: open_store(events, SystemClock())).run(is_over)


def _yield_to_the_proxy() -> None:
    """Let the proxy go first where both want to run."""
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with suppress(OSError):
        os.nice(_NICE)
