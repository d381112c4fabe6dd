"""The contract is consistent: keys, tables, names, meanings."""

from __future__ import annotations

import re
from datetime import date

import pytest

from wxcube.contract import ENDPOINTS, Endpoint, Grain, Group, Life, named, select
from wxcube.contract.codes import PERMISSION_SETS, TABLES
from wxcube.contract.endpoint import Balance
from wxcube.contract.field import Adding, Code, Column, Day, Hour, Label, Row, leaves, nested
from wxcube.errors import UnknownEndpointError

endpoint_cases = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
COLUMNS = {
    id(column): (endpoint, path, column)
    for endpoint in ENDPOINTS
    for path, column in leaves(endpoint.row)
}
column_cases = pytest.mark.parametrize(
    ("endpoint", "path", "column"),
    COLUMNS.values(),
    ids=lambda part: None if isinstance(part, Column) else str(part),
)


@endpoint_cases
def test_keys_are_required_columns_outside_nested_parts(endpoint: Endpoint[Row]) -> None:
    by_name = {column.name: column for column in endpoint.columns}
    assert all(not by_name[name].optional for name in endpoint.key)
    assert all(by_name[name].kind.adding is Adding.NONE for name in endpoint.key)
    assert endpoint.key[0] == "ref_date"


@endpoint_cases
def test_the_first_column_is_the_day(endpoint: Endpoint[Row]) -> None:
    first = endpoint.columns[0]
    assert (first.name, first.type) == ("ref_date", date)
    assert isinstance(first.kind, Day)


@endpoint_cases
def test_hours_are_in_hourly_rows_only(endpoint: Endpoint[Row]) -> None:
    hours = [column.name for column in endpoint.columns if isinstance(column.kind, Hour)]
    assert hours == (["ref_hour"] if endpoint.grain is Grain.HOUR else [])
    assert set(hours) <= set(endpoint.key)


@endpoint_cases
def test_running_totals_match_the_grain(endpoint: Endpoint[Row]) -> None:
    running = {
        path for path, column in leaves(endpoint.row) if type(column.kind).__name__ == "Running"
    }
    if endpoint.running is None:
        assert not running
    else:
        assert {path.split("[]")[0] for path in running} == {endpoint.running.name}


@endpoint_cases
def test_names_follow_from_the_row_struct(endpoint: Endpoint[Row]) -> None:
    words = endpoint.table.replace("_", "")
    assert endpoint.name == f"get{words}"
    assert re.fullmatch(r"[a-z_]+", endpoint.table)
    assert endpoint.path == f"/datacube/{endpoint.name}"


def test_table_names_are_unique() -> None:
    assert (
        len({e.table for e in ENDPOINTS}) == len({e.row for e in ENDPOINTS}) == len(ENDPOINTS) == 25
    )


@endpoint_cases
def test_titles_are_in_both_languages(endpoint: Endpoint[Row]) -> None:
    assert all(re.search(r"[\u4e00-\u9fff]", text) for text in (endpoint.title_zh, endpoint.row_zh))
    assert not re.search(r"[\u4e00-\u9fff]", endpoint.title_en)
    assert endpoint.row_en.endswith(".")


@endpoint_cases
def test_every_struct_has_a_docstring(endpoint: Endpoint[Row]) -> None:
    for part in parts(endpoint.row):
        assert part.__doc__ not in {None, Row.__doc__}


def parts(row: type[Row]) -> set[type[Row]]:
    return {row}.union(*(parts(n.row) for n in nested(row)))


@endpoint_cases
def test_successors_exist_and_are_active(endpoint: Endpoint[Row]) -> None:
    assert endpoint.is_retired == (endpoint.life is Life.RETIRED)
    for name in endpoint.successors:
        assert endpoint.is_retired
        assert not named(name).is_retired


def test_every_hour_is_part_of_a_day_and_articles_of_the_account() -> None:
    parts_of = {endpoint.name: endpoint.part_of for endpoint in ENDPOINTS if endpoint.part_of}
    assert parts_of == {
        "getupstreammsghour": "getupstreammsg",
        "getinterfacesummaryhour": "getinterfacesummary",
        "getuserreadhour": "getuserread",
        "getusersharehour": "getusershare",
        "getarticleread": "getbizsummary",
        "getarticleshare": "getbizsummary",
    }
    assert all(e.part_of for e in ENDPOINTS if e.grain is Grain.HOUR)
    assert all(named(whole).grain is Grain.DAY for whole in parts_of.values())


