"""`wxcube cube`: from stored events to rows of the database, on the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import chain
from pathlib import Path
from time import sleep
from typing import Any

import msgspec
import pytest

from support.builds import assert_equal, distinct
from support.event_files import lines, message
from support.events import crowded, moment
from wxcube import beijing
from wxcube.beijing import BEIJING, ManualClock, day_of_number
from wxcube.cli.main import run
from wxcube.contract.source import Origin
from wxcube.contract.user import getusercumulate
from wxcube.contract.window import Window
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.ledger import Ledger
from wxcube.cube.incremental.schedule import NO_EVENTS, Rollup
from wxcube.errors import SettingsError
from wxcube.events.store.retention import retain
from wxcube.events.store.store import EventStore
from wxcube.jobs.cube_build import memory_bytes
from wxcube.jobs.cube_engine import OWN_OPTIONS, choose
from wxcube.settings import CubeSettings, EngineName, load
from wxcube.warehouse.store import Warehouse


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_events_are_ingested_built_and_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events, through = crowded(5, 200)
    clock = ManualClock(datetime(through.year, through.month, through.day, 9, tzinfo=BEIJING))
    (folder / "e.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(events))
    assert run(["events", "ingest", "e.jsonl", "--json"], clock=clock) == 0
    capsys.readouterr()
    assert run(["cube", "build", "--json"], clock=clock) == 0
    built = json.loads(capsys.readouterr().out)
    assert built["days"] > 0
    assert built["rows"] > 0
    assert run(["cube", "build", "--json"], clock=clock) == 0
    assert json.loads(capsys.readouterr().out)["days"] == 0
    assert run(["cube", "status", "--json"], clock=clock) == 0
    assert json.loads(capsys.readouterr().out)["through"] == built["through"]
    day = datetime.fromisoformat(built["through"]).date()
    with Warehouse.open(folder / "wxcube.db", read_only=True) as warehouse:
        [row] = warehouse.read(events[0].account, getusercumulate, Window(day, day), Origin.CUBE)
    assert row.ref_date == day


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def _scribble(file: Path) -> None:
    """Damage a file so that only reading all of it shows it."""
    content = bytearray(file.read_bytes())
    content[4:40] = b"x" * 36
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [_cut, _scribble, Path.unlink])
@pytest.mark.parametrize("family", ["activity", "publish"])
def test_an_event_file_that_cannot_be_read_stops_only_its_group(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    family: str,
    damage: Callable[[Path], None],
) -> None:
    events, through = crowded(5, 200)
    clock = ManualClock(datetime.combine(through + timedelta(days=1), time(9), BEIJING))
    (folder / "e.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(events))
    assert run(["events", "ingest", "e.jsonl", "--json"], clock=clock) == 0
    file = max((folder / "events" / "days").glob(f"*/g*/{family}-*.parquet"))
    content = file.read_bytes()
    damage(file)
    capsys.readouterr()
    assert run(["cube", "build", "--quiet"], clock=clock) == 3
    warning = " ".join(capsys.readouterr().err.split())
    assert (file.name in warning, "wxcube doctor" in warning) == (True, True)
    not_built = _accounts_of(folder, int(file.parent.name.removeprefix("g")))
    assert not_built
    others = [e for e in events if e.account not in not_built]
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        assert_equal(folder, others, through, engine)
        file.write_bytes(content)
        assert run(["cube", "build", "--quiet"], clock=clock) == 0
        assert_equal(folder, distinct(events), through, engine)


def _accounts_of(folder: Path, group: int) -> set[str]:
    with EventStore.open(folder / "events", create=False) as store:
        names = store.accounts()
        return {name for n, name in enumerate(names) if n % store.layout.groups == group}


def test_without_a_store_the_error_has_a_hint(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cube", "build"]) == 1
    assert "error:" in capsys.readouterr().err


def test_memory_sizes_have_units() -> None:
    assert memory_bytes("1.5GiB") == 3 << 29
    assert memory_bytes("2gb") == 2 * 10**9
    assert memory_bytes("") > 0
    with pytest.raises(SettingsError, match="not a memory size"):
        memory_bytes("much")
    with pytest.raises(SettingsError, match="too little"):
        memory_bytes("1MB")


# --- status --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CommandLine:
    """The command line on the last day with events, which is not over."""

    clock: ManualClock
    last: date
    capsys: pytest.CaptureFixture[str]

    def run_cli(self, *words: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = run(list(words), clock=self.clock)
        out, err = self.capsys.readouterr()
        return code, out, err

    def status(self) -> dict[str, Any]:
        code, out, _ = self.run_cli("cube", "status", "--json")
        assert code == 0
        return dict(json.loads(out))

    def build(self, *options: str) -> dict[str, Any]:
        code, out, _ = self.run_cli("cube", "build", "--json", *options)
        assert code == 0
        return dict(json.loads(out))


@pytest.fixture
def line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Events are stored, nothing is built."""
    monkeypatch.setenv("LANG", "C")
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    events, through = crowded(5, 200)
    (folder / "wxcube.toml").write_text("[events]\ngroup_count = 2\n", encoding="utf-8")
    (folder / "e.jsonl").write_bytes(lines(events))
    clock = ManualClock(datetime(through.year, through.month, through.day, 9, tzinfo=BEIJING))
    line = CommandLine(clock, beijing.yesterday(clock.now()), capsys)
    assert line.run_cli("events", "ingest", "e.jsonl")[0] == 0
    return line


