"""Random damage anywhere in the folder of events is told, but for bytes that are of no use."""

from __future__ import annotations

import os
import shutil
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support.built_store import GROUPS, Rows, built, rows_of
from support.event_files import open_store, store_events
from support.events import moment
from wxcube.beijing import BEIJING, ManualClock
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental import checkup
from wxcube.errors import WxcubeError
from wxcube.events import kinds as ev
from wxcube.events.store import keys
from wxcube.events.store import manifest as state
from wxcube.events.store.backlog import segments
from wxcube.events.store.check import check

FLIPS = int(os.environ.get("WXCUBE_FLIPS", "30"))
INJURIES = int(os.environ.get("WXCUBE_INJURIES", "30"))
SEED = int(os.environ.get("WXCUBE_SEED", "12"))
ACCOUNTS = ("wxdemo-a", "wxdemo-b", "wxdemo-c", "wxdemo-d")
FIRST = datetime(2026, 2, 26, tzinfo=BEIJING)
SMALL_CHUNK, ONE_CHUNK = 20_000, 2_000_000
NOW = FIRST + timedelta(days=8, hours=9)


def events_of(dice: Random, first_day: int, days: int, number: int) -> list[ev.AnyEvent]:
    """Events of every account on some days."""
    return [_event(dice, f"{first_day}-{n}", first_day + n % days) for n in range(number)]


def _event(dice: Random, identity: str, day: int) -> ev.AnyEvent:
    at = moment((FIRST + timedelta(days=day)).date(), dice.randrange(86_400))
    head: dict[str, Any] = {"id": identity, "account": dice.choice(ACCOUNTS), "at": at}
    user, msgid = f"o{dice.randrange(20)}", f"{dice.randrange(1, 4)}_1"
    made: list[Callable[[], ev.AnyEvent]] = [
        lambda: ev.Follow(**head, user=user),
        lambda: ev.Message(**head, user=user, msg_type=1),
        lambda: ev.Reply(**head, ms=dice.randrange(100)),
        lambda: ev.Publish(**head, msgid=msgid, title="标题"),
        lambda: ev.Read(**head, user=user, msgid=msgid, source=dice.randrange(8)),
        lambda: ev.Share(**head, user=user, msgid=msgid),
    ]
    return dice.choice(made)()


@dataclass(frozen=True)
class Outcome:
    """What doctor and then the build reported, and the rows."""

    by_doctor: list[str]
    by_build: list[str]
    rows: Rows

    @property
    def told(self) -> list[str]:
        return self.by_doctor + self.by_build

    @property
    def kind(self) -> str:
        """Who noticed the damage."""
        who = [
            name for name, said in (("doctor", self.by_doctor), ("build", self.by_build)) if said
        ]
        return f"noticed by {' and '.join(who)}" if who else "harmless"


def problems(folder: Path) -> list[str]:
    """What doctor finds."""
    store = folder / "events"
    found = [f"{one.file}: {one.what}" for one in check(store, NOW)]
    try:
        with DuckDbEngine(threads=1) as engine:
            found += [f"{one.path}: {one.what}" for one in checkup.check(store, engine)]
    except WxcubeError as error:
        found.append(str(error))
    return found


