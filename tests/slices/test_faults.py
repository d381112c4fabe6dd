"""After any fault of WeChat a sync ends in order, and a later sync fetches what is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from support.command_line import MakeSite, Site
from support.database import Content, content
from wxcube.contract import named
from wxcube.emulator.faults import Fault
from wxcube.testing import RunningEmulator
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse

ONLY = (
    "getusersummary",
    "getusercumulate",
    "getarticleread",
    "getarticletotaldetail",
    "getupstreammsgweek",
    "getupstreammsgdist",
    "getinterfacesummaryhour",
    "getuserread",
)
SYNC = ("sync", "--quiet", "--json", "--retired", *(f"--only={name}" for name in ONLY))
DAYS_AFTER = timedelta(days=1)
CONCURRENCY = 8
"""Calls in parallel: so many may be refused before the first refusal is known."""


@dataclass(frozen=True)
class Case:
    """A fault, the end of a sync with it, and what the next sync needs."""

    id: str
    faults: tuple[Fault, ...]
    code: int
    """0: all calls were answered in the end, 3: some were not."""
    words: str = ""
    """Text of the report."""
    next_day: bool = False
    then: tuple[str, ...] = ()
    settings: str = ""
    most_calls: dict[str, int] = field(default_factory=dict)


CASES = (
    Case("61503", (Fault(errcode=61503, path="getusersummary", times=2),), 3, "61503"),
    Case("empty then filled", (Fault(empty=True, path="getarticleread", times=2),), 0),
    Case("late then filled", (Fault(is_delay=True, path="getarticletotaldetail", times=4),), 0),
    Case(
        "45009 after n calls",
        (Fault(errcode=45009, path="getinterfacesummaryhour", after=3),),
        3,
        "45009",
        next_day=True,
        most_calls={"getinterfacesummaryhour": 3 + CONCURRENCY},
    ),
    Case("40001 by a second refresher", (Fault(expire_tokens=True, after=20, times=1),), 0),
    Case("40001 again and again", (Fault(expire_tokens=True, path="getuserread"),), 3, "40001"),
    Case(
        "48001",
        (Fault(errcode=48001, path="getuser*"), Fault(errcode=48001, path="getarticleread")),
        3,
        "48001",
        then=("--retry-refused",),
        most_calls={"getarticleread": CONCURRENCY},
    ),
    Case("-1 a few times", (Fault(errcode=-1, times=3),), 0),
    Case("-1 for hours", (Fault(errcode=-1, path="getusercumulate"),), 3, "errcode -1"),
    Case(
        "slow",
        (Fault(slow_seconds=3600, path="getupstreammsgdist", times=2),),
        0,  # the call fails, and its halves at the end of the line are answered
        "no reply within 3 s",
        settings="timeout_seconds = 3\nattempts = 2",
    ),
    Case("cut off a few times", (Fault(cut=0.5, times=3),), 0),
    Case(
        "cut off again and again",
        (Fault(cut=0.9, path="getarticleread"),),
        3,
        "the reply was cut off",
    ),
    Case("HTTP 502 a few times", (Fault(status=502, times=3),), 0),
    Case("HTTP 502 for long", (Fault(status=502, path="getupstreammsg*"),), 3, "HTTP 502"),
    Case(
        "everything at once",
        (
            Fault(errcode=61503, path="getusersummary"),
            Fault(errcode=-1, path="getusercumulate", times=5),
            Fault(cut=0.3, path="getarticletotaldetail", times=5),
            Fault(status=502, path="getupstreammsgdist", times=2),
            Fault(expire_tokens=True, times=2),
            Fault(errcode=45009, path="getuserread"),
        ),
        3,
        "61503",
        next_day=True,
    ),
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Content]:
    """The content after a sync, and after two more on the next days."""
    from support.command_line import site_of

    contents = {}
    with RunningEmulator(days=15, accounts=1) as running:
        site = site_of(tmp_path_factory.mktemp("undisturbed"), running)
        for later in (False, True, True):
            assert site.run(*SYNC).code == 0
            contents[later] = content(site.database)
            running.emulator.clock.advance(DAYS_AFTER)
    return contents


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_no_data_is_missing_after_a_fault(
    case: Case, new_site: MakeSite, undisturbed: dict[bool, Content]
) -> None:
    with RunningEmulator(days=15, accounts=1) as running:
        site = new_site(running, sync=case.settings)
        for fault in case.faults:
            running.emulator.faults.add(fault)
        result = site.run(*SYNC)
        assert (result.code, "Traceback" in result.text) == (case.code, False), result.text
        assert case.words in result.out
        assert all(fault.hits for fault in running.emulator.faults.active())
        for name, most in case.most_calls.items():
            assert len(running.emulator.journal.calls(name)) <= most
        assert content(site.database) != undisturbed[False] or case.code == 0

        running.emulator.faults.clear()
        if case.next_day:
            assert_waits_for_tomorrow(site, running)
            running.emulator.clock.advance(DAYS_AFTER)
            # days without rows that were first requested today are confirmed tomorrow
            site.run(*SYNC, *case.then)
            running.emulator.clock.advance(DAYS_AFTER)
        result = site.run(*SYNC, *case.then)
        assert result.code == 0, result.text
        assert content(site.database) == undisturbed[case.next_day]


def assert_waits_for_tomorrow(site: Site, running: RunningEmulator) -> None:
    """No calls of an endpoint are made after 45009, by other processes either."""
    used_up = {call.endpoint for call in running.emulator.journal.calls(errcode=45009)}
    running.emulator.journal.clear()
    result = site.run(*SYNC)
    assert (result.code, '"why":"quota"' in result.out) == (3, True)
    assert not {c.endpoint for c in running.emulator.journal.calls("/datacube/*")} & used_up


def test_a_daily_budget_is_shared_by_several_runs(new_site: MakeSite) -> None:
    with RunningEmulator(days=15, accounts=1) as running:
        site = new_site(running, sync="daily_calls_per_endpoint = 6")
        codes = [site.run(*SYNC).code for _ in range(3)]
        assert codes == [3, 3, 3]
        call_counts = {name: len(running.emulator.journal.calls(name)) for name in ONLY}
        assert max(call_counts.values()) == 6
        (report,) = site.run(*SYNC).lines
        left = report["left"]
        assert isinstance(left, list)
        assert {one["why"] for one in left} == {"budget"}
        running.emulator.clock.advance(DAYS_AFTER)
        running.emulator.journal.clear()
        site.run(*SYNC)
        assert max(len(running.emulator.journal.calls(name)) for name in ONLY) == 6


def test_wrong_credentials_stop_the_account_only(
    running: RunningEmulator, new_site: MakeSite
) -> None:
    site = new_site(running)
    site.environment["SECRET_OF_0"] = "0" * 32
    result = site.run("sync", "--json", "--only", "getusersummary")
    assert result.code == 3
    assert "40125" in result.out
    answered = running.emulator.journal.calls("/datacube/*", errcode=0)
    assert {call.appid for call in answered} == {running.emulator.accounts[1].appid}


def test_a_server_that_does_not_answer_is_reported(new_site: MakeSite) -> None:
    with RunningEmulator(days=15, accounts=1) as running:
        site = new_site(running)
    result = site.run("sync", "--only", "getusersummary", "--quiet")
    assert result.code == 3
    assert "check the network and base_url" in " ".join(result.err.split())


def test_endpoints_that_work_are_finished_while_others_fail(new_site: MakeSite) -> None:
    """One run is enough for the healthy endpoints, and the calls of the sick ones are bounded."""
    with RunningEmulator(days=50, accounts=1) as running:
        site, emulator = new_site(running, sync="attempts = 1"), running.emulator
        emulator.faults.add(Fault(errcode=-1, path="getarticle*"))
        assert site.run("sync", "--quiet", "--only", "user", "--only", "content").code == 3
        (app,) = emulator.accounts
        with Warehouse.open(site.database, read_only=True) as warehouse:
            for name in ("getusersummary", "getusercumulate"):
                entries = warehouse.coverage(app.appid, named(name))
                assert [entry.state for entry in entries.values()] == [State.FINAL] * 50
        calls = Counter(call.endpoint for call in emulator.journal.calls(errcode=-1))
        assert calls.keys() == {"getarticleread", "getarticleshare", "getarticletotaldetail"}
        assert max(calls.values()) <= 8
