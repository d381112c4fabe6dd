"""Damaged and missing facts are found and repaired; intact ones are left unchanged."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from support.event_files import lines
from support.events import crowded, moment
from wxcube.beijing import BEIJING, ManualClock, day_of_number
from wxcube.cli.main import run
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.cube.compute import CUBE_ENDPOINTS
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.checkup import DAMAGED, Problem, Repair, check
from wxcube.cube.incremental.fact_files import FACTS
from wxcube.cube.incremental.ledger import FILE, LOCK, SUM, VERSION, Ledger, ledger_damage
from wxcube.errors import EventStoreError
from wxcube.events import kinds as ev
from wxcube.events.store.durable import locked
from wxcube.events.store.retention import retain
from wxcube.warehouse.store import Warehouse

EVER = Window(date(2010, 1, 1), date(2040, 1, 1))


@dataclass(frozen=True)
class Site:
    """A folder with events, facts and a warehouse, and the command line in it."""

    folder: Path
    clock: ManualClock
    run_cli: Callable[..., tuple[int, str]]

    @property
    def events(self) -> Path:
        return self.folder / "events"

    @property
    def facts(self) -> Path:
        return self.events / "facts"

    def files(self, fact: str = "") -> list[Path]:
        """The valid files of a fact, or of all facts."""
        with Ledger(self.facts, read_only=True) as ledger:
            fact_of = {one.file: one.fact for one in ledger.fact_files()}
        paths = (path for path in self.facts.rglob("*.parquet") if path.name in fact_of)
        return sorted(path for path in paths if fact in {"", fact_of[path.name]})

    def problems(self, *, deep: bool = False) -> list[Problem]:
        with DuckDbEngine(memory_limit="512MB", threads=1) as engine:
            return check(self.events, engine, deep=deep)

    def rows(self) -> dict[tuple[str, str], Any]:
        """Rows and states of days of every account and endpoint."""
        paths: dict[tuple[str, str], Any] = {}
        with Warehouse.open(self.folder / "wxcube.db", read_only=True) as warehouse:
            for account in warehouse.accounts():
                for endpoint in CUBE_ENDPOINTS:
                    entries = warehouse.coverage(account, endpoint, Origin.CUBE)
                    paths[account, endpoint.name] = (
                        warehouse.read(account, endpoint, EVER, Origin.CUBE),
                        {day: entry.state for day, entry in entries.items()},
                    )
        assert paths
        return paths

    def state(self) -> dict[Path, str]:
        """The checksum of every file but SQLite's temporary ones."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {
            path: sha256(path.read_bytes()).hexdigest()
            for path in files
            if not path.name.endswith(("-shm", "-wal"))
        }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ManualClock]:
    """A folder with a store whose events are built."""
    folder = tmp_path_factory.mktemp("built")
    events, _ = crowded(5, 500)
    first = min(one.at for one in events)
    events = [one for one in events if one.at < first + 9 * 86_400]
    # some days later, so that there are facts of days without events
    clock = ManualClock(datetime.fromtimestamp(first + 15 * 86_400, BEIJING))
    (folder / "wxcube.toml").write_text("[events]\ngroup_count = 2\n", encoding="utf-8")
    (folder / "e.jsonl").write_bytes(lines(events))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["events", "ingest", "e.jsonl", "--json"], clock=clock) == 0
        assert run(["cube", "build", "--json"], clock=clock) == 0
    return folder, clock


@pytest.fixture
def new_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[ManualClock], Site]:
    for name in ("LC_ALL", "LC_MESSAGES", "WXCUBE_EVENTS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C")

    def made(clock: ManualClock) -> Site:
        folder = tmp_path / "site"
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)

        def run_cli(*words: str) -> tuple[int, str]:
            capsys.readouterr()
            code = run(list(words), clock=clock)
            out, err = capsys.readouterr()
            return code, out + err

        return Site(folder, clock, run_cli)

    return made


@pytest.fixture
def site(
    built: tuple[Path, ManualClock], new_site: Callable[[ManualClock], Site], tmp_path: Path
) -> Site:
    shutil.copytree(built[0], tmp_path / "site")
    return new_site(built[1])


