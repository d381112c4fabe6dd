"""Nested rows as tables, and the files made of them."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest

from support.rows import sample_rows
from wxcube import contract
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import columns
from wxcube.contract.window import Window
from wxcube.errors import ContractError
from wxcube.export import text
from wxcube.export.flat import flatten, parts

MARCH = Window.parse("2026-03-01..2026-03-31")
EVERY = pytest.mark.parametrize("endpoint", contract.ENDPOINTS, ids=str)


@EVERY
def test_every_part_has_one_value_per_column(endpoint: Endpoint[Any]) -> None:
    rows = sample_rows(endpoint, MARCH, 3)
    for part in parts(endpoint):
        table = flatten(endpoint, rows, part)
        values = list(table.rows)
        assert len(set(table.names)) == len(table.names)
        assert all(len(v) == len(table.names) for v in values)
        assert all(table.header(language) for language in ("wire", "zh", "en"))


@EVERY
def test_the_row_itself_keeps_each_row_once(endpoint: Endpoint[Any]) -> None:
    rows = sample_rows(endpoint, MARCH, 3)
    table = flatten(endpoint, rows)
    assert len(list(table.rows)) == len(rows)
    assert set(table.names) >= {c.name for c in columns(endpoint.row)}


def test_running_totals_are_spread_out_with_the_articles_columns() -> None:
    endpoint = contract.named("getarticletotal")
    rows = sample_rows(endpoint, MARCH, 3)
    table = flatten(endpoint, rows, "details")
    first = dict(zip(table.names, next(iter(table.rows)), strict=True))
    assert first["msgid"] == rows[0].msgid
    assert first["int_page_read_user"] == rows[0].details[0].int_page_read_user
    assert len(list(flatten(endpoint, rows, "details").rows)) == sum(len(r.details) for r in rows)


def test_an_unknown_part_is_an_error_that_names_the_parts() -> None:
    with pytest.raises(ContractError, match="details"):
        flatten(contract.named("getarticletotal"), [], "detail")


@EVERY
def test_a_csv_file_reads_back_as_the_same_text(endpoint: Endpoint[Any]) -> None:
    rows = sample_rows(endpoint, MARCH, 3)
    file = io.StringIO()
    count = text.write_csv(file, endpoint, rows)
    read = list(csv.reader(io.StringIO(file.getvalue())))
    assert len(read) == count + 1 == len(rows) + 1
    assert read[0] == list(flatten(endpoint, []).names)


def test_a_title_cannot_become_a_formula() -> None:
    endpoint = contract.named("getarticlesummary")
    row = msgspec.structs.replace(sample_rows(endpoint, MARCH, 3)[0], title="=1+1")
    file = io.StringIO()
    text.write_csv(file, endpoint, [row], bom=True)
    assert "'=1+1" in file.getvalue()
    assert file.getvalue().startswith("\ufeff")


@EVERY
def test_json_is_what_wechat_would_answer(endpoint: Endpoint[Any]) -> None:
    rows = sample_rows(endpoint, MARCH, 3)
    whole, lines = io.BytesIO(), io.BytesIO()
    assert text.write_json(whole, rows) == text.write_jsonl(lines, rows) == len(rows)
    assert msgspec.json.decode(whole.getvalue(), type=dict[str, list[endpoint.row]])["list"] == rows  # type: ignore[name-defined] # a run-time type
    decoder = msgspec.json.Decoder(endpoint.row)
    assert decoder.decode_lines(lines.getvalue()) == rows
