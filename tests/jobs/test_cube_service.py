"""The service builds through the running day whenever events come, and goes on after errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from support.event_files import GROUPS, open_store, store_events
from support.events import moment
from support.polling import eventually
from wxcube import log
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract.message import getupstreammsg
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.cube.incremental.ledger import LOCK
from wxcube.events import kinds as ev
from wxcube.events.store.durable import try_locked
from wxcube.events.store.retention import FACTS
from wxcube.jobs.cube_service import CubeService
from wxcube.settings import CubeSettings, EventsSettings
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse

ACCOUNT, DAY = "wxown", date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=BEIJING)


class Site:
    """A folder of events, a database, and a service that looks all the time."""

    def __init__(self, folder: Path, warehouse: Warehouse) -> None:
        self.events = folder / "events"
        self.warehouse = warehouse
        self.clock = ManualClock(NOON)

    def service(self, **cube: Any) -> CubeService:
        events = EventsSettings(folder=str(self.events), group_count=GROUPS)
        options: dict[str, Any] = {"refresh_seconds": 0.01, "memory_limit": "512MB"}
        return CubeService(events, CubeSettings(**(options | cube)), self.warehouse, self.clock)

    def send(self, identity: str, day: date = DAY) -> None:
        at = moment(day, 9 * 3_600)
        event = ev.Message(id=identity, account=ACCOUNT, at=at, user=identity, msg_type=1)
        with open_store(self.events, clock=self.clock, groups=GROUPS) as store:
            store_events(store, [event])

    def messages(self, day: date = DAY) -> int:
        rows = self.warehouse.read(ACCOUNT, getupstreammsg, Window.day(day), Origin.CUBE)
        return sum(row.msg_count for row in rows)

    def has_messages(self, number: int) -> bool:
        return self.messages() == number

    def state(self, day: date = DAY) -> State | None:
        entry = self.warehouse.coverage(ACCOUNT, getupstreammsg, Origin.CUBE).get(day)
        return entry.state if entry else None


@pytest.fixture(autouse=True)
def every_level() -> Iterator[None]:
    """Let the log have every level, whatever a test before has set."""
    log.configure("info")
    yield
    log.configure("warning")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        yield Site(tmp_path, warehouse)


def test_events_are_computed_while_they_come_and_the_day_is_final_when_it_is_over(
    site: Site,
) -> None:
    with site.service():
        # the store is created while the service runs
        site.send("m1")
        eventually(lambda: site.messages() == 1)
        assert site.state() is State.MOVING
        site.send("m2")
        eventually(lambda: site.messages() == 2)
        assert site.state() is State.MOVING
        site.clock.set(NOON + timedelta(hours=12, seconds=1))
        eventually(lambda: site.state() is State.FINAL)
        assert site.state(DAY + timedelta(days=1)) is State.WAITING
    assert site.messages() == 2


def test_without_new_events_nothing_is_computed(site: Site) -> None:
    def builds() -> list[int]:
        return [one["days"] for one in logs if one["event"] == "cube.built"]

    site.send("m1")
    with capture_logs() as logs, site.service():
        eventually(lambda: len(builds()) == 1)
        version = site.warehouse.version()
        # an event of another day shows that the service has looked again
        site.send("m0", DAY - timedelta(days=1))
        eventually(lambda: len(builds()) == 2)
        assert site.warehouse.version() != version
    assert builds()[1:] == [1]


def test_the_build_of_another_process_is_said_once_and_is_no_error(site: Site) -> None:
    site.send("m0")
    (site.events / FACTS).mkdir()
    with capture_logs() as logs, site.service():
        for number in (1, 2):
            eventually(partial(site.has_messages, number))
            with ExitStack() as stack:
                eventually(lambda: stack.enter_context(try_locked(site.events / FACTS / LOCK)))
                site.send(f"m{number}")
                # an event of another day, and then one more, show that the service has looked
                for day in (DAY - timedelta(days=2 * number + turn) for turn in range(2)):
                    site.send("other", day)
                    eventually((site.events / "days" / str(day)).exists)
        eventually(lambda: site.messages() == 3)
    said = [(one["event"], one["log_level"]) for one in logs if one["event"] != "cube.built"]
    assert said == [("cube.left_to_another", "info")]


def test_an_error_is_logged_once_and_the_service_goes_on(site: Site) -> None:
    site.send("m1")
    facts = site.events / FACTS
    facts.write_text("no folder")
    with capture_logs() as logs, site.service():
        eventually(lambda: [one for one in logs if one["event"] == "cube.not_built"])
        facts.unlink()
        eventually(lambda: site.messages() == 1)
    assert len([one for one in logs if one["event"] == "cube.not_built"]) == 1


@pytest.mark.parametrize(
    "options", [{"refresh_seconds": 0}, {"engine": "clickhouse", "url": "chdb:"}]
)
def test_it_can_be_turned_off_and_leaves_other_engines_alone(
    site: Site, options: dict[str, Any]
) -> None:
    def threads() -> list[str]:
        return [one.name for one in threading.enumerate() if one.name == "wxcube-cube"]

    with site.service():
        assert threads()
    with site.service(**options):
        assert not threads()
