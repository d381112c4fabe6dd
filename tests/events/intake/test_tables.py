"""Rows that are read together are accepted and refused as they are one by one."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.event_files import sample_events
from wxcube.events.intake import files
from wxcube.events.intake.admission import Admission, Admitted
from wxcube.events.intake.files import read_batches
from wxcube.events.intake.tables import KINDS, Records
from wxcube.events.kinds import AnyEvent
from wxcube.events.store.accounts import AccountNumbers
from wxcube.events.store.keys import Keys

KEYS = Keys(users=b"u" * 32, ids=b"i" * 32)
EARLIEST = 1_500_000_000
NAMES = (
    "event",
    *dict.fromkeys(name for kind in KINDS.values() for name in kind.__struct_fields__),
)


def both_checks(folder: Path, records: Records) -> tuple[Admitted, Admitted]:
    """The results of rows checked together, and as single records."""
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    admissions = [Admission(KEYS, AccountNumbers(folder / name), EARLIEST) for name in "ab"]
    together, single = admissions
    return together.admit_records(records), single._admit_singly(single._read_records(records))


def assert_same(folder: Path, records: Records) -> Admitted:
    together, one_by_one = both_checks(folder, records)
    # NaN is not equal to itself
    assert repr(together.refused) == repr(one_by_one.refused)
    assert together.events == one_by_one.events
    assert together.chunk.keys() == one_by_one.chunk.keys()
    for family, columns in one_by_one.chunk.items():
        assert columns.keys() == together.chunk[family].keys()
        for name, column in columns.items():
            actual = together.chunk[family][name]
            assert (actual.dtype, actual.tolist()) == (column.dtype, column.tolist())
    return together


# --- CSV ------------------------------------------------------------------------------------------

TIMES = ["1772300000", "1400000000", "4102444799", "4102444800", "1499999999", "1500000000"]
WHOLE = ["0", "1", "5", "6", "7", "8", "86400", "86401", "32767", "32768", "2147483648", "9" * 30]
ODD = [
    "",
    "-1",
    "+7",
    " 7",
    "007",
    "7.0",
    "1.77233E+09",
    "1e3",
    "٣",
    "1_0",
    "null",
    "x",
    "\udcff",
    "０",
]
CELLS = {
    "event": [*KINDS, "dance", "", "Message"],
    "id": ["1", "2", "文", "x" * 128, "文" * 128, "x" * 129, "", "\udcb1"],
    "account": ["a", "b", "wx1", "a" * 129, "", "\udcb1"],
    "user": ["o1", "o2", "文", "o" * 128, "o" * 129, "", "null", "\udcb1"],
    "msgid": ["1_1", "2_2", "0_1", "1", "null", "", "1_1\n", "1_100", "\udcb1"],
    "title": ["", "标题", "null", "x" * 300, "\udcb1"],
    "content_url": ["", "https://x", "\udcb1"],
    "ok": ["true", "FALSE", "1", "0", "tRuE", "yes", "2", "1.0", "", "t"],
    "finished": ["true", "FALSE", "1", "0", "tRuE", "yes", "2", "1.0", "", "t"],
    "at": [*TIMES, *ODD],
    "colour": ["", "", "", "red"],
}
GOOD = [
    {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in row}
    for row in (
        [(n, v) for n, v in msgspec.to_builtins(event).items() if v is not None]
        for event in sample_events(120)
    )
]


@st.composite
def csv_rows(draw: st.DrawFn) -> list[dict[str, str]]:
    """Rows of valid events, with some cells changed."""
    rows = [dict(row) for row in draw(st.lists(st.sampled_from(GOOD), min_size=1, max_size=12))]
    if draw(st.booleans()):
        for row in rows:
            for name in draw(st.lists(st.sampled_from([*NAMES, "colour"]), max_size=2)):
                row[name] = draw(st.sampled_from(CELLS.get(name, [*WHOLE, *ODD])))
    return rows


@settings(max_examples=200, deadline=None)
@given(csv_rows(), st.permutations([*NAMES, "colour"]), st.integers(6, 30))
def test_string_cells_are_checked_together_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, names: Sequence[str], width: int
) -> None:
    shown = tuple(names[:width])
    columns = tuple([row.get(name, "") for row in rows] for name in shown)
    records = Records(shown, columns, range(2, len(rows) + 2))
    assert_same(tmp_path_factory.mktemp("csv"), records)


def test_valid_rows_are_valid_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = tuple([row.get(name, "") for row in GOOD] for name in NAMES)
    records = Records(NAMES, columns, range(2, len(GOOD) + 2))
    monkeypatch.setattr(Admission, "_read_record", None)
    admission = Admission(KEYS, AccountNumbers(tmp_path))
    assert admission.admit_records(records).events == len(GOOD)


@pytest.mark.parametrize("name", ["id", "account", "user", "title", "content_url"])
def test_a_cell_that_is_not_utf8_refuses_its_row_only(tmp_path: Path, name: str) -> None:
    row = {"event": "message", "id": "1", "account": "a", "at": "1772300000", "user": "o1"}
    row |= {"msg_type": "1"}
    if name in {"title", "content_url"}:
        row = {"event": "publish", "id": "1", "account": "a", "at": "1772300000", "msgid": "13_1"}
        row |= {"publish_type": "0", "target_user": "0", "title": "t", "content_url": ""}
    rows = [row, row | {"id": "2"} | {name: "\udcb1"}]
    columns = tuple([one[member] for one in rows] for member in row)
    admitted = assert_same(tmp_path, Records(tuple(row), columns, [2, 3]))
    assert (admitted.events, len(admitted.refused)) == (1, 1)


@pytest.mark.parametrize("names", [("event", "id"), ("title", "user")])
def test_rows_without_any_cell_are_refused_each(tmp_path: Path, names: tuple[str, ...]) -> None:
    columns = tuple([""] * 3 for _name in names)
    assert len(assert_same(tmp_path, Records(names, columns, [2, 3, 4])).refused) == 3


def test_a_duplicate_column_name_is_read_as_in_records(tmp_path: Path) -> None:
    names = ("event", "id", "account", "at", "user", "msg_type", "user")
    rows = [["message", "1", "a", "1772300000", "o1", "1", "o2"], ["reply", "2", *[""] * 5]]
    records = Records(names, tuple(zip(*rows, strict=True)), [2, 3])
    assert assert_same(tmp_path, records).events == 1


CSV_FRAGMENTS = st.sampled_from(
    [
        "a",
        "message",
        ",",
        ",",
        ",",
        '"',
        '""',
        "\n",
        "\n",
        "\r\n",
        "\r",
        " ",
        "文",
        "\udcb1",
        "1",
        "\x00",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(CSV_FRAGMENTS, max_size=40).map("".join), st.integers(1, 4))
def test_lines_without_quotes_are_split_as_by_the_csv_module(text: str, width: int) -> None:
    header = [f"n{place}" for place in range(width)]
    text = text.removesuffix("\n") + "\n"
    _, actual = files._table(header, text, 2)
    original, files._plain_columns = files._plain_columns, lambda *_: None
    try:
        _, expected = files._table(header, text, 2)
    finally:
        files._plain_columns = original
    assert list(zip(actual.numbers, actual, strict=True)) == list(
        zip(expected.numbers, expected, strict=True)
    )
    assert actual.problems == expected.problems


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text(st.sampled_from('ab,"文 '), max_size=5), min_size=3, max_size=3)))
def test_what_the_csv_module_writes_is_read_back(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    _, actual = files._table(["a", "b", "c"], file.getvalue(), 1)
    names = ("a", "b", "c")
    expected = [
        {name: cell for name, cell in zip(names, row, strict=True) if cell}
        for row in rows
        if any(row)
    ]
    assert list(actual) == expected


# --- Parquet --------------------------------------------------------------------------------------

NUMBERS = ["7", "0", "1", "-1", "101", "NULL", "NULL"]
IN_PARQUET = {
    "VARCHAR": ["'7'", "'007'", "'7.0'", "'o1'", "''", "'true'", "'1_1'", "'文'", "NULL", "NULL"],
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), NUMBERS),
    "UTINYINT": ["7", "0", "1", "NULL"],
    "DECIMAL(20, 0)": [*NUMBERS, "1772300000"],
    "UBIGINT": ["7", "18446744073709551615", "1772300000", "NULL"],
    "DECIMAL(20, 2)": ["7", "7.5", "1772300000", "NULL"],
    "DOUBLE": ["7", "7.5", "'nan'", "'inf'", "-0.0", "1e300", "1772300000", "NULL"],
    "FLOAT": ["7", "7.5", "NULL"],
    "BOOLEAN": ["true", "false", "NULL"],
    "TIMESTAMP": ["'2026-03-01 09:00:00'", "NULL"],
    "TIMESTAMPTZ": ["'2026-03-01 09:00:00+08'", "NULL"],
    "TIMESTAMP_NS": ["'2026-03-01 09:00:00'", "NULL"],
    "DATE": ["'2026-03-01'", "NULL"],
    "TIME": ["'09:00:00'", "NULL"],
    "INTERVAL": ["'7 days'", "NULL"],
    "UUID": ["uuid()", "NULL"],
    "BLOB": ["'o1'", "NULL"],
    "ENUM('o1', 'o2', '7')": ["'o1'", "'7'", "NULL"],
    "INTEGER[]": ["[7]", "[]", "NULL"],
    "STRUCT(a INTEGER)": ["{'a': 7}", "NULL"],
    "MAP(VARCHAR, INTEGER)": ["MAP {'a': 7}", "NULL"],
}
PLAIN = {
    "event": ("VARCHAR", "'read'"),
    "id": ("VARCHAR", "'1'"),
    "account": ("VARCHAR", "'a'"),
    "at": ("BIGINT", "1772300000"),
    "user": ("VARCHAR", "'o1'"),
    "msgid": ("VARCHAR", "'1_1'"),
    "seconds": ("BIGINT", "7"),
    "finished": ("BOOLEAN", "true"),
    "title": ("VARCHAR", "NULL"),
    "colour": ("VARCHAR", "NULL"),
}


def parquet(folder: Path, columns: dict[str, tuple[str, list[str]]]) -> Records:
    """The rows of a Parquet file whose columns have these types and values."""
    count = len(next(iter(columns.values()))[1])
    rows = (
        ", ".join(f'CAST({v[place]} AS {kind}) AS "{name}"' for name, (kind, v) in columns.items())
        for place in range(count)
    )
    file = folder / "some.parquet"
    with duckdb.connect() as connection:
        query = " UNION ALL ".join(f"SELECT {row}" for row in rows)
        connection.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)").fetchall()
    [batch] = read_batches(str(file))
    assert batch.records is not None
    return batch.records


@pytest.mark.parametrize("kind", IN_PARQUET)
@pytest.mark.parametrize("name", ["event", "id", "at", "msgid", "finished", "title", "colour"])
def test_columns_of_every_type_are_checked_as_one_by_one(
    tmp_path: Path, kind: str, name: str
) -> None:
    values = IN_PARQUET[kind]
    columns = {n: (k, [value] * len(values)) for n, (k, value) in PLAIN.items()}
    columns |= {name: (kind, values)}
    assert_same(tmp_path, parquet(tmp_path, columns))


def test_events_of_every_kind_are_valid_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[AnyEvent] = sample_events(300)
    source, file = tmp_path / "some.jsonl", tmp_path / "some.parquet"
    source.write_bytes(msgspec.json.Encoder().encode_lines(happened))
    duckdb.sql(
        f"COPY (FROM read_json('{source}', format = 'newline_delimited', sample_size = -1)) "
        f"TO '{file}' (FORMAT parquet)"
    )
    [batch] = read_batches(str(file))
    monkeypatch.setattr(Admission, "_read_record", None)
    assert batch.records is not None
    assert Admission(KEYS, AccountNumbers(tmp_path)).admit_records(batch.records).events == 300
