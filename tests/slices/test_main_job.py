"""From an empty folder to every row: plan, sync and status over HTTP, and the calls of each sync."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from support.command_line import MakeSite, Site, Synced
from support.expected_calls import DAY, EMPTY_DAYS, ExpectedCalls
from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, Window, named
from wxcube.contract.endpoint import Endpoint
from wxcube.emulator.emulator import Emulator
from wxcube.emulator.journal import Entry
from wxcube.testing import RunningEmulator
from wxcube.warehouse.store import Warehouse

RETIRED = {
    "getarticlesummary",
    "getarticletotal",
    "getuserread",
    "getuserreadhour",
    "getusershare",
    "getusersharehour",
}


def datacube_calls(running: RunningEmulator) -> list[Entry]:
    return running.emulator.journal.calls("/datacube/*")


def cards_of(emulator: Emulator, appid: str) -> list[str]:
    known = emulator.simulation.accounts[appid].cards
    return [card.card_id for card in known if card.is_membership]


def truths(emulator: Emulator, appid: str, endpoint: Endpoint[Any]) -> list[Any]:
    """All rows of an account, over all parameters of calls."""
    if endpoint.name != "getcardmembercarddetail":
        return emulator.rows(appid, endpoint)
    cards = cards_of(emulator, appid)
    rows_by_card = [emulator.rows(appid, endpoint, {"card_id": card}) for card in cards]
    return [row for rows in rows_by_card for row in rows]


def assert_equal_to_the_truth(site: Site, emulator: Emulator) -> int:
    """Compare every row of all endpoints and accounts, and return their number."""
    count = 0
    with Warehouse.open(site.database, read_only=True) as warehouse:
        for app in emulator.accounts:
            for endpoint in ENDPOINTS:
                extent = warehouse.extent(app.appid, endpoint)
                stored = warehouse.read(app.appid, endpoint, extent) if extent else []
                assert stored == truths(emulator, app.appid, endpoint), f"{app.appid} {endpoint}"
                count += len(stored)
    return count


# --- one account, step by step, as its owner would ------------------------------------------------


def test_from_init_to_rows(running: RunningEmulator, new_site: MakeSite) -> None:
    site, app = new_site(running), running.account()
    site.settings.unlink()
    wrote = site.run("init", "--appid", app.appid, "--since", "2026-03-01")
    assert (wrote.code, "WXCUBE_SECRET_MAIN" in wrote.out) == (0, True)

    # what the template requires: a base URL (here the emulator's) and the secret
    text = site.settings.read_text(encoding="utf-8")
    edited = text.replace('token = "stable"', f'token = "stable"\nbase_url = "{running.url}"')
    site.settings.write_text(edited, encoding="utf-8")
    site.environment["WXCUBE_SECRET_MAIN"] = app.secret

    assert f"main  {app.appid}" in site.run("account").out.replace("  ", "  ")
    planned = site.run("plan")
    assert planned.code == 0
    assert "getusersummary" in planned.out
    assert not running.emulator.journal
    assert not site.database.exists()

    assert site.run("account", "check").out.startswith("✓ main: the token works")
    synced = site.run("sync", "--json")
    assert synced.code == 0, synced.text
    (report,) = synced.lines
    assert report["calls"] == report["planned"] == report["answered"]
    assert report["calls"] == len(datacube_calls(running)) - 1  # one was the check

    assert "getusersummary" in site.run("status").out
    assert "0 calls" not in synced.err
    again = site.run("plan", "--json").lines
    assert {line["endpoint"] for line in again} <= {"getarticletotaldetail", "getarticleread"}


# --- all endpoints --------------------------------------------------------------------------------


def test_a_first_sync_makes_the_fewest_calls(synced: Synced) -> None:
    emulator = synced.running.emulator
    first, last = emulator.simulation.first_day, emulator.last_day
    call_counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for call in synced.calls:
        call_counts[call.appid, call.endpoint] += 1
    for app in emulator.accounts:
        for endpoint in ENDPOINTS:
            fewest = ExpectedCalls(endpoint.name).fewest_calls_of_window(first, last)
            if endpoint.name == "getcardmembercarddetail":
                fewest *= len(cards_of(emulator, app.appid))
            granted = endpoint.permission_set in app.permission_sets
            assert call_counts[app.appid, endpoint.name] == (fewest if granted else min(fewest, 1))
    assert len(synced.calls) > 300


def test_every_row_equals_the_emulators(synced: Synced) -> None:
    assert assert_equal_to_the_truth(synced.site, synced.running.emulator) > 9_000
    filled = {e.name for e in ENDPOINTS if truths(synced.running.emulator, _first(synced), e)}
    assert filled == {e.name for e in ENDPOINTS}


def test_a_missing_permission_is_reported(synced: Synced) -> None:
    assert synced.result.code == 3
    assert "48001" in synced.result.err
    refused = [line for line in status(synced.site) if line["refused"]]
    without = synced.running.emulator.accounts[1].appid
    assert {(line["appid"], line["endpoint"]) for line in refused} == {
        (without, f"getcard{name}info") for name in ("bizuin", "card", "membercard")
    }
    assert all("48001" in str(line["why"]) for line in refused)


def test_status_shows_the_coverage_of_every_endpoint(synced: Synced) -> None:
    lines = {(line["appid"], line["endpoint"]): line for line in status(synced.site)}
    assert len(lines) == 2 * 25
    summary = lines[_first(synced), "getusersummary"]
    assert (summary["from"], summary["to"]) == ("2026-02-23", "2026-03-09")
    assert (summary["final"], summary["moving"], summary["why"]) == (15, 0, "")
    detail = lines[_first(synced), "getarticletotaldetail"]
    assert detail["moving"]
    cards = synced.running.emulator, _first(synced)
    assert lines[_first(synced), "getcardmembercarddetail"]["card_id"] in cards_of(*cards)
    shown = synced.site.run("status").out
    assert "2026-02-23  2026-03-09  15 final" in shown
    assert "shop0" in shown


def test_days_become_final_as_in_the_fact_sheet(synced: Synced) -> None:
    emulator, app = synced.running.emulator, _first(synced)
    now, known = emulator.clock.now(), Known(emulator)
    for endpoint in ENDPOINTS:
        calls = [c for c in synced.calls if (c.appid, c.endpoint) == (app, endpoint.name)]
        known.note(app, endpoint.name, known.due(app, endpoint.name), calls)
    with Warehouse.open(synced.site.database, read_only=True) as warehouse:
        for endpoint in ENDPOINTS:
            expected = ExpectedCalls(endpoint.name)
            for label, line in warehouse.coverage(_first(synced), endpoint).items():
                if line.fetched_at:
                    is_final = now >= expected.final_at(label)
                    assert (line.state == "final") == is_final, (endpoint.name, label)
                else:
                    is_late = now.date() - expected.period_end(label) >= EMPTY_DAYS * DAY
                    proved = is_late and known.is_proved(app, endpoint.name, label)
                    assert (line.state == "empty") == proved, (endpoint.name, label)


def test_a_plan_changes_nothing(copied: Site, synced: Synced) -> None:
    before, calls = copied.database.read_bytes(), len(datacube_calls(synced.running))
    assert copied.run("plan").code == 0
    assert copied.run("plan", "--json", "--only", "user").lines == []
    assert copied.database.read_bytes() == before
    assert len(datacube_calls(synced.running)) == calls


def status(site: Site) -> list[dict[str, object]]:
    result = site.run("status", "--json")
    assert result.code == 0, result.text
    return result.lines


def _first(synced: Synced) -> str:
    return synced.running.account().appid


# --- day after day --------------------------------------------------------------------------------


@dataclass
class Known:
    """The days requested so far; by the fact sheet and ADR 11, the days that are due."""

    emulator: Emulator
    asked: dict[tuple[str, str], dict[date, tuple[datetime, bool]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    confirmed: dict[tuple[str, str], set[date]] = field(default_factory=lambda: defaultdict(set))
    """Days without rows that a second answer or other rows of the same answer confirmed."""

    def due(self, appid: str, name: str) -> list[date]:
        """The ref_dates that a sync has to request now."""
        now = self.emulator.clock.now()
        labels = ExpectedCalls(name).labels(self.emulator.simulation.first_day, now.date() - DAY)
        return [label for label in labels if self._is_due(appid, name, label, now)]

    def _is_due(self, appid: str, name: str, label: date, now: datetime) -> bool:
        expected = ExpectedCalls(name)
        if label not in self.asked[appid, name]:
            return expected.ready_at(label) <= now
        at, had_rows = self.asked[appid, name][label]
        if had_rows:
            return at < expected.final_at(label) and newest_ready(now) > newest_ready(at)
        if at.date() - expected.period_end(label) < EMPTY_DAYS * DAY:
            return True
        return not self.is_proved(appid, name, label) and now.date() > at.date()

    def is_proved(self, appid: str, name: str, label: date) -> bool:
        """Whether a day without rows is confirmed by its own answers or by those of a sibling."""
        names = (name, SIBLINGS.get(name, name))
        return any(label in self.confirmed[appid, one] for one in names)

    def note(
        self, appid: str, name: str, labels: Iterable[date], calls: Iterable[Entry] = ()
    ) -> None:
        now, expected, asked = (
            self.emulator.clock.now(),
            ExpectedCalls(name),
            self.asked[appid, name],
        )
        filled = {row.ref_date for row in truths(self.emulator, appid, named(name))}
        final = {day for day in filled if now >= expected.final_at(day)}
        windows = [Window(c.begin_date, c.end_date) for c in calls if c.begin_date and c.end_date]
        for label in labels:
            is_late = now.date() - expected.period_end(label) >= EMPTY_DAYS * DAY
            later = any(label in w and any(label < day <= w.last for day in final) for w in windows)
            first = asked[label][0].date() if label in asked else now.date()
            is_second = (
                first < now.date() and first - expected.period_end(label) >= EMPTY_DAYS * DAY
            )
            if label not in filled and is_late and (later or is_second):
                self.confirmed[appid, name].add(label)
            asked[label] = (now, label in filled)


SIBLINGS = {
    "getupstreammsghour": "getupstreammsg",
    "getinterfacesummaryhour": "getinterfacesummary",
    "getuserreadhour": "getuserread",
    "getusersharehour": "getusershare",
    "getarticleread": "getbizsummary",
    "getarticleshare": "getbizsummary",
}
"""Endpoints whose days without rows are confirmed by those of another one."""


def newest_ready(moment: datetime) -> date:
    return (moment - timedelta(hours=8)).date() - DAY


MOMENTS = (
    "02-28 09:00",  # the first sync
    "02-28 09:05",  # right after it
    "03-01 09:00",  # a new day and a new month
    "03-02 07:00",  # before data is available
    "03-02 09:00",  # a new day and a new week
    "03-06 09:00",
)


def test_each_sync_requests_new_and_moving_days_only(new_site: MakeSite) -> None:
    with RunningEmulator(days=12, now=moment(MOMENTS[0]), accounts=1) as running:
        site = new_site(running, sync="include_retired = true")
        known, emulator = Known(running.emulator), running.emulator
        (app,) = emulator.accounts
        for text in MOMENTS:
            emulator.clock.set(moment(text))
            emulator.journal.clear()
            due = {e.name: known.due(app.appid, e.name) for e in ENDPOINTS}
            result = site.run("sync", "--quiet")
            assert result.code == 0, result.text
            for name, labels in due.items():
                calls = emulator.journal.calls(name, errcode=0)
                assert_asked(name, labels, calls)
                known.note(app.appid, name, labels, calls)
            assert_equal_to_the_truth(site, emulator)
        # the times include the end of a month
        months = known.asked[app.appid, "getupstreammsgmonth"]
        assert [str(label) for label in months] == ["2026-02-01"]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=BEIJING)


def assert_asked(name: str, due: list[date], calls: list[Entry]) -> None:
    """The calls request all due days, are the fewest possible, and begin and end with such a day."""
    windows = [Window(c.begin_date, c.end_date) for c in calls if c.begin_date and c.end_date]
    assert len(windows) == ExpectedCalls(name).fewest_calls(due), (name, due, windows)
    assert all(any(day in window for window in windows) for day in due)
    assert {day for window in windows for day in (window.first, window.last)} <= set(due)


def test_a_second_sync_requests_only_days_without_data(synced: Synced, copied: Site) -> None:
    emulator = synced.running.emulator
    emulator.journal.clear()
    result = copied.run("sync", "--quiet", "--json")
    assert result.code == 0, result.text
    for app in emulator.accounts:
        for endpoint in ENDPOINTS:
            filled = {row.ref_date for row in truths(emulator, app.appid, endpoint)}
            expected = ExpectedCalls(endpoint.name)
            labels = expected.labels(emulator.simulation.first_day, emulator.last_day)
            granted = endpoint.permission_set in app.permission_sets
            early = [
                d
                for d in labels
                if emulator.last_day - expected.period_end(d) < (EMPTY_DAYS - 1) * DAY
            ]
            due = [
                d
                for d in early
                if granted and d not in filled and expected.period_end(d) <= emulator.last_day
            ]
            assert_asked(endpoint.name, due, emulator.journal.calls(endpoint.name, app.appid))


# --- eras -----------------------------------------------------------------------------------------


def test_in_the_current_era_only_retired_calls_are_refused(
    new_site: MakeSite,
) -> None:
    with RunningEmulator(days=15, era="current", accounts=1) as running:
        site = new_site(running)
        quiet = site.run("sync", "--only", "article", "--only", "user", "--only", "interface")
        assert quiet.code == 0
        assert not {c.endpoint for c in datacube_calls(running)} & RETIRED

        result = site.run("sync")
        assert result.code == 0
        asked = site.run("sync", "--retired")
        assert asked.code == 3
        assert "47009" in asked.err
        by_name = {c.endpoint: c.errcode for c in datacube_calls(running)}
        assert {name for name, code in by_name.items() if code == 47009} == RETIRED
        calls = len(datacube_calls(running))
        assert_refused(site, RETIRED)
        assert_equal_to_the_truth(site, running.emulator)

        # the refusal of a retired endpoint is permanent: the next sync does not request it
        assert site.run("sync", "--retired").code == 0
        assert {c.endpoint for c in datacube_calls(running)[calls:]} & RETIRED == set()


def assert_refused(site: Site, names: set[str]) -> None:
    refused = {line["endpoint"]: line for line in status(site) if line["refused"]}
    assert refused.keys() == names
    assert all("47009" in str(line["why"]) for line in refused.values())


NOT_WORDS = re.compile(r"\b(get|wxdemo|shop|pDEMO|cards?)\w*")


@pytest.mark.parametrize("command", ["plan", "status", "account", "sync"])
def test_output_is_in_one_language(copied: Site, command: str) -> None:
    _forget_some_days(copied)
    output = {}
    for lang in ("zh", "en"):
        result = copied.run("--lang", lang, command)
        assert result.code == 0, result.text
        output[lang] = NOT_WORDS.sub("", result.text)
    assert re.search(r"[\u4e00-\u9fff]{2}", output["zh"])
    assert not re.findall(r"[A-Za-z]{4,}", output["zh"].replace("stable", "").replace("appid", ""))
    assert not re.findall(r"[\u4e00-\u9fff]", output["en"])


def _forget_some_days(site: Site) -> None:
    """Delete entries, so that a plan has calls."""
    with closing(sqlite3.connect(site.database)) as connection:
        connection.execute("delete from coverage where ref_date = '2026-03-05'")
        connection.commit()