def outcome(folder: Path, chunk_bytes: int = ONE_CHUNK) -> Outcome:
    by_doctor, by_build = problems(folder), list[str]()
    try:
        result, by_build = built(folder, NOW, chunk_bytes=chunk_bytes)
        by_build += [
            f"{path}: {why}"
            for path, why in (*result.unreadable.items(), *result.recomputed.items())
        ]
    except WxcubeError as error:
        by_build.append(str(error))
    return Outcome(by_doctor, by_build, rows_of(folder))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of which some days are built, some compacted, and some in the log."""
    dice, folder = Random(1), tmp_path_factory.mktemp("template")
    with open_store(folder / "events", clock=ManualClock(NOW), groups=GROUPS) as store:
        # this gives the accounts their numbers, and so their groups
        opened = moment(FIRST.date())
        store_events(store, [ev.Open(id="open", account=one, at=opened) for one in ACCOUNTS])
        store_events(store, events_of(dice, 0, 5, 300))
        assert store.accounts() == ACCOUNTS
    built(folder, NOW)
    for first_day, is_compacted in ((3, True), (6, True), (5, False), (7, False)):
        with open_store(folder / "events", clock=ManualClock(NOW), groups=GROUPS) as store:
            store_events(store, events_of(dice, first_day, 1, 80))
            if is_compacted:
                store.compact()
    assert problems(folder) == []
    return folder


@pytest.fixture(scope="module")
def expected(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("expected") / "site"
    shutil.copytree(template, folder)
    undamaged = outcome(folder)
    assert undamaged.told == []
    assert all(undamaged.rows.values())
    assert undamaged.rows != rows_of(template)
    return undamaged


def flip(path: Path, _other: Path, dice: Random) -> None:
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def cut(path: Path, _other: Path, dice: Random) -> None:
    os.truncate(path, dice.choice([0, dice.randrange(path.stat().st_size)]))


def delete(path: Path, _other: Path, _dice: Random) -> None:
    path.unlink()


def swap(path: Path, other: Path, _dice: Random) -> None:
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


def group_of(path: Path) -> int | None:
    """The group of a file of events or facts."""
    name = path.parent.name
    return int(name[1:]) if name.startswith("g") else None


def is_without_use(template: Path, path: Path, content: bytes) -> bool:
    """Whether the bytes of a file that differ are of no use any more, and hide nothing.

    Those are batches of the log that are in daily files already, and blanks around a key. Segments
    that were swapped have their names in them.
    """
    before = (template / path).read_bytes()
    if content in [one.read_bytes() for one in segments(template / "events")]:
        return True
    if content.strip() == before.strip():
        return path.name in {keys.USER_KEY, keys.ID_KEY} or content == before
    consumed = state.load(template / "events").consumed.get(path.name, 0)
    return len(content) == len(before) and content[consumed:] == before[consumed:]


def assert_harmless_or_told(
    template: Path, expected: Outcome, folder: Path, injure: Any, dice: Random
) -> str:
    """Damage a copy of the store; who noticed it, or "harmless" if the bytes are of no use."""
    shutil.copytree(template, folder)
    files = sorted(p for p in (folder / "events").rglob("*") if p.is_file() and p.stat().st_size)
    path = dice.choice(files)
    other = dice.choice([p for p in files if p.suffix == path.suffix and p != path] or files)
    injured = {path, other} if injure is swap else {path}
    injure(path, other, dice)
    contents = {p.relative_to(folder): p.read_bytes() if p.exists() else b"" for p in injured}
    case = f"{injure.__name__} {', '.join(str(p.relative_to(folder)) for p in sorted(injured))}"
    after = outcome(folder, dice.choice((SMALL_CHUNK, *[ONE_CHUNK] * 4)))
    print(f"{case}: {after.kind}", flush=True)  # noqa: T201 - to be read with pytest -s
    assert after.told or all(is_without_use(template, *one) for one in contents.items()), case
    before = rows_of(template)
    is_of_log = any(p.parent.name == "wal" for p in injured)
    groups = {group_of(p) for p in injured}
    for number, account in enumerate(ACCOUNTS):
        assert after.told or after.rows[account] == expected.rows[account], case
        known = expected.rows[account] | before[account]
        assert is_of_log or after.rows[account] <= known, (case, after.told)
        if None not in groups and number % GROUPS not in groups:
            assert after.rows[account] == expected.rows[account], (case, after.told)
    return after.kind


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: the machine is not stopped here."""
    for name in ("sync", "fsync"):
        monkeypatch.setattr(os, name, lambda *_: None)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.timeout(60 + 10 * (FLIPS + INJURIES))
def test_damage_anywhere_is_told(template: Path, expected: Outcome, tmp_path: Path) -> None:
    dice, counts, faults = Random(SEED), Counter[str](), list[str]()
    injuries: list[Any] = [flip] * FLIPS
    injuries += [dice.choice([cut, delete, swap]) for _ in range(INJURIES)]
    dice.shuffle(injuries)
    for number, injure in enumerate(injuries, 1):
        site = tmp_path / f"site{number}"
        try:
            end = assert_harmless_or_told(template, expected, site, injure, dice)
        # what crashes is a fault like what is wrong, and the other cases are tried all the same
        except Exception:  # noqa: BLE001
            end = "at fault"
            faults.append(f"case {number}: {traceback.format_exc()}")
        shutil.rmtree(site, ignore_errors=True)
        counts[f"{injure.__name__}: {end}"] += 1
        if number % 50 == 0 or number == len(injuries):
            # the counts are a result, of a long run that is ended early as well
            print(number, dict(sorted(counts.items())), *faults, flush=True)  # noqa: T201
    assert not faults, "\n".join(faults)