def test_status_lists_the_days_of_the_next_build(line: CommandLine) -> None:
    status = line.status()
    assert status["through"] is None
    assert status["to"] == str(line.last)
    assert line.build()["days"] == len(status["changed"]) > 0
    built = {"through": str(line.last), "to": str(line.last)}
    assert line.status() == built | {"changed": [], "has_work": False, "waiting": 0}
    assert "nothing to compute" in line.run_cli("cube", "status")[1]


def test_after_the_facts_were_deleted_all_days_are_to_be_computed(line: CommandLine) -> None:
    before = line.status()
    line.build()
    shutil.rmtree("events/facts")
    assert line.status() == before
    days = before["changed"]
    assert line.run_cli("cube", "status")[1] == (
        f"not built yet; the next build computes {len(days)} days ({days[0]} … {days[-1]}), "
        f"through {line.last}\n"
    )
    assert line.build()["days"] == len(days)


def test_rows_of_a_lost_database_are_recomputed(line: CommandLine) -> None:
    before = line.status()
    rows = line.build()["rows"]
    for path in Path().glob("wxcube.db*"):
        path.unlink()
    assert line.status() == before
    assert not list(Path().glob("wxcube.db*"))
    code, out, err = line.run_cli("cube", "build", "--quiet")
    assert (code, f"{rows:,} rows written" in out) == (0, True)
    first = before["changed"][0]
    assert " ".join(err.split()).startswith(
        "! the database was replaced or restored from a backup since the last build: everything "
        f"from {first} on was recomputed"
    )
    assert line.build()["again"] is None
    assert line.status()["changed"] == []


def test_lost_rows_of_deleted_events_are_reported(line: CommandLine) -> None:
    first = line.status()["changed"][0]
    line.build()
    line.run_cli("events", "retain", "--events", "3")
    for path in Path().glob("wxcube.db*"):
        path.unlink()
    recomputed_from = line.status()["changed"][0]
    assert recomputed_from > first
    _, out, err = line.run_cli("--lang", "zh", "cube", "build", "--quiet")
    assert out.startswith("✓")
    assert "".join(err.split()) == (
        f"!上次计算之后，数据库换成了另一个或从备份恢复过：从{recomputed_from}起的全部数据已重新计算"
        "；更早日期的数据有缺失，因为其事件已按保留期删除：请恢复更新的备份"
    )
    assert line.status()["through"] == str(line.last)


