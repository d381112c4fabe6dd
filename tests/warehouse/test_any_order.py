"""After any sequence of answers, errors and crashes the warehouse has the final figures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from support.rows import sample_rows
from wxcube.beijing import BEIJING, day_of, latest_ready_day
from wxcube.contract import named
from wxcube.contract.codes import reply_error
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.warehouse import replies
from wxcube.warehouse.coverage import EMPTY_AFTER_DAYS, SETTLED, WRONG_CLOCK
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Choices, PlannedCall, plan
from wxcube.warehouse.sync.wanted import WantedDays

ENDPOINTS = [
    named(name)
    for name in ("getusersummary", "getarticletotal", "getbizsummary", "getupstreammsgweek")
]
DAYS = Window(date(2026, 1, 5), date(2026, 1, 18))
START = datetime(2026, 1, 13, 9, tzinfo=BEIJING)
END = datetime(2026, 3, 1, 9, tzinfo=BEIJING)


class KilledError(Exception):
    """The process ended in the middle of a transaction."""


def true_rows(endpoint: Endpoint[Any], label: date, asked: datetime) -> list[Any]:
    """WeChat's rows of a day at a time: running totals grow until they are final."""
    if label.day % 5 == 0:
        return []
    rows = sample_rows(endpoint, Window.day(label), label.toordinal())
    if endpoint.running is None:
        return rows
    newest = min(latest_ready_day(asked), label + timedelta(days=endpoint.moves_days - 1))
    name = endpoint.running.name
    return [
        msgspec.structs.replace(
            row,
            **{
                name: [
                    msgspec.structs.replace(getattr(row, name)[0], stat_date=day)
                    for day in Window(label, newest)
                ]
            },
        )
        for row in rows
    ]


def result(
    endpoint: Endpoint[Any],
    window: Window,
    asked: datetime,
    rows: list[Any],
    *,
    is_delay: bool = False,
) -> Answer[Any]:
    return Answer(endpoint, window, rows, msgspec.json.encode(rows), asked, is_delay)


class AnyOrder(RuleBasedStateMachine):
    """Calls of a plan with answers, delays, gaps, errors, crashes and answers in the wrong order."""

    copy: Callable[[Path], Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.warehouse = Warehouse.open(self.copy(Path(self.folder.name) / "wxcube.db"))
        self.now = START
        self.past: list[Answer[Any]] = []
        self.settled: dict[tuple[str, date], list[Any]] = {}

    def planned(self) -> list[PlannedCall]:
        wanted = [WantedDays("wx1", DAYS, ENDPOINTS)]
        choices = Choices(include_retired=True, retry_refused=True)
        return list(plan(wanted, self.warehouse, self.now, choices).calls)

    def truth(self, call: PlannedCall) -> Answer[Any]:
        labels = call.endpoint.labels(call.window)
        rows = [row for day in labels for row in true_rows(call.endpoint, day, self.now)]
        return result(call.endpoint, call.window, self.now, rows)

    def put(self, answer: Answer[Any]) -> None:
        self.past.append(answer)
        self.warehouse.replace("wx1", Origin.WECHAT, answer)

    @rule(number=st.integers(0, 50))
    def is_answered(self, number: int) -> None:
        for call in self.planned()[number : number + 1]:
            self.put(self.truth(call))

    @rule(number=st.integers(0, 50))
    def is_killed_while_it_writes(self, number: int) -> None:
        for call in self.planned()[number : number + 1]:
            answer = self.truth(call)
            self.past.append(answer)
            with patch.object(replies, "save", side_effect=KilledError), pytest.raises(KilledError):
                self.warehouse.replace("wx1", Origin.WECHAT, answer)

    @rule(number=st.integers(0, 50), count=st.integers(0, 3))
    def is_answered_with_a_delay(self, number: int, count: int) -> None:
        for call in self.planned()[number : number + 1]:
            some = self.truth(call).rows[:count]
            self.put(result(call.endpoint, call.window, self.now, some, is_delay=True))

    @rule(number=st.integers(0, 50))
    def is_answered_without_rows_once(self, number: int) -> None:
        for call in self.planned()[number : number + 1]:
            entries = self.warehouse.coverage("wx1", call.endpoint, window=call.window)
            if not any(entry.doubts for entry in entries.values()):
                self.put(result(call.endpoint, call.window, self.now, []))

    @rule(number=st.integers(0, 50))
    def is_answered_before_the_figures_are_there(self, number: int) -> None:
        late = timedelta(days=EMPTY_AFTER_DAYS)
        for call in self.planned()[number : number + 1]:
            oldest = call.endpoint.period(call.window.first).last
            if day_of(self.now) < oldest + late:
                self.put(result(call.endpoint, call.window, self.now, []))

    @rule(number=st.integers(0, 50), code=st.sampled_from([-1, 48001, 61501, 61503]))
    def gives_an_error(self, number: int, code: int) -> None:
        for call in self.planned()[number : number + 1]:
            self.warehouse.record_error(
                "wx1", Origin.WECHAT, call.endpoint, call.window, reply_error(code, "no"), self.now
            )

    @rule(number=st.integers(0, 50))
    def an_old_answer_comes_again(self, number: int) -> None:
        recent = [one for one in self.past if self.now - one.asked_at < WRONG_CLOCK]
        for answer in recent[number : number + 1]:
            self.warehouse.replace("wx1", Origin.WECHAT, answer)

    @rule(hours=st.integers(1, 60))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def settled_days_never_change_again(self) -> None:
        for endpoint in ENDPOINTS:
            lines = self.warehouse.coverage("wx1", endpoint)
            for day, line in lines.items():
                if line.state in SETTLED:
                    rows = self.warehouse.read("wx1", endpoint, Window.day(day))
                    assert self.settled.setdefault((endpoint.name, day), rows) == rows
                    assert rows == true_rows(endpoint, day, END)

    def teardown(self) -> None:
        self.now = max(self.now, END)
        for _day in range(2):
            for call in self.planned():
                self.put(self.truth(call))
            self.now += timedelta(days=1)
        for endpoint in ENDPOINTS:
            labels = endpoint.labels_over(DAYS)
            expected = [row for day in labels for row in true_rows(endpoint, day, END)]
            assert self.warehouse.read("wx1", endpoint, DAYS) == expected
            lines = self.warehouse.coverage("wx1", endpoint)
            assert {lines[day].state for day in labels} <= SETTLED
        assert self.planned() == []
        self.warehouse.close()
        self.folder.cleanup()


def test_any_order_of_events_ends_in_the_same_warehouse(copy_to: Callable[[Path], Path]) -> None:
    machine = type("Machine", (AnyOrder,), {"copy": staticmethod(copy_to)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
