"""The tap as a running service: recorder, spool and event store around the proxy."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wxcube.beijing import Clock
from wxcube.events.columns import shown_user, user_number
from wxcube.events.store.keys import load_keys
from wxcube.settings import Settings
from wxcube.tap.accounts import TappedAccounts
from wxcube.tap.drain_process import DrainProcess
from wxcube.tap.mapping import HashUser
from wxcube.tap.proxy import Relay, Upstream, event_loop, prepare_process, serve
from wxcube.tap.recorder import Recorder
from wxcube.tap.spool import Spool, line_of


@dataclass(frozen=True)
class Service:
    """A tap that records."""

    recorder: Recorder
    spool: Spool
    drain: DrainProcess

    def run(
        self, listener: socket.socket, to: str, on_ready: Callable[[], None] = lambda: None
    ) -> None:
        """Serve until Ctrl-C or SIGTERM: as a proxy in front of `to`, or without it as a mirror."""
        prepare_process()
        loop = event_loop()
        try:
            loop.run_until_complete(self._serve(listener, to, on_ready))
        finally:
            loop.close()

    async def _serve(self, listener: socket.socket, to: str, on_ready: Callable[[], None]) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            # only the main thread may handle signals; a test ends the service otherwise
            with suppress(ValueError, RuntimeError, NotImplementedError):
                loop.add_signal_handler(one, stopped.set)
        upstream = Upstream.of(to) if to else None
        watch = asyncio.create_task(self.drain.watch())
        await serve(Relay(self.recorder, self.spool.flush, upstream), listener, stopped, on_ready)
        watch.cancel()


@contextmanager
def service(
    accounts: TappedAccounts,
    spool_folder: Path,
    settings: Settings,
    hash_user: HashUser,
    clock: Clock,
) -> Iterator[Service]:
    """A service whose spool is moved to the event store meanwhile, and once more at the end.

    Raises:  EventStoreError if the spool cannot be used.
    """
    spool = Spool(spool_folder)

    def write(event: Mapping[str, Any]) -> None:
        spool.add(line_of(event))

    recorder = Recorder(accounts, hash_user, clock, write, settings.tap.message_bytes)
    drain = DrainProcess(spool_folder, settings)
    try:
        drain.start()
        yield Service(recorder, spool, drain)
    finally:
        # without a writer the last file of the spool can be removed too
        spool.close()
        drain.stop()


def user_hasher(folder: Path, user_key: str) -> HashUser:
    """The function that hashes openids as the event store of a folder does.

    Raises:  EventStoreError if there is no store, or its keys cannot be read.
    """
    key = load_keys(folder, user_key).users

    def hash_user(openid: str) -> str:
        return shown_user(user_number(openid, key))

    return hash_user