def test_status_after_a_build_up_to_an_earlier_day(line: CommandLine) -> None:
    days = line.status()["changed"]
    line.build("--to", days[2])
    status = line.status()
    assert (status["through"], status["changed"]) == (days[2], days[3:])


def test_status_of_the_next_day_is_that_a_build_continues(line: CommandLine) -> None:
    line.build()
    line.clock.advance(timedelta(days=3))
    # the last day of the events was not over at the first build
    line.build()
    line.clock.advance(timedelta(days=1))
    status = line.status()
    assert (status["changed"], status["has_work"]) == ([], True)
    assert f"the next build continues through {status['to']}" in line.run_cli("cube", "status")[1]
    assert line.build()["days"] == 0
    assert not line.status()["has_work"]


def test_a_build_waits_for_another_one(line: CommandLine) -> None:
    Path("events/facts").mkdir(parents=True)
    with ThreadPoolExecutor(1) as pool:
        # SQLite's connection must be closed by the thread that opened it
        ledger = pool.submit(Ledger, Path("events/facts")).result()
        pool.submit(sleep, 0.5)
        ended = pool.submit(ledger.close)
        assert line.build()["days"] > 0
        assert ended.done()


def test_status_includes_marked_days_and_pending_rows(line: CommandLine) -> None:
    line.build()
    facts = Path("events/facts")
    with Ledger(facts) as ledger, ledger.transaction():
        (day, group), *_ = sorted(one for one, r in ledger.built().items() if r != NO_EVENTS)
        ledger.set_built({(day, group): 0})
    assert line.status()["changed"] == [str(day_of_number(day))]
    line.build()
    with Ledger(facts) as ledger, ledger.transaction():
        ledger.add_pending(group, [(Rollup.RUNNING, day)])
    assert line.status()["has_work"]
    line.build()
    assert not line.status()["has_work"]


def test_status_includes_events_in_the_log(line: CommandLine, folder: Path) -> None:
    line.build()
    (folder / "new.jsonl").write_bytes(lines([message(n, at=moment(line.last)) for n in range(3)]))
    line.run_cli("events", "ingest", "--no-compact", "new.jsonl")
    assert (line.status()["changed"], line.status()["waiting"]) == ([], 3)
    assert "3 events are waiting in the log" in line.run_cli("cube", "status")[1]
    assert line.build()["days"] == 1


# --- compaction before a build -------------------------------------------------------------------


def test_a_build_reports_its_compaction(line: CommandLine, folder: Path) -> None:
    line.build()
    (folder / "new.jsonl").write_bytes(lines([message(1, at=moment(line.last))] * 2))
    line.run_cli("events", "ingest", "--no-compact", "new.jsonl")
    code, out, err = line.run_cli("cube", "build", "--quiet")
    assert code == 0
    assert "1 day computed" in out
    assert err == "1 event compacted into 1 partition; 1 duplicate dropped\n"
    assert line.run_cli("cube", "build", "--quiet")[2] == ""


def damage_the_log() -> None:
    """Append bytes that are not a batch to a segment."""
    segment = max(Path("events/wal").iterdir())
    segment.write_bytes(segment.read_bytes() + b"no batch")


def test_a_build_reports_damage_of_the_log(line: CommandLine, folder: Path) -> None:
    line.build()
    (folder / "new.jsonl").write_bytes(lines([message(1, at=moment(line.last))]))
    for options in ((), ("--json",)):
        line.run_cli("events", "ingest", "--no-compact", "new.jsonl")
        damage_the_log()
        code, out, err = line.run_cli("cube", "build", "--quiet", *options)
        assert code == 3
        trouble = json.loads(out)["compacted"]["troubles"][0] if options else err
        assert "has bytes that are not a complete batch" in trouble
        assert bool(err) is not bool(options)


def test_a_build_reports_events_that_are_too_old(line: CommandLine, folder: Path) -> None:
    line.build()
    day = line.last - timedelta(days=40)
    (folder / "late.jsonl").write_bytes(lines([message(1, at=moment(day))]))
    line.run_cli("events", "ingest", "--no-compact", "late.jsonl")
    # retention that began after the event was acknowledged
    retain(Path("events"), line.clock.now(), event_days=1, fact_days=None)
    _, _, err = line.run_cli("cube", "build", "--quiet")
    assert "1 event is from a day that retention has deleted; it does not count" in err


