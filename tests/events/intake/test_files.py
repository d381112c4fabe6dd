"""Files of every format and compression give the same events; an error names a damaged file."""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
import zstandard

from support.event_files import count_events, lines, message, open_store, sample_events, stored
from support.private_files import write_private
from wxcube.errors import EventError
from wxcube.events.columns import FAMILIES
from wxcube.events.intake import files
from wxcube.events.intake.batches import Ingested, OnError, ingest
from wxcube.events.intake.files import FileFormat, format_of, read_batches
from wxcube.events.store.store import EventStore

HAPPENED = sample_events(600)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with open_store(tmp_path / "events", user_key="a key of the settings") as one:
        yield one


def as_csv(events: Any) -> bytes:
    rows = [msgspec.to_builtins(event) for event in events]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(events: Any, folder: Path) -> bytes:
    source, target = folder / "source.jsonl", folder / "made.parquet"
    source.write_bytes(lines(events))
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_json('{source}', format='newline_delimited', "
            f"sample_size=-1)) TO '{target}' (FORMAT parquet)"
        ).fetchall()
    return target.read_bytes()


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
}


def everything(store: EventStore) -> list[Any]:
    store.compact()
    accounts = store.accounts()
    return sorted(
        (family, accounts[row["account"]], str(sorted(row.items() - {("account", row["account"])})))
        for family in FAMILIES
        for row in stored(store, family)
    )


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("file_format", FileFormat)
def test_every_format_and_compression_gives_the_same_events(
    tmp_path: Path, store: EventStore, file_format: FileFormat, compression: str
) -> None:
    made: dict[FileFormat, Callable[[], bytes]] = {
        FileFormat.JSONL: lambda: lines(HAPPENED),
        FileFormat.CSV: lambda: as_csv(HAPPENED),
        FileFormat.PARQUET: lambda: as_parquet(HAPPENED, tmp_path),
    }
    file = tmp_path / f"some.{file_format}{compression}"
    file.write_bytes(COMPRESSIONS[compression](made[file_format]()))
    done = ingest(store, read_batches(str(file)), OnError.REJECT, file.name)
    assert (done.refused, done.events) == ([], 600)
    (tmp_path / "other").mkdir()
    write_private(tmp_path / "other" / "key-ids", (store.folder / "key-ids").read_bytes())
    with open_store(tmp_path / "other", user_key="a key of the settings") as other:
        other.append(other.admit(lines(HAPPENED))).result()
        assert everything(store) == everything(other)


def test_the_format_follows_from_the_name() -> None:
    names = {
        "a.csv": FileFormat.CSV,
        "A.CSV.GZ": FileFormat.CSV,
        "a.parquet": FileFormat.PARQUET,
        "-": FileFormat.JSONL,
    }
    names |= {
        "a.pq.zst": FileFormat.PARQUET,
        "a.jsonl": FileFormat.JSONL,
        "events.log.gz": FileFormat.JSONL,
    }
    assert {name: format_of(name) for name in names} == names


def test_lines_are_numbered_across_batches(
    tmp_path: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 1_000)
    content = [lines([event]) for event in sample_events(100)]
    for place in (0, 40, 99):
        content[place] = b"{}\n"
    content[20] = b"\n"
    file = tmp_path / "some.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + b"".join(content).rstrip(b"\n"))
    done = ingest(store, read_batches(str(file)), OnError.SKIP, file.name)
    assert [one.line for one in done.refused] == [1, 41, 100]
    assert (done.events, done.lines) == (96, 100)
    contents = [path.read_bytes() for path in sorted((store.folder / "dead").iterdir())]
    letters = [msgspec.json.decode(line) for part in contents for line in part.splitlines()]
    assert sorted(letter["line"] for letter in letters) == [1, 41, 100]
    assert {letter["from"] for letter in letters} == {"some.jsonl"}


def test_a_rejected_batch_stops_and_earlier_batches_stay(
    tmp_path: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 1_000)
    good = lines(sample_events(100))
    file = tmp_path / "some.jsonl"
    file.write_bytes(good + b"{}\n" + lines(sample_events(100, seed=2)))
    steps: list[tuple[int, int]] = []

    def note(done: Ingested) -> None:
        steps.append((done.lines, done.events))

    done = ingest(store, read_batches(str(file)), OnError.REJECT, file.name, note)
    assert done.is_rejected
    assert [one.line for one in done.refused] == [101]
    assert steps == sorted(steps)
    assert steps[-1] == (done.lines, done.events)
    store.compact()
    assert count_events(store) == done.events < 101
    file.write_bytes(good + lines(sample_events(100, seed=2)))
    ingest(store, read_batches(str(file)), OnError.REJECT, file.name)
    store.compact()
    assert count_events(store) == 200