def damaged_somehow(path: Path, how: str) -> None:
    raw = path.read_bytes()
    path.unlink()
    if how != "gone":
        cut = {"a byte less": raw[:-1], "half": raw[: len(raw) // 2], "empty": b""}
        path.write_bytes(cut.get(how, b"no Parquet at all " * 20))


# --- no problems ----------------------------------------------------------------------------------


@pytest.mark.parametrize("deep", [False, True])
def test_intact_facts_have_no_problems_and_are_not_changed(site: Site, deep: bool) -> None:
    before = site.state()
    assert site.problems(deep=deep) == []
    assert site.run_cli("doctor", *(["--deep"] if deep else []))[0] == 0
    assert site.state() == before


@pytest.mark.parametrize("seed", range(2))
def test_days_without_facts_of_some_kind_are_no_problem(
    new_site: Callable[[ManualClock], Site], seed: int
) -> None:
    """Few events, so that most days have no facts of one kind or another."""
    events, through = crowded(seed, 25)
    middle = through - timedelta(days=2)
    clock = ManualClock(datetime(middle.year, middle.month, middle.day, 9, tzinfo=BEIJING))
    site = new_site(clock)
    for part in (events[:15], events[15:]):
        (site.folder / "e.jsonl").write_bytes(lines(part))
        assert site.run_cli("events", "ingest", "e.jsonl")[0] == 0
        assert site.run_cli("cube", "build", "--json")[0] == 0
        assert site.problems(deep=True) == []
        clock.advance(timedelta(days=40))


def test_events_stored_since_are_no_problem(site: Site) -> None:
    events, _ = crowded(9, 60)
    later = [msgspec.structs.replace(one, id=f"later-{one.id}") for one in events]
    (site.folder / "later.jsonl").write_bytes(lines(later))
    assert site.run_cli("events", "ingest", "later.jsonl")[0] == 0
    assert site.problems() == []


def test_before_the_first_build_there_are_no_problems(
    new_site: Callable[[ManualClock], Site], tmp_path: Path
) -> None:
    site = new_site(ManualClock(datetime(2026, 3, 10, 9, tzinfo=BEIJING)))
    (site.folder / "e.jsonl").write_bytes(lines(crowded(1, 20)[0]))
    assert site.run_cli("events", "ingest", "e.jsonl")[0] == 0
    assert site.problems() == []
    site.facts.mkdir()
    assert site.problems() == []
    assert not list(site.facts.iterdir())


# --- facts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["empty", "half", "a byte less", "no Parquet"])
def test_a_damaged_file_of_every_fact_is_found(site: Site, how: str) -> None:
    dice = Random(how)
    some = [dice.choice(site.files(fact)) for fact in FACTS]
    for path in some:
        damaged_somehow(path, how)
    assert {f.path: f.repair for f in site.problems()} == dict.fromkeys(some, Repair.MARK)


@pytest.mark.parametrize(("fact", "how"), [*zip(FACTS, cycle(["gone", "half"]), strict=False)])
def test_the_repair_of_a_file_gives_the_same_rows(site: Site, fact: str, how: str) -> None:
    rows, status = site.rows(), site.run_cli("cube", "status")
    path = Random(how).choice(site.files(fact))
    damaged_somehow(path, how)
    [problem] = site.problems()
    days = len({day for day, _ in problem.partitions})
    code, result = site.run_cli("doctor", "--repair")
    assert code == 0
    assert f"✗ {path.relative_to(site.folder)}: " in result
    assert "wxcube doctor --repair" in result
    assert f"{days} day{'s' * (days > 1)} marked (" in result
    assert "run `wxcube cube build`" in result
    assert site.run_cli("cube", "status") != status
    assert site.run_cli("cube", "build", "--json")[0] == 0
    assert site.problems() == []
    assert site.rows() == rows
    assert site.run_cli("cube", "status") == status


@pytest.mark.parametrize("seed", range(2))
def test_exactly_the_missing_files_are_found(site: Site, seed: int) -> None:
    dice = Random(seed)
    files = site.files()
    gone = dice.sample(files, dice.randint(1, len(files)))
    for path in gone:
        path.unlink()
    assert {f.path: f.repair for f in site.problems()} == dict.fromkeys(gone, Repair.MARK)


def test_several_problems_are_repaired_together(site: Site) -> None:
    rows = site.rows()
    some = Random(3).sample(site.files(), 5)
    for path, how in zip(some, cycle(("gone", "half", "empty")), strict=False):
        damaged_somehow(path, how)
    assert {f.path for f in site.problems()} == set(some)
    assert site.run_cli("doctor", "--repair")[0] == 0
    assert site.run_cli("cube", "build", "--json")[0] == 0
    assert site.problems() == []
    assert site.rows() == rows


def test_missing_facts_are_all_found_and_repaired(site: Site) -> None:
    rows, files = site.rows(), site.files()
    for path in site.facts.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    assert [f.path for f in site.problems()] == files
    assert site.run_cli("doctor", "--repair")[0] == 0
    assert site.run_cli("cube", "build", "--json")[0] == 0
    assert site.problems() == []
    assert site.rows() == rows


def test_damage_in_the_middle_of_a_file_is_found_by_a_deep_check(site: Site) -> None:
    path = max(site.files(), key=lambda p: p.stat().st_size)
    raw = bytearray(path.read_bytes())
    raw[8 : len(raw) // 3] = bytes(len(raw) // 3 - 8)
    path.write_bytes(raw)
    assert [f.path for f in site.problems(deep=True)] == [path]


def test_facts_of_changed_days_are_not_serious(site: Site) -> None:
    path = site.files()[0]
    path.write_bytes(b"")
    [problem] = site.problems()
    new = [
        ev.Message(
            id=f"new{day}-{letter}",
            account=f"wxdemo-{letter}",
            at=moment(day_of_number(day)),
            user="o1",
            msg_type=1,
        )
        for day in {day for day, _ in problem.partitions}
        for letter in "abcd"
    ]
    (site.folder / "new.jsonl").write_bytes(lines(new))
    assert site.run_cli("events", "ingest", "new.jsonl")[0] == 0
    assert [(f.path, f.repair) for f in site.problems()] == [(path, Repair.BUILD)]
    code, result = site.run_cli("doctor")
    assert code == 0
    assert f"! {path.relative_to(site.folder)}: " in result
    assert site.run_cli("cube", "build", "--json")[0] == 0
    assert site.problems() == []


# --- facts that cannot be recomputed --------------------------------------------------------------


@pytest.fixture
def long_site(new_site: Callable[[ManualClock], Site]) -> Site:
    """Five months with a message and a reader each day, built month by month."""
    first = date(2026, 1, 1)
    clock = ManualClock(datetime(2026, 6, 30, 9, tzinfo=BEIJING))
    site = new_site(clock)
    events: list[Any] = [
        ev.Publish(id=f"p{n}", account="wxdemo-a", at=moment(first), msgid=f"{n}_1", title="t")
        for n in range(1, 7)
    ]
    for n in range(150):
        at = moment(first + timedelta(days=n), 40_000)
        who: dict[str, Any] = {"account": "wxdemo-a", "at": at, "user": f"o{n % 7}"}
        events += [
            ev.Message(id=f"m{n}", msg_type=1, **who),
            ev.Read(id=f"r{n}", msgid="1_1", **who),
        ]
    (site.folder / "e.jsonl").write_bytes(lines(events))
    (site.folder / "wxcube.toml").write_text("[events]\ngroup_count = 1\n", encoding="utf-8")
    assert site.run_cli("events", "ingest", "e.jsonl")[0] == 0
    for month in range(1, 6):
        last = date(2026, month + 1, 1) - timedelta(days=1)
        assert site.run_cli("cube", "build", "--json", "--to", str(last))[0] == 0
    return site


def by_time(files: Iterable[Path]) -> list[Path]:
    """Fact files ordered by the days in their names."""
    return sorted(files, key=lambda path: path.name[:17])


def test_facts_deleted_by_retention_are_no_problem(long_site: Site) -> None:
    site = long_site
    assert site.problems() == []
    before = site.files()
    removed = retain(site.events, site.clock.now(), event_days=None, fact_days=60)
    assert removed.fact_days > 60
    left = by_time(site.files())
    assert len(left) < len(before)
    assert site.problems() == []
    left[0].write_bytes(b"")
    left[-1].write_bytes(b"")
    assert {f.path: f.repair for f in site.problems()} == {
        left[0]: Repair.BACKUP,
        left[-1]: Repair.MARK,
    }
    code, result = site.run_cli("doctor", "--repair")
    assert code == 1
    assert "restore it from a backup" in result


def test_a_single_missing_old_file_is_found(long_site: Site) -> None:
    """Retention would have deleted the others of its time too."""
    january = [path for path in long_site.files() if path.name[9:17] == "20260131"]
    assert len(january) > 1
    january[0].unlink()
    assert [(f.path, f.repair) for f in long_site.problems()] == [(january[0], Repair.MARK)]


def test_facts_of_deleted_events_need_a_backup(long_site: Site) -> None:
    site = long_site
    retain(site.events, site.clock.now(), event_days=40, fact_days=None)
    oldest = by_time(site.files())[0]
    oldest.write_bytes(b"")
    assert [(f.path, f.repair) for f in site.problems()] == [(oldest, Repair.BACKUP)]
    (site.facts / FILE).write_bytes(b"")
    assert [f.repair for f in site.problems()] == [Repair.BACKUP_ALL]
    (site.facts / SUM).write_bytes(b"")
    assert [f.repair for f in site.problems()] == [Repair.BACKUP_ALL]
    before = site.state()
    assert site.run_cli("doctor", "--repair")[0] == 1
    assert site.state() == before


# --- the ledger -----------------------------------------------------------------------------------


def other_layout(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")


def torn(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096 : len(raw) // 2] = b"\xff" * (len(raw) // 2 - 4096)
    path.write_bytes(raw)


LEDGERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no database": (lambda path: path.write_bytes(b"no database " * 500), "cannot be read"),
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "gone": (Path.unlink, "it is missing"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:5000]), "malformed|damaged"),
    "torn": (torn, "malformed|damaged"),
    "of another layout": (other_layout, "layout"),
}


def test_a_damaged_ledger_is_found(site: Site) -> None:
    ledger = site.facts / FILE
    good = ledger.read_bytes()
    for damage, words in LEDGERS.values():
        damage(ledger)
        [problem] = site.problems()
        assert (problem.path, problem.repair) == (ledger, Repair.NEW_LEDGER)
        assert any(word in problem.what for word in words.split("|")), problem.what
        ledger.write_bytes(good)
    assert site.problems() == []


@pytest.mark.parametrize("how", ["no database", "gone"])
def test_the_repair_of_a_ledger_gives_the_same_rows(site: Site, how: str) -> None:
    rows, status = site.rows(), site.run_cli("cube", "status")
    ledger = site.facts / FILE
    LEDGERS[how][0](ledger)
    there = ledger.exists()
    assert site.run_cli("doctor")[0] == 1
    assert site.run_cli("doctor", "--repair")[0] == 0
    assert (site.facts / DAMAGED).exists() == there
    assert site.problems() == []
    assert site.run_cli("cube", "status") != status
    assert site.run_cli("cube", "build", "--json")[0] == 0
    assert site.problems(deep=True) == []
    assert site.rows() == rows
    assert site.run_cli("cube", "status") == status


def damaged_contents(content: bytes, dice: Random) -> list[bytes | None]:
    """A file without some of its end, with a flipped bit, and without anything; None: removed."""
    damaged: list[bytes | None] = [content[:length] for length in range(len(content) - 1)]
    for place in range(len(content) - 1):
        flipped = bytearray(content)
        flipped[place] ^= 1 << dice.randrange(8)
        damaged.append(bytes(flipped))
    return [*damaged, None]


def put(path: Path, content: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)


def test_any_damage_of_the_checksum_of_a_ledger_is_found(site: Site) -> None:
    path = site.facts / SUM
    good = path.read_bytes()
    for content in damaged_contents(good, Random(1)):
        put(path, content)
        what = ledger_damage(site.facts)[1]
        assert "the ledger next to it cannot be checked" in what, content
    [problem] = site.problems()
    assert (problem.path, problem.repair) == (path, Repair.NEW_LEDGER)
    path.write_bytes(good)
    assert site.problems() == []


@pytest.mark.parametrize("how", ["a byte less", "gone"])
def test_a_ledger_that_cannot_be_checked_gets_no_new_checksum(site: Site, how: str) -> None:
    rows = site.rows()
    put(site.facts / SUM, (site.facts / SUM).read_bytes()[:-2] if how != "gone" else None)
    before = site.state()
    code, result = site.run_cli("cube", "build", "--json")
    assert code == 1
    assert SUM in result
    assert "doctor --repair" in result
    assert site.state() == before
    assert site.run_cli("doctor")[0] == 1
    assert site.run_cli("doctor", "--repair")[0] == 0
    assert site.run_cli("cube", "build", "--json")[0] == 0
    assert site.problems(deep=True) == []
    assert site.rows() == rows


def test_a_ledger_of_an_earlier_version_has_a_checksum_after_the_next_build(site: Site) -> None:
    (site.facts / SUM).unlink()
    with closing(sqlite3.connect(site.facts / FILE)) as connection:
        connection.execute("PRAGMA application_id=0")
    assert site.problems() == []
    assert site.run_cli("cube", "build", "--json")[0] == 0
    assert site.problems() == []
    (site.facts / SUM).unlink()
    assert [one.path for one in site.problems()] == [site.facts / SUM]


def test_a_ledger_without_a_database_is_repaired_too(site: Site) -> None:
    rows = site.rows()
    (site.facts / FILE).unlink()
    for path in site.folder.glob("wxcube.db*"):
        path.unlink()
    assert site.run_cli("doctor", "--repair")[0] == 0
    assert site.run_cli("cube", "build", "--json")[0] == 0
    assert site.rows() == rows


# --- other processes ------------------------------------------------------------------------------


def test_while_a_build_runs_its_files_are_not_checked(site: Site) -> None:
    site.files()[0].write_bytes(b"")
    with locked(site.facts / LOCK):
        [problem] = site.problems()
        code, result = site.run_cli("doctor")
    assert problem.repair is Repair.WAIT
    assert code == 0
    assert "a build is running" in result
    assert len(site.problems()) == 1


def test_a_damaged_event_store_is_reported_first(site: Site) -> None:
    (site.events / "state.json").write_bytes(b"{")
    with pytest.raises(EventStoreError):
        site.problems()
    code, result = site.run_cli("doctor", "--repair")
    assert code == 1
    assert "state.json" in result
    assert "facts were not checked" in result
    assert "Traceback" not in result


def test_as_json(site: Site) -> None:
    path = site.files()[0]
    path.write_bytes(b"")
    [problem] = site.problems()
    days = sorted({str(day_of_number(day)) for day, _ in problem.partitions})
    code, result = site.run_cli("doctor", "--repair", "--json")
    finding, done = (msgspec.json.decode(line) for line in result.splitlines())
    assert code == 0
    assert finding["file"].endswith(str(path.relative_to(site.folder)))
    assert finding["is_serious"]
    assert done == {"marked_days": days, "new_ledger": False}


def test_a_build_recomputes_a_missing_file_and_names_it(site: Site) -> None:
    path = by_time(site.files("touched"))[-1]
    last = date.fromisoformat(path.name[9:17])
    new = [
        ev.Read(
            id=f"new-{letter}", account=f"wxdemo-{letter}", at=moment(last), user="o", msgid="1_1"
        )
        for letter in "abcd"
    ]
    (site.folder / "new.jsonl").write_bytes(lines(new))
    assert site.run_cli("events", "ingest", "new.jsonl")[0] == 0
    path.unlink()
    code, result = site.run_cli("cube", "build")
    assert code == 0
    assert path.name in result.replace("\n", "").replace(" ", "")
    assert "recomputed from events" in " ".join(result.split())
    assert site.problems(deep=True) == []