# --- engines -------------------------------------------------------------------------------------

SECRET = "pa55-w0rd-of-nobody"
WRONG = [
    (["--url", "http://h:8123"], "--url is an option of the engine clickhouse, not of duckdb"),
    (
        ["--engine", "spark", "--master", "yarn", "--url", "chdb:"],
        "--url is an option of the engine clickhouse, not of spark",
    ),
    (
        ["--engine", "clickhouse", "--url", "chdb:", "--master", "yarn"],
        "--master is an option of the engine spark",
    ),
    (["--folder", "/mnt/x"], "--folder is an option of the engine spark, not of duckdb"),
    (["--partitions", "4"], "choose --engine spark"),
    (["--engine", "spark"], "needs a master; use --master with spark://host:7077"),
    (["--engine", "spark", "--master", "localhost:7077"], "is not a Spark master"),
    (["--engine", "clickhouse"], "needs the URL of a server; use --url"),
    (["--engine", "clickhouse", "--url", "localhost:8123"], "not a URL of its HTTP interface"),
    (["--engine", "clickhouse", "--url", "chdb://x"], "not a URL of its HTTP interface"),
    (["--engine", "clickhouse", "--url", "chdb:", "--memory", "much"], "is not a memory size"),
]


@pytest.fixture
def store(folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    events, _ = crowded(5, 10)
    (folder / "e.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(events))
    assert run(["events", "ingest", "e.jsonl", "--json"]) == 0
    capsys.readouterr()
    return folder


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_wrong_options_are_refused_with_a_hint(
    store: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cube", "build", *options]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.startswith("error: ")
    assert "; " in err


@pytest.mark.parametrize(
    "options", [["--engine", "postgres"], ["--engine", "spark", "--partitions", "0"]]
)
def test_invalid_values_of_options_are_a_usage_error(folder: Path, options: list[str]) -> None:
    assert run(["cube", "build", *options]) == 2


@pytest.mark.parametrize(
    "url",
    [
        f"http://builder:{SECRET}@127.0.0.1:9",
        f"https://builder:{SECRET}/1@127.0.0.1:9",
        f"http://builder:{SECRET}#1@127.0.0.1:9",
        f"http://builder:9/{SECRET}@127.0.0.1:9",
        f"http://127.0.0.1:9/?user=builder&password={SECRET}",
    ],
)
@pytest.mark.parametrize("place", ["option", "file", "environment"])
def test_a_password_in_the_url_is_refused_and_not_shown(
    store: Path,
    url: str,
    place: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ["--log-level", "debug", "cube", "build", "--engine", "clickhouse"]
    if place == "option":
        command += ["--url", url]
    elif place == "file":
        (store / "wxcube.toml").write_text(f'[cube]\nurl = "{url}"\n')
    else:
        monkeypatch.setenv("WXCUBE_CUBE__URL", url)
    assert run(command) == 1
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    assert "password" in err


def test_a_missing_server_is_reported_without_its_password(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("clickhouse_connect", reason="needs clickhouse-connect")
    monkeypatch.setenv("WXCUBE_CUBE_PASSWORD", SECRET)
    url = "http://builder@127.0.0.1:9"
    assert run(["cube", "build", "--engine", "clickhouse", "--url", url]) == 1
    out, err = capsys.readouterr()
    assert "ClickHouse does not answer" in err
    assert SECRET not in out + err


EVENTS = Path("events")
GIB = 1 << 30


def test_each_engine_gets_its_options_from_the_settings() -> None:
    spark = CubeSettings(
        engine="spark",
        master="yarn",
        partitions=4,
        spark={"spark.executor.memory": "4g", "spark.shuffle.compress": True, "spark.cores.max": 8},
    )
    assert choose(spark, EVENTS).options == {
        "master": "yarn",
        "folder": EVENTS / "spark",
        "partitions": 4,
        "settings": {
            "spark.executor.memory": "4g",
            "spark.shuffle.compress": "true",
            "spark.cores.max": "8",
        },
    }
    elsewhere = msgspec.structs.replace(spark, folder="/mnt/shared")
    assert choose(elsewhere, EVENTS).options["folder"] == Path("/mnt/shared")
    server = CubeSettings(engine="clickhouse", url="https://builder@host:8443", password_env="PW")
    chosen = choose(server, EVENTS, environment={"PW": SECRET})
    assert chosen.options == {"url": server.url, "password": SECRET}
    assert SECRET not in repr(chosen)
    with pytest.raises(SettingsError, match="PW"):
        choose(server, EVENTS, environment={})


def test_a_memory_limit_is_passed_to_the_engine_that_it_is_for() -> None:
    def options(engine: EngineName, url: str, limit: str = "", machine: str = "") -> Any:
        cube = CubeSettings(engine=engine, url=url, memory_limit=limit)
        return choose(cube, EVENTS, machine_memory=machine, environment={}).options

    assert options("duckdb", "", limit="1GiB")["memory_limit"] == "614MiB"
    assert options("duckdb", "", machine="1GiB")["memory_limit"] == "614MiB"
    assert options("clickhouse", "chdb:", limit="1GiB")["memory_limit"] == GIB * 6 // 10
    assert options("clickhouse", "http://h:8123", limit="1GiB")["memory_limit"] == GIB
    # the limit of this machine is not the server's
    assert "memory_limit" not in options("clickhouse", "http://h:8123", machine="1GiB")


def test_chunks_for_spark_grow_with_its_partitions_up_to_a_fraction_of_memory() -> None:
    def chunk(partitions: int, memory: str) -> int:
        cube = CubeSettings(engine="spark", master="yarn", partitions=partitions)
        return choose(cube, EVENTS, machine_memory=memory).chunk_bytes

    assert chunk(16, "64GiB") == 16 * chunk(1, "64GiB")
    assert chunk(16, "64GiB") > choose(CubeSettings(), EVENTS, machine_memory="64GiB").chunk_bytes
    assert chunk(16, "2GiB") == chunk(1000, "2GiB") < chunk(16, "64GiB")


@pytest.mark.parametrize(
    "name", ["spark.authenticate.secret", "spark.ssl.keyPassword", "spark.hadoop.fs.s3a.access.key"]
)
def test_a_secret_in_the_settings_of_spark_is_refused(name: str) -> None:
    cube = CubeSettings(engine="spark", master="yarn", spark={name: SECRET})
    with pytest.raises(SettingsError, match=r"SPARK_CONF_DIR") as caught:
        choose(cube, EVENTS)
    assert SECRET not in str(caught.value)
    file = {"spark.authenticate.secret.file": "/etc/spark/secret"}
    assert choose(msgspec.structs.replace(cube, spark=file), EVENTS).options["settings"] == file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'engine = "postgres"',
            "cube.engine: not an allowed value; use one of clickhouse, duckdb, spark",
        ),
        ('spark.executor.memory = "4g"', '"spark.executor.memory" = "4g"'),
        ('password = "pa55"', "use password_env to name a variable"),
        ("partitions = 0", "cube.partitions"),
    ],
)
def test_wrong_settings_of_the_cube_are_reported(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "wxcube.toml"
    file.write_text(f"[cube]\n{text}\n")
    with pytest.raises(SettingsError, match=words) as caught:
        load(file, {})
    assert "pa55" not in str(caught.value)


def test_the_guide_names_every_setting_and_option() -> None:
    guide = Path(__file__).parents[3] / "docs" / "how-to" / "cluster.md"
    text = guide.read_text(encoding="utf-8")
    for name in CubeSettings.__struct_fields__:
        assert f"`{name}`" in text
    for option in chain.from_iterable((("engine",), *OWN_OPTIONS.values())):
        assert f"`--{option}`" in text
