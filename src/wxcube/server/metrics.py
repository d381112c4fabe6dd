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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, time
from typing import Any

import msgspec

from wxcube.contract import ENDPOINTS
from wxcube.server.http import (
    AsgiApp,
    Receive,
    RequestHandler,
    Scope,
    Send,
    beginning,
    send_text,
)
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


class Counts(msgspec.Struct, kw_only=True):
    """What a process has counted, and how it is."""

    answers: dict[str, dict[str, int]] = {}
    """By endpoint, and by status and errcode such as `200 0`."""
    times: dict[str, list[int]] = {}
    seconds: dict[str, float] = {}
    rows: int = 0
    gauges: dict[str, float] = {}
    process: dict[str, float] = {}

    def add(self, other: Counts) -> None:
        """Add what another process counted; gauges are those of the whole server."""
        for name, answers in other.answers.items():
            self.answers[name] = Counter(self.answers.get(name, {})) + Counter(answers)
        for name, times in other.times.items():
            own = self.times.get(name, [0] * len(times))
            self.times[name] = [mine + one for mine, one in zip(own, times, strict=True)]
        self.seconds = dict(Counter(self.seconds) + Counter(other.seconds))
        self.rows += other.rows
        for name, value in other.gauges.items():
            self.gauges[name] = max(self.gauges.get(name, value), value)


class Metrics:
    """Counts of answers and their times; threads may share it.

    `gauges` are further values, each with its name, its help and what gives it; `version` is that
    of the program. `before` is what an earlier process in place of this one had counted.
    """

    def __init__(
        self,
        gauges: Sequence[tuple[str, str, Callable[[], float]]] = (),
        version: str = "",
        before: Counts | None = None,
    ) -> None:
        self._gauges = gauges
        self._version = version
        self._before = before
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

    def counts(self) -> Counts:
        """What was counted so far."""
        counts = Counts()
        with self._lock:
            for (name, status, errcode), count in self._answers.items():
                counts.answers.setdefault(name, {})[f"{status} {errcode}"] = count
            counts.times = {name: list(times) for name, times in self._times.items()}
            counts.seconds, counts.rows = dict(self._seconds), self._rows
        if self._before:
            counts.add(self._before)
        counts.gauges = {name: value() for name, _text, value in self._gauges}
        counts.process = {name: value() for name, _text, value in self._process()}
        return counts

    def text(self, workers: Mapping[str, Counts] | None = None) -> str:
        """All metrics; those of several workers are added, except what is of a process."""
        workers = workers or {"": self.counts()}
        counts = Counts()
        for one in workers.values():
            counts.add(one)
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
                    _answers(counts),
                ),
                _family("wxcube_rows_total", "counter", "Rows in answers.", [f" {counts.rows}"]),
                _histogram(dict(sorted(counts.times.items())), counts.seconds),
                *(
                    _family(name, _kind(name), text, [f" {counts.gauges[name]:g}"])
                    for name, text, _value in self._gauges
                ),
                *(
                    _family(name, _kind(name), text, _of_processes(workers, name))
                    for name, text, _value in self._process()
                ),
            )
        )

    def _process(self) -> Iterable[tuple[str, str, Callable[[], float]]]:
        yield "process_start_time_seconds", "Start, in Unix time.", lambda: self._started_at
        yield "process_cpu_seconds_total", "Time of the CPU.", _cpu_seconds
        if _STATM.exists():
            yield "process_resident_memory_bytes", "Memory in use.", _memory
            yield "process_open_fds", "Open files.", lambda: len(os.listdir(_DESCRIPTORS))  # noqa: PTH208 - only their number


def _answers(counts: Counts) -> Iterator[str]:
    for name, answers in sorted(counts.answers.items()):
        for key, count in sorted(answers.items(), key=lambda one: [int(n) for n in one[0].split()]):
            status, errcode = key.split()
            yield f'{{endpoint="{name}",status="{status}",errcode="{errcode}"}} {count}'


def _of_processes(workers: Mapping[str, Counts], name: str) -> Iterator[str]:
    for worker, counts in sorted(workers.items()):
        label = f'{{worker="{worker}"}}' if worker else ""
        if name in counts.process:
            yield f"{label} {counts.process[name]:.17g}"


def with_metrics(app: AsgiApp, text: Callable[[], str]) -> AsgiApp:
    """The application with GET /metrics added, for an address that anybody may ask."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("GET", PATH):
            await send_text(send, 200, text(), CONTENT_TYPE)
        else:
            await app(scope, receive, send)

    return application


class Measured:
    """A handler of requests whose answers are counted."""

    def __init__(self, handler: RequestHandler, metrics: Metrics) -> None:
        self._begin = beginning(handler)
        self._metrics = metrics

    def handle(self, request: Request) -> Reply:
        """The handler's reply, or what gives it later."""
        started = perf_counter()
        reply = self._begin(request)
        if reply.later:
            finish = partial(self._finish, request.path, reply.later, started)
            return Reply(later=Later(reply.later.done, finish))
        self._metrics.observe(request.path, reply, perf_counter() - started)
        return reply

    def _finish(self, path: str, later: Later, started: float, done: asyncio.Future[Any]) -> Reply:
        reply = later.make(done)
        self._metrics.observe(path, reply, perf_counter() - started)
        return reply


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