def test_refused_csv_lines_have_their_numbers(tmp_path: Path, store: EventStore) -> None:
    file = tmp_path / "some.csv"
    file.write_bytes(
        b"event,id,account,at,user,msg_type\n"
        b"message,1,a,1772300000,o1,1\n"
        b"message,2,a,soon,o1,1\n"
        b"\n"
        b"message,3,a,1772300000,o1,1,extra\n"
        b'message,"4\nlong",a,1772300000,o1,1\n'
        b"message,5,a,1772300000,\xff\xfe,1\n"
        b"reply,6,a,1772300000,,\n"
        b",,,,,\n"
        b"message,7,a,1.77233E+09,o1,1\n"
    )
    done = ingest(store, read_batches(str(file)), OnError.SKIP, file.name)
    assert done.events == 1
    reasons = {one.line: one.reason for one in done.refused}
    assert reasons.keys() == {3, 5, 6, 7, 8, 9, 11}
    assert "column 7" in reasons[5]
    assert "one line" in reasons[6]
    assert "save the file as UTF-8" in reasons[8]
    assert reasons[11] == reasons[3] == "Expected `int`, got `str` - at `$.at`"


NOT_CLOSED = [
    (b'publish,p,a,1772300000,,,1_1,"a title with one quote', b""),
    (b'publish,p,a,1772300000,,,1_1,"a title with one quote', b'"'),
    (b'publish,p,a,1772300000,,,1_1,"' + b"x" * 200_000, b""),
    (b'message,p,a,1772300000,o1,"1', b'"'),
]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(("bad", "later"), NOT_CLOSED)
def test_an_unclosed_quote_affects_no_other_row(
    tmp_path: Path, store: EventStore, bad: bytes, later: bytes, ending: bytes
) -> None:
    good = [b"message,%d,a,1772300000,o%d,1,," % (n, n) for n in range(300)]
    rows = [b"event,id,account,at,user,msg_type,msgid,title", *good[:10], bad, *good[10:]]
    if later:
        rows.append(b"reply,x" + later)
    file = tmp_path / "some.csv"
    file.write_bytes(ending.join(rows) + ending)
    done = ingest(store, read_batches(str(file)), OnError.SKIP, file.name)
    assert done.events == 300
    assert [one.line for one in done.refused] == [12, *([len(rows)] if later else [])]


def test_a_bad_row_affects_no_other_row(tmp_path: Path, store: EventStore) -> None:
    rows = as_csv(HAPPENED).splitlines(keepends=True)
    file = tmp_path / "some.csv"
    file.write_bytes(b"".join([*rows[:300], b"dance\r\n", *rows[300:]]))
    done = ingest(store, read_batches(str(file)), OnError.SKIP, file.name)
    assert (done.events, [one.line for one in done.refused]) == (600, [301])


