"""Whatever goes wrong at WeChat, a sync ends in order, and a later one makes up for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from support.command_line import MakeSite, Site
from support.database import Content, content
from wxcube.emulator.faults import Fault
from wxcube.testing import RunningEmulator

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
"""Calls under way at once: so many may be refused before it is known."""


@dataclass(frozen=True)
class Case:
    """A fault, how the sync it meets ends, and what the next one needs."""

    id: str
    faults: tuple[Fault, ...]
    code: int
    """0: all was answered in the end, 3: some calls were not."""
    words: str = ""
    """What the report says of it."""
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
    Case("-1 for a moment", (Fault(errcode=-1, times=3),), 0),
    Case("-1 for hours", (Fault(errcode=-1, path="getusercumulate"),), 3, "errcode -1"),
    Case(
        "slow",
        (Fault(slow_seconds=1.5, path="getupstreammsgdist", times=2),),
        3,
        "no answer within 0.5 s",
        settings="timeout_seconds = 0.5\nattempts = 2",
    ),
    Case("cut off for a moment", (Fault(cut=0.5, times=3),), 0),
    Case(
        "cut off again and again",
        (Fault(cut=0.9, path="getarticleread"),),
        3,
        "the answer was cut off",
    ),
    Case("HTTP 502 for a moment", (Fault(status=502, times=3),), 0),
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
    """The content after a sync, and after another one a day later."""
    from support.command_line import site_of

    found = {}
    with RunningEmulator(days=15, accounts=1) as running:
        site = site_of(tmp_path_factory.mktemp("undisturbed"), running)
        for later in (False, True):
            assert site.run(*SYNC).code == 0
            found[later] = content(site.database)
            running.emulator.clock.advance(DAYS_AFTER)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_fault_costs_nothing_in_the_end(
    case: Case, new_site: MakeSite, undisturbed: dict[bool, Content]
) -> None:
    with RunningEmulator(days=15, accounts=1) as running:
        site = new_site(running, sync=case.settings)
        for fault in case.faults:
            running.emulator.faults.add(fault)
        said = site.run(*SYNC)
        assert (said.code, "Traceback" in said.text) == (case.code, False), said.text
        assert case.words in said.out
        assert all(p.struck for p in running.emulator.faults.planted())
        for name, most in case.most_calls.items():
            assert len(running.emulator.journal.calls(name)) <= most
        assert content(site.database) != undisturbed[False] or case.code == 0

        running.emulator.faults.clear()
        if case.next_day:
            assert_waits_for_tomorrow(site, running)
            running.emulator.clock.advance(DAYS_AFTER)
        said = site.run(*SYNC, *case.then)
        assert said.code == 0, said.text
        assert content(site.database) == undisturbed[case.next_day]


def assert_waits_for_tomorrow(site: Site, running: RunningEmulator) -> None:
    """An endpoint without calls for today is left alone, also by another process."""
    used_up = {call.endpoint for call in running.emulator.journal.calls(errcode=45009)}
    running.emulator.journal.clear()
    said = site.run(*SYNC)
    assert (said.code, '"why":"quota"' in said.out) == (3, True)
    assert not {c.endpoint for c in running.emulator.journal.calls("/datacube/*")} & used_up


def test_a_daily_budget_is_kept_over_several_runs(new_site: MakeSite) -> None:
    with RunningEmulator(days=15, accounts=1) as running:
        site = new_site(running, sync="daily_calls_per_endpoint = 6")
        codes = [site.run(*SYNC).code for _ in range(3)]
        assert codes == [3, 3, 3]
        made = {name: len(running.emulator.journal.calls(name)) for name in ONLY}
        assert max(made.values()) == 6
        (report,) = site.run(*SYNC).lines
        left = report["left"]
        assert isinstance(left, list)
        assert {one["why"] for one in left} == {"budget"}
        running.emulator.clock.advance(DAYS_AFTER)
        running.emulator.journal.clear()
        site.run(*SYNC)
        assert max(len(running.emulator.journal.calls(name)) for name in ONLY) == 6


def test_wrong_credentials_end_the_sync_of_the_account_only(
    running: RunningEmulator, new_site: MakeSite
) -> None:
    site = new_site(running)
    site.environment["SECRET_OF_0"] = "0" * 32
    said = site.run("sync", "--json", "--only", "getusersummary")
    assert said.code == 3
    assert "40125" in said.out
    answered = running.emulator.journal.calls("/datacube/*", errcode=0)
    assert {call.appid for call in answered} == {running.emulator.accounts[1].appid}


def test_a_server_that_is_gone_is_told_so(new_site: MakeSite) -> None:
    with RunningEmulator(days=15, accounts=1) as running:
        site = new_site(running)
    said = site.run("sync", "--only", "getusersummary", "--quiet")
    assert said.code == 3
    assert "check the network and the base URL" in " ".join(said.err.split())
