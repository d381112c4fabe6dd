"""Rows with nested lists as tables, and the files written from them."""

from __future__ import annotations

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
from wxcube.export.labels import LABELS
from wxcube.export.marked import ACCOUNT, MARKS, PARAMS, marked_table
from wxcube.export.table import Header

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


@EVERY
@pytest.mark.parametrize("language", ["wire", "zh", "en"])
def test_titles_of_columns_are_unique_and_short(endpoint: Endpoint[Any], language: Header) -> None:
    for part in parts(endpoint):
        table = marked_table(endpoint, (), part, with_account=True).labelled(language)
        header = table.header(language)
        assert len(set(header)) == len(header) == len(table.names)
        assert max(map(len, header)) < 60
        assert not any("未公开" in title for title in header)


def test_titles_that_are_equal_have_the_wire_name_in_brackets() -> None:
    table = flatten(contract.named("getbizsummary"), (), "detail.read_user_source")
    header = table.header("zh")
    assert {"阅读人数 (人) [read_user]", "阅读人数 (人) [user_count]"} <= set(header)


def test_every_column_has_an_english_label() -> None:
    names = {
        column.name
        for endpoint in contract.ENDPOINTS
        for part in parts(endpoint)
        for column in flatten(endpoint, (), part).columns
    }
    assert names | {column.name for column in (ACCOUNT, PARAMS, *MARKS)} == LABELS.keys()


@EVERY
def test_the_row_itself_has_each_row_once(endpoint: Endpoint[Any]) -> None:
    rows = sample_rows(endpoint, MARCH, 3)
    table = flatten(endpoint, rows)
    assert len(list(table.rows)) == len(rows)
    assert set(table.names) >= {c.name for c in columns(endpoint.row)}  # type: ignore[arg-type]


def test_running_totals_are_expanded_with_the_articles_columns() -> None:
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
def test_json_is_like_an_answer_of_wechat(endpoint: Endpoint[Any]) -> None:
    rows = sample_rows(endpoint, MARCH, 3)
    whole, lines = io.BytesIO(), io.BytesIO()
    assert text.write_json(whole, rows) == text.write_jsonl(lines, rows) == len(rows)
    assert msgspec.json.decode(whole.getvalue(), type=dict[str, list[endpoint.row]])["list"] == rows  # type: ignore[name-defined] # a run-time type
    decoder = msgspec.json.Decoder(endpoint.row)
    assert decoder.decode_lines(lines.getvalue()) == rows
