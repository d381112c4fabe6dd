"""After any answers and errors: each moment can be read again, and a rebuild changes nothing."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.database import Content, content
from support.rows import sample_rows
from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.codes import reply_error
from wxcube.contract.decoding import read
from wxcube.contract.encoding import encode_answer
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import BudgetError, ReplyError, ShapeError, TransportError, WxcubeError
from wxcube.i18n import verbatim
from wxcube.warehouse.store import Warehouse

NAMES = (
    "getusersummary",
    "getusercumulate",
    "getbizsummary",
    "getarticleread",
    "getarticletotaldetail",
    "getupstreammsgweek",
)
DAYS = Window(date(2026, 3, 2), date(2026, 3, 15))
START = datetime(2026, 3, 16, 9, tzinfo=BEIJING)
KINDS = (
    "whole",
    "whole",
    "corrected",
    "partial",
    "empty",
    "delayed",
    "unreadable",
    "no list",
    "no answer",
    "-1",
    "48001",
    "61501",
    "61503",
    "45009",
    "killed",
)
Step = tuple[str, str, int, int, int]
"""Kind, endpoint, hours since the step before, hours by which the clock is ahead, seed."""
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from(NAMES),
        st.integers(0, 60),
        st.sampled_from([0, 0, 0, 0, 30, -30, 900]),
        st.integers(0, 999),
    ),
    max_size=14,
)


def window_of(endpoint: Endpoint[Any], dice: Random) -> Window:
    labels = endpoint.labels(DAYS)
    first = dice.choice(labels)
    if endpoint.has_labels:
        return Window.day(first)
    last = min(first + timedelta(days=dice.randrange(endpoint.span_days)), DAYS.last)
    return Window(first, last)


def body_of(kind: str, endpoint: Endpoint[Any], window: Window, dice: Random) -> bytes:
    if kind == "no list":
        return b'{"lst": 5}'
    days = [day for day in endpoint.labels(window) if day.day % 5]
    rows = [row for day in days for row in sample_rows(endpoint, Window.day(day), day.toordinal())]
    listed: list[Any] = json.loads(encode_answer(endpoint, rows))["list"]
    if kind == "corrected":
        for row in listed:
            for name, value in row.items():
                if isinstance(value, int) and name not in endpoint.key:
                    row[name] = value + dice.randrange(3)
    if kind == "empty":
        listed = []
    elif kind in {"partial", "delayed"}:
        listed = [_thinned(row, dice) for row in listed if dice.random() < 0.6]
    elif kind == "unreadable":
        listed = [{"ref_date": row["ref_date"]} if dice.random() < 0.4 else row for row in listed]
    return json.dumps({"list": listed, "is_delay": kind == "delayed"}).encode()


def _thinned(part: Any, dice: Random) -> Any:
    """A row without some elements of its lists."""
    if isinstance(part, dict):
        return {name: _thinned(value, dice) for name, value in part.items()}
    if isinstance(part, list):
        return [_thinned(one, dice) for one in part if dice.random() < 0.8]
    return part


def make(warehouse: Warehouse, step: Step, now: datetime) -> None:
    """Ask, and store what came."""
    kind, name, _hours, ahead, seed = step
    endpoint, dice = named(name), Random(seed)
    # without an answer there is no Date, and the log has only the machine's time
    wrong_by = timedelta(hours=0 if kind == "no answer" else ahead)
    window, by_machine = window_of(endpoint, dice), now + wrong_by
    try:
        ask = warehouse.begin_ask("wx1", Origin.WECHAT, endpoint, window, by_machine, sender="sync")
    except BudgetError:
        return  # after 45009 nothing is sent on that day
    if kind == "killed":
        return
    came = _came(kind, endpoint, window, by_machine, now, dice)
    if isinstance(came, Answer):
        answer = Answer(
            came.endpoint,
            came.window,
            came.rows,
            came.body,
            came.asked_at,
            came.is_delay,
            unreadable=came.unreadable,
            server_date=now,
            ask=ask,
        )
        warehouse.replace("wx1", Origin.WECHAT, answer)
        return
    came.server_date = None if isinstance(came, TransportError) else now
    warehouse.record_error("wx1", Origin.WECHAT, endpoint, window, came, by_machine, ask=ask)


def _came(
    kind: str,
    endpoint: Endpoint[Any],
    window: Window,
    by_machine: datetime,
    now: datetime,
    dice: Random,
) -> Answer[Any] | WxcubeError:
    if kind == "no answer":
        return TransportError(verbatim("no answer"))
    if kind.lstrip("-").isdigit():
        return reply_error(int(kind), "no")
    body = body_of(kind, endpoint, window, dice)
    try:
        return read(endpoint, window, body, by_machine, now)
    except ReplyError as error:
        return error
    except ShapeError as error:
        return ShapeError(error.message, body=body)


def readings(warehouse: Warehouse, as_of: datetime | None = None) -> dict[str, list[Any]]:
    return {name: warehouse.read("wx1", named(name), DAYS, as_of=as_of) for name in NAMES}


@example(steps=[("empty", "getarticleread", 0, 0, 1), ("empty", "getbizsummary", 24, 0, 1)])
@example(steps=[("whole", "getusersummary", 200, 900, 1), ("delayed", "getusersummary", 24, 0, 1)])
@given(steps=STEPS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_moment_can_be_read_again(copy_to: Callable[[Path], Path], steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = copy_to(Path(folder) / "wxcube.db")
        with Warehouse.open(path) as warehouse:
            now, seen = START, dict[datetime, tuple[dict[str, list[Any]], Content]]()
            for step in steps:
                now += timedelta(hours=step[2], seconds=1)
                make(warehouse, step, now)
                seen[now] = readings(warehouse), content(path)
            for moment, (rows, _tables) in seen.items():
                assert readings(warehouse, as_of=moment) == rows
            before = everything(path)
            warehouse.rebuild()
            assert everything(path) == before
            for moment, (_rows, tables) in [*seen.items()][-1:]:
                if any(tables.values()):
                    past = Path(folder) / f"{moment:%d%H%M%S}.db"
                    warehouse.write_past(past, moment, now)
                    assert content(past) == tables