def test_the_key_of_an_hour_is_that_of_its_day_and_the_hour() -> None:
    for endpoint in ENDPOINTS:
        if endpoint.grain is Grain.HOUR:
            day_key = named(endpoint.part_of).key
            assert set(endpoint.key) == {*day_key, "ref_hour"}


def test_followers_are_known_of_every_day_and_explained_by_their_changes() -> None:
    assert [e.name for e in ENDPOINTS if e.has_every_day] == ["getusercumulate"]
    balances = {e.name: e.balance for e in ENDPOINTS if e.balance}
    assert balances == {
        "getusersummary": Balance("getusercumulate", "cumulate_user", "new_user", "cancel_user")
    }


@endpoint_cases
def test_statements_about_days_without_rows_have_evidence(endpoint: Endpoint[Row]) -> None:
    if endpoint.has_every_day or endpoint.part_of or endpoint.balance:
        assert any(e.status in {"reported", "uncertain"} for e in endpoint.evidence)


@endpoint_cases
def test_every_endpoint_has_official_evidence(endpoint: Endpoint[Row]) -> None:
    official = [e for e in endpoint.evidence if e.status == "official" and e.url]
    assert official
    assert all(
        e.url.startswith("https://developers.weixin.qq.com/") for e in endpoint.evidence if e.url
    )
    assert all(e.note for e in endpoint.evidence if e.status in {"uncertain", "sdk"})


@endpoint_cases
def test_permission_sets_are_known(endpoint: Endpoint[Row]) -> None:
    assert endpoint.permission_set in PERMISSION_SETS


@column_cases
def test_every_column_has_a_meaning(endpoint: Endpoint[Row], path: str, column: Column) -> None:
    assert column.kind.zh
    assert column.kind.en
    assert not column.kind.en.endswith(".")
    assert (column.kind.unit == "") == isinstance(column.kind, Code | Label)


@column_cases
def test_code_tables_exist_and_match_the_column_type(
    endpoint: Endpoint[Row], path: str, column: Column
) -> None:
    if not isinstance(column.kind, Code | Label) or not column.kind.table:
        return
    table = TABLES[column.kind.table]
    assert all(isinstance(meaning.code, column.type) for meaning in table.meanings)


def test_every_code_table_is_used() -> None:
    used = {c.kind.table for _, _, c in COLUMNS.values() if isinstance(c.kind, Code | Label)}
    used |= {param.codes for endpoint in ENDPOINTS for param in endpoint.params}
    assert used - {""} == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_codes_are_unique_and_have_meanings(name: str) -> None:
    table = TABLES[name]
    assert table.name == name
    assert len({m.code for m in table.meanings}) == len(table.meanings)
    assert all(m.zh and m.en for m in table.meanings)


def test_an_unknown_code_is_its_own_meaning() -> None:
    meaning = TABLES["user_source_follow"][4711]
    assert (meaning.code, meaning.zh, meaning.en) == (4711, "4711", "4711")
    assert 4711 not in TABLES["user_source_follow"]


def test_distinct_users_are_never_added_up() -> None:
    for _, path, column in COLUMNS.values():
        is_people = path.endswith("_user") and column.kind.unit == "people"
        if is_people and column.kind.adding is Adding.SUM:
            assert column.name in {"new_user", "cancel_user"}


def test_select_by_names_and_groups() -> None:
    assert select([]) == ENDPOINTS
    assert {e.name for e in select(["user", "getbizsummary"])} == {
        "getusersummary",
        "getusercumulate",
        "getbizsummary",
    }
    assert [e.name for e in select(["getuserread", "getusersummary"])] == [
        "getusersummary",
        "getuserread",
    ]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("getusersumary", "did you mean getusersummary"),
        ("articles", "did you mean article"),
        ("小程序", "interface"),
    ],
)
def test_similar_names_are_suggested(word: str, hint: str) -> None:
    with pytest.raises(UnknownEndpointError, match=re.escape(hint)) as caught:
        select(["user", word])
    assert isinstance(caught.value, KeyError)
    assert repr(word) in str(caught.value)


def test_groups_have_as_many_endpoints_as_wechats() -> None:
    sizes = {group: sum(e.group is group for e in ENDPOINTS) for group in Group}
    assert sizes == {"user": 2, "article": 6, "content": 4, "message": 7, "interface": 2, "card": 4}
