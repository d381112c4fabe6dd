"""Metrics of a server in Prometheus' text format.

Labels are names of endpoints and errcodes: no secrets, tokens, openids, appids or paths that
callers choose.
"""

from __future__ import annotations

import asyncio
import os
import resource
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, time
from typing import Any

from wxcube.contract import ENDPOINTS
from wxcube.server.http import AsgiApp, Receive, RequestHandler, Scope, Send, send_text
from wxcube.server.messages import Later, Reply, Request

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the times to answer, in seconds."""
OTHER = "other"
"""The endpoint of calls that there are no names for."""
_NAMES = {
    **{endpoint.path: endpoint.name for endpoint in ENDPOINTS},
    "/cgi-bin/token": "token",
    "/cgi-bin/stable_token": "stable_token",
    "/wxcube/wechat_token": "wechat_token",
}
_STATM = Path("/proc/self/statm")
_DESCRIPTORS = Path("/proc/self/fd")


class Metrics:
    """Counts of answers and their times; threads may share it.

    `gauges` are further values, each with its name, its help and what gives it; `version` is that
    of the program.
    """

    def __init__(
        self, gauges: Sequence[tuple[str, str, Callable[[], float]]] = (), version: str = ""
    ) -> None:
        self._gauges = gauges
        self._version = version
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, int, int]] = Counter()
        self._times: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._rows = 0
        self._started_at = time()

    def observe(self, path: str, reply: Reply, seconds: float) -> None:
        """Count one answer."""
        name = _NAMES.get(path, OTHER)
        with self._lock:
            self._answers[name, reply.status, reply.errcode] += 1
            self._times.setdefault(name, [0] * (len(BOUNDS) + 1))[bisect_left(BOUNDS, seconds)] += 1
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds
            self._rows += reply.rows

    def text(self) -> str:
        """All metrics."""
        with self._lock:
            answers = sorted(self._answers.items())
            times = {name: list(counts) for name, counts in sorted(self._times.items())}
            seconds, rows = dict(self._seconds), self._rows
        return "".join(
            (
                _family(
                    "wxcube_build_info",
                    "gauge",
                    "Version of wxcube.",
                    [f'{{version="{self._version}"}} 1'],
                ),
                _family(
                    "wxcube_answers_total",
                    "counter",
                    "Answers by endpoint, HTTP status and errcode; errcode 0 is success.",
                    (
                        f'{{endpoint="{name}",status="{status}",errcode="{errcode}"}} {count}'
                        for (name, status, errcode), count in answers
                    ),
                ),
                _family("wxcube_rows_total", "counter", "Rows in answers.", [f" {rows}"]),
                _histogram(times, seconds),
                *(
                    _family(name, _kind(name), text, [f" {value():g}"])
                    for name, text, value in (*self._gauges, *self._process())
                ),
            )
        )

    def _process(self) -> Iterable[tuple[str, str, Callable[[], float]]]:
        yield "process_start_time_seconds", "Start, in Unix time.", lambda: self._started_at
        yield "process_cpu_seconds_total", "Time of the CPU.", _cpu_seconds
        if _STATM.exists():
            yield "process_resident_memory_bytes", "Memory in use.", _memory
            yield "process_open_fds", "Open files.", lambda: len(os.listdir(_DESCRIPTORS))  # noqa: PTH208 - only their number


def with_metrics(app: AsgiApp, metrics: Metrics) -> AsgiApp:
    """The application with GET /metrics added, for an address that anybody may ask."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("GET", PATH):
            await send_text(send, 200, metrics.text(), CONTENT_TYPE)
        else:
            await app(scope, receive, send)

    return application


class Measured:
    """A handler of requests whose answers are counted."""

    def __init__(self, handler: RequestHandler, metrics: Metrics) -> None:
        self._handler = handler
        self._metrics = metrics
        self.waits = getattr(handler, "waits", _never)
        """Whether the reply to a request may have to wait."""

    def handle(self, request: Request) -> Reply:
        """The handler's reply."""
        started = perf_counter()
        reply = self._handler.handle(request)
        if reply.later:
            finish = partial(self._finish, request.path, reply.later, started)
            return Reply(later=Later(reply.later.done, finish))
        self._metrics.observe(request.path, reply, perf_counter() - started)
        return reply

    def _finish(self, path: str, later: Later, started: float, done: asyncio.Future[Any]) -> Reply:
        reply = later.make(done)
        self._metrics.observe(path, reply, perf_counter() - started)
        return reply


def _never(_request: Request) -> bool:
    return False


def _family(name: str, kind: str, text: str, samples: Iterable[str]) -> str:
    lines = "".join(f"{name}{sample}\n" for sample in samples)
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n{lines}" if lines else ""


def _kind(name: str) -> str:
    return "counter" if name.endswith("_total") else "gauge"


def _histogram(times: Mapping[str, Sequence[int]], seconds: Mapping[str, float]) -> str:
    name = "wxcube_answer_seconds"
    lines = []
    for endpoint, counts in times.items():
        so_far = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
            so_far += count
            lines.append(f'{name}_bucket{{endpoint="{endpoint}",le="{bound}"}} {so_far}\n')
        lines.append(f'{name}_sum{{endpoint="{endpoint}"}} {seconds[endpoint]:.6f}\n')
        lines.append(f'{name}_count{{endpoint="{endpoint}"}} {so_far}\n')
    if not lines:
        return ""
    return f"# HELP {name} Time to answer.\n# TYPE {name} histogram\n{''.join(lines)}"


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory() -> float:
    return int(_STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
