"""When the server answers rows that were computed from events, as the clock goes on."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.built_store import GROUPS, built
from support.event_files import open_store, store_events
from support.events import moment
from wxcube.beijing import BEIJING, ManualClock, day_of, yesterday
from wxcube.contract import named
from wxcube.contract.window import Window
from wxcube.events import kinds as ev
from wxcube.server.apps import LocalApp
from wxcube.server.gateway import Gateway
from wxcube.server.messages import Request
from wxcube.server.protocol import Api
from wxcube.warehouse.store import Warehouse

ACCOUNT = "wxown"
DAY = date(2026, 3, 8)
"""A Sunday, so that its week ends with it."""
NOON = datetime(2026, 3, 8, 12, tzinfo=BEIJING)


class Own:
    """An account with events of its own, and the servers that answer its rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.database = folder / "wxcube.db"

    def add(self, *events: ev.AnyEvent, now: datetime) -> None:
        """Store events, and build through the running day."""
        clock = ManualClock(now)
        with open_store(self._folder / "events", clock=clock, groups=GROUPS) as store:
            store_events(store, list(events))
        built(self._folder, now, through_now=True)

    def answer(self, now: datetime, name: str, day: date, *, live: bool = False) -> Any:
        """The rows of a day, or the errcode."""
        clock = ManualClock(now)
        with Warehouse.open(self.database, read_only=True) as warehouse:
            app = LocalApp(appid="local1", secret="0123456789abcdef", account=ACCOUNT)
            gateway = Gateway(warehouse, [app], clock, is_live=live)
            api = Api(gateway, clock, latest=day_of if live else yesterday)
            token = api.tokens.issue("local1").token
            body = msgspec.json.encode({"begin_date": str(day), "end_date": str(day)})
            path, query = named(name).path, f"access_token={token}"
            answer = msgspec.json.decode(api.handle(Request("POST", path, query, body)).body)
        return answer["list"] if "list" in answer else answer["errcode"]


def message(identity: str, day: date, hour: int = 9) -> ev.Message:
    at = moment(day, hour * 3_600)
    return ev.Message(id=identity, account=ACCOUNT, at=at, user=identity, msg_type=1)


@pytest.fixture
def own(tmp_path: Path) -> Own:
    """An article of the day before, and a message and a read of the running day."""
    own = Own(tmp_path)
    before = DAY - timedelta(days=1)
    own.add(
        ev.Publish(id="p", account=ACCOUNT, at=moment(before, 60), msgid="9_1", title="题"),
        ev.Read(id="r1", account=ACCOUNT, at=moment(before, 90), user="o1", msgid="9_1", source=0),
        message("m1", DAY),
        ev.Read(id="r2", account=ACCOUNT, at=moment(DAY, 90), user="o2", msgid="9_1", source=0),
        now=NOON,
    )
    return own


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=BEIJING)


def test_rows_of_the_running_day_are_answered_live_only(own: Own) -> None:
    [row] = own.answer(NOON, "getupstreammsg", DAY, live=True)
    assert (row["msg_user"], row["msg_count"]) == (1, 1)
    assert own.answer(NOON, "getupstreammsg", DAY) == 61501
    assert own.answer(NOON, "getupstreammsg", DAY + timedelta(days=1), live=True) == 61501


def test_a_day_is_answered_at_eight_if_it_was_computed_after_its_end(own: Own) -> None:
    for now in (at(9, 0, 5), at(9, 8), at(12, 8)):
        assert own.answer(now, "getupstreammsg", DAY) == []
        assert own.answer(now, "getupstreammsg", DAY, live=True)
    own.add(message("m2", DAY, 23), now=at(9, 0, 10))
    assert own.answer(at(9, 7, 59), "getupstreammsg", DAY) == []
    [row] = own.answer(at(9, 8), "getupstreammsg", DAY)
    assert (row["msg_user"], row["msg_count"]) == (2, 2)


def test_a_week_is_answered_when_it_is_over(own: Own) -> None:
    monday = date(2026, 3, 2)
    assert own.answer(NOON, "getupstreammsgweek", monday, live=True) == []
    own.add(message("m2", DAY, 23), now=at(9, 0, 10))
    assert own.answer(at(9, 7, 59), "getupstreammsgweek", monday) == []
    assert own.answer(at(9, 7, 59), "getupstreammsgweek", monday, live=True)
    [row] = own.answer(at(9, 8), "getupstreammsgweek", monday)
    assert row["msg_count"] == 2


@pytest.mark.parametrize("name", ["getarticletotal", "getarticletotaldetail"])
def test_running_totals_end_with_the_last_day_that_wechat_would_answer(own: Own, name: str) -> None:
    running, sent = named(name).running, DAY - timedelta(days=1)
    assert running

    def days(now: datetime, *, live: bool = False) -> list[str]:
        rows = own.answer(now, name, sent, live=live)
        return [total["stat_date"] for row in rows for total in row[running.name]]

    assert days(NOON, live=True) == [str(sent), str(DAY)]
    assert days(NOON) == [str(sent)]
    assert days(at(8, 7)) == []
    assert days(at(9, 9)) == [str(sent)]
    own.add(message("m2", DAY, 23), now=at(9, 0, 10))
    assert days(at(9, 7)) == [str(sent)]
    assert days(at(9, 8)) == [str(sent), str(DAY)]


@pytest.mark.parametrize("name", ["getarticletotal", "getarticletotaldetail"])
def test_an_answer_without_running_totals_that_are_due_later_is_not_kept(
    own: Own, name: str
) -> None:
    endpoint, sent = named(name), DAY - timedelta(days=1)

    def is_lasting(*, live: bool) -> bool:
        with Warehouse.open(own.database, read_only=True) as warehouse:
            gateway = Gateway(warehouse, [], ManualClock(at(9, 7)), is_live=live)
            return gateway.read(ACCOUNT, endpoint, Window(sent, sent), {}).is_lasting

    own.add(message("m2", DAY, 23), now=at(9, 0, 10))
    assert not is_lasting(live=False)
    assert is_lasting(live=True)
