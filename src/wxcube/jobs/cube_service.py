"""Builds in the background: the rows of the running day, while a server runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Self

import structlog

from wxcube.beijing import Clock, day_of
from wxcube.cube.incremental.progress import Progress
from wxcube.errors import BuildRunningError, WxcubeError
from wxcube.events.store.layout import FORMAT
from wxcube.events.store.store import EventStore
from wxcube.jobs.cube_build import build
from wxcube.jobs.cube_engine import choose
from wxcube.server.events_intake import open_store
from wxcube.settings import CubeSettings, EventsSettings
from wxcube.warehouse.store import Warehouse

_log = structlog.get_logger()


class _StoppedError(Exception):
    """The service ends while a build runs."""


@dataclass
class CubeService:
    """Builds through the running day whenever events were added; a context manager.

    Between two looks at the event store are `cube.refresh_seconds`; with 0 there are none. The
    store may be created later, by another process too. Only the engine inside this process is
    used: others take too long to start.
    """

    events: EventsSettings
    cube: CubeSettings
    warehouse: Warehouse
    clock: Clock
    _stopped: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _built: tuple[date, dict[tuple[date, int], int]] | None = field(default=None, init=False)
    """The running day of the last build, and the revisions of the partitions."""
    _reported: set[str] = field(default_factory=set, init=False)
    """Problems that were logged since the last look without any, each once."""
    _is_left_to_another: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        if self.cube.refresh_seconds and self.cube.engine == "duckdb":
            self._thread = threading.Thread(target=self._work, name="wxcube-cube", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; a running build is stopped, and the next one resumes it."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._look():
                    self._reported.clear()
            except _StoppedError:
                return
            except BuildRunningError:
                self._leave_to_another()
            except WxcubeError as error:
                self._report("cube.not_built", str(error))
            except Exception as error:  # noqa: BLE001 - the next build may succeed
                self._report("cube.not_built", f"{type(error).__name__}: {error}")
            self._stopped.wait(self.cube.refresh_seconds)

    def _leave_to_another(self) -> None:
        """Another process, such as a second server, builds: said once for all such times."""
        if not self._is_left_to_another:
            self._is_left_to_another = True
            _log.info("cube.left_to_another", reason="another process builds the same store")

    def _report(self, event: str, reason: str) -> None:
        if reason not in self._reported:
            _log.error(event, reason=reason)
            self._reported.add(reason)

    def _look(self) -> bool:
        """Build if events were added or a day has begun; whether there were problems."""
        folder = Path(self.events.folder).expanduser()
        if not (folder / FORMAT).exists():
            return False
        with open_store(self.events, self.clock, create=False) as store:
            problems = [str(trouble) for trouble in store.compact().troubles]
            state = day_of(self.clock.now()), store.revisions()
            if state != self._built:
                problems += self._build(store, state[0])
                self._built = state
        for reason in problems:
            self._report("cube.problem", reason)
        return bool(problems)

    def _build(self, store: EventStore, today: date) -> list[str]:
        """Build through a day; the problems."""
        choice = choose(self.cube, store.folder, machine_memory=self.events.memory_limit)
        result = build(
            store,
            self.warehouse,
            open_engine=choice.open,
            chunk_bytes=choice.chunk_bytes,
            first=None,
            last=today,
            accounts=(),
            clock=self.clock,
            on_progress=self._stop_if_asked,
        )
        _log.info("cube.built", days=result.days, rows=result.rows)
        files = [*result.unreadable.items(), *result.recomputed.items()]
        impossible = [str(group.as_message()) for group in result.impossible]
        return [*(f"{path}: {reason}" for path, reason in files), *impossible]

    def _stop_if_asked(self, _progress: Progress) -> None:
        if self._stopped.is_set():
            raise _StoppedError