def test_rows_of_parquet_are_numbered_across_batches(
    tmp_path: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BATCH_ROWS", 70)
    monkeypatch.setattr(files, "READ_ROWS", 210)
    file = tmp_path / "some.parquet"
    file.write_bytes(as_parquet(HAPPENED, tmp_path))
    bad = (1, 70, 71, 210, 211, 600)
    duckdb.sql(
        f'COPY (SELECT * REPLACE (if(row_number() OVER () IN {bad}, 7, "at") AS "at") '
        f"FROM '{file}') TO '{tmp_path / 'bad.parquet'}' (FORMAT parquet)"
    )
    done = ingest(store, read_batches(str(tmp_path / "bad.parquet")), OnError.SKIP, "bad")
    assert (done.events, done.lines) == (594, 600)
    assert tuple(one.line for one in done.refused) == bad


def test_an_empty_file_has_no_events(tmp_path: Path, store: EventStore) -> None:
    for name in ("a.jsonl", "a.csv"):
        (tmp_path / name).touch()
        assert ingest(store, read_batches(str(tmp_path / name)), OnError.REJECT, name).events == 0


DAMAGED = {
    "cut.jsonl.gz": gzip.compress(os.urandom(5_000) + lines(HAPPENED))[:4_000],
    "cut.jsonl.zst": zstandard.compress(lines(HAPPENED))[:2_000],
    "cut-later.jsonl.zst": zstandard.compress(b"{}\n") + zstandard.compress(b"[]\n" * 9)[:9],
    "wrong.jsonl.gz": b"\x1f\x8bnonsense",
    "wrong.parquet": b"PAR1 nonsense PAR1",
    "wrong.csv": b'event,"id\n',
}


@pytest.mark.parametrize("name", DAMAGED)
def test_an_error_names_the_damaged_file(tmp_path: Path, store: EventStore, name: str) -> None:
    (tmp_path / name).write_bytes(DAMAGED[name])
    with pytest.raises(EventError, match=f"{name} cannot be read"):
        ingest(store, read_batches(str(tmp_path / name)), OnError.SKIP, name)


UNCOMPRESSED_MIB = 300


@pytest.mark.parametrize("byte", [b"\0", b"\n"], ids=["zeros", "line ends"])
def test_a_very_large_file_is_decompressed_in_parts(
    tmp_path: Path, store: EventStore, byte: bytes
) -> None:
    file = tmp_path / "much.jsonl.zst"
    with zstandard.open(file, "wb") as file_object:
        for _ in range(UNCOMPRESSED_MIB):
            file_object.write(byte * (1 << 20))
    assert file.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        with suppress(EventError):  # of a line longer than 16 MiB
            assert ingest(store, read_batches(str(file)), OnError.REJECT, file.name).events == 0
        assert tracemalloc.get_traced_memory()[1] < UNCOMPRESSED_MIB << 19
    finally:
        tracemalloc.stop()


def test_an_error_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(EventError, match=r"none\.jsonl cannot be read \(No such") as raised:
        list(read_batches(str(tmp_path / "none.jsonl")))
    assert raised.value.hint == "check its name, and who may read it"


def test_standard_input_may_be_compressed(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Input:
        buffer = io.BufferedReader(io.BytesIO(gzip.compress(lines([message(1)]))))

    monkeypatch.setattr(sys, "stdin", Input())
    assert ingest(store, read_batches("-"), OnError.REJECT, "-").events == 1


def test_a_table_that_begins_with_an_empty_line_is_refused_row_by_row(
    tmp_path: Path, store: EventStore
) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(b"\n\nevent,id\nopen,a\n")
    done = ingest(store, read_batches(str(path)), OnError.SKIP, path.name)
    assert (done.events, done.refused_count) == (0, 2)
    assert [one.line for one in done.refused] == [3, 4]


def test_the_longest_line_is_limited_by_its_own_length(
    tmp_path: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE", 1_000)
    monkeypatch.setattr(files, "BLOCK_BYTES", 600)
    path = tmp_path / "events.jsonl"
    long = b" " * 900
    path.write_bytes(b"\n" * 500 + long)
    assert [(one.first_line, one.last_line) for one in read_batches(str(path))] == [(1, 501)]
    path.write_bytes(b"\n" * 600 + b" " * 1_000 + b"\n" * 3)
    assert list(read_batches(str(path)))[-1].last_line == 603
    path.write_bytes(b"\n" * 500 + b" " * 5_000 + b"\n" * 3)
    refused = [one for batch in read_batches(str(path)) for one in batch.refused]
    assert [(one.line, one.content) for one in refused] == [(501, {"bytes": 5_001})]
    assert list(read_batches(str(path)))[-1].last_line == 503


@pytest.mark.parametrize("name", ["events.jsonl", "events.csv"])
def test_a_line_over_the_limit_costs_only_itself(
    tmp_path: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE", 1_000)
    monkeypatch.setattr(files, "BLOCK_BYTES", 600)
    some = [message(number) for number in range(20)]
    if name == "events.csv":
        rows = [f"message,{one.id},{one.account},{one.at},{one.user},1" for one in some]
        content = ["event,id,account,at,user,msg_type", *rows]
    else:
        content = lines(some).decode().splitlines()
    content[9:9] = ["x" * 3_000]
    path = tmp_path / name
    path.write_text("\n".join(content), encoding="utf-8")
    done = ingest(store, read_batches(str(path)), OnError.SKIP, name)
    assert (done.events, [one.line for one in done.refused]) == (20, [10])
    assert ingest(store, read_batches(str(path)), OnError.REJECT, name).is_rejected
