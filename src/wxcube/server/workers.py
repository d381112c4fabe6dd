"""Several processes that serve on one port; the system gives each connection to one of them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Never

import structlog

from wxcube.errors import SettingsError
from wxcube.i18n import _

_SHORTEST_LIFE_SECONDS = 10.0
"""A process that ends sooner is started again after a pause; to fail may take it seconds."""
_PAUSE_SECONDS = 1.0
_MOST_SHORT_LIVES = 5
"""After so many in a row there is something that a further start does not mend."""
_LOOK_SECONDS = 1.0
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_log = structlog.get_logger()


def run_workers(count: int, work: Callable[[int], None]) -> None:
    """Run work in processes of its own, each with its number, until SIGTERM or Ctrl-C ends them.

    One that ends otherwise is started again. SIGHUP is passed on to all of them. Nothing that
    processes cannot share, such as a thread or the connection of a database, may be open.

    Raises:  SettingsError if processes end again and again as soon as they are started.
    """
    workers = _Workers(count, work)
    handlers = {
        signal.SIGTERM: workers.end,
        signal.SIGINT: workers.end,
        signal.SIGHUP: workers.hang_up,
    }
    before = {one: signal.signal(one, handler) for one, handler in handlers.items()}
    try:
        workers.watch()
    finally:
        for one, earlier in before.items():
            signal.signal(one, earlier)


class _Workers:
    """Processes by their number, and when each was started."""

    def __init__(self, count: int, work: Callable[[int], None]) -> None:
        self._work = work
        self._numbers: dict[int, int] = {}
        self._started: dict[int, float] = {}
        self._is_ending = False
        self._short_lives = 0
        """Of the last processes that ended."""
        self._ends_with_terminal = (
            signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and has_terminal()
        )
        for number in range(count):
            self._start(number)

    def watch(self) -> None:
        """Start again what ends by itself; returns when all have ended."""
        while self._numbers:
            pid, status = os.wait()
            number = self._numbers.pop(pid, None)
            if number is None or self._is_ending:
                continue
            _log.error("worker.ended", worker=number, status=os.waitstatus_to_exitcode(status))
            lived = time.monotonic() - self._started.pop(pid)
            # who kills processes says nothing about their start
            is_short = lived < _SHORTEST_LIFE_SECONDS and not os.WIFSIGNALED(status)
            self._short_lives = self._short_lives + 1 if is_short else 0
            if self._short_lives == _MOST_SHORT_LIVES:
                self._is_ending = True
                self._signal(signal.SIGTERM)
                continue
            if is_short:
                time.sleep(_PAUSE_SECONDS)
            if not self._is_ending:
                self._start(number)
        if self._short_lives == _MOST_SHORT_LIVES:
            raise SettingsError(
                _("the processes of the server end as soon as they are started"),
                hint=_("the reason is in the log above"),
            )

    def end(self, _number: int, _frame: object) -> None:
        """End all: a handler of signals."""
        self._is_ending = True
        self._signal(signal.SIGTERM)

    def hang_up(self, number: int, frame: object) -> None:
        """Have all reload; end all if the signal means that the terminal was closed."""
        if self._ends_with_terminal and not has_terminal():
            self.end(number, frame)
        else:
            self._signal(signal.SIGHUP)

    def _start(self, number: int) -> None:
        pid = _start(number, self._work)
        self._numbers[pid], self._started[pid] = number, time.monotonic()
        if self._is_ending:
            # the signal came before the new process was known
            _signal(pid, signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        for pid in list(self._numbers):
            _signal(pid, number)


def _start(number: int, work: Callable[[int], None]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    # the new process has the handlers of this one at first, which are not for it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    pid = os.fork()
    if not pid:
        _work(number, work)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _work(number: int, work: Callable[[int], None]) -> Never:
    """Do the work of a new process, and end it."""
    status = 1
    try:
        # Ctrl-C reaches the parent only, which then ends all in the same way
        os.setpgrp()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # until it can reload, a reload does not end it
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        work(number)
        status = 0
    except KeyboardInterrupt:
        status = 0
    except BaseException:  # noqa: BLE001 - it is logged, and the process ends
        _log.exception("worker.failed", worker=number)
    finally:
        # the parent's exit handlers are not this process's
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    _signal(os.getpid(), signal.SIGTERM)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def has_terminal() -> bool:
    """Whether this process has a terminal: SIGHUP may mean that it was closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
