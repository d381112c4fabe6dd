"""Views and tables made of the contract: SQL that needs no other documentation."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.dialects import mysql, postgresql

from support.rows import sample_rows
from support.stored_rows import store_entries, store_rows
from wxcube.contract import ENDPOINTS, VERSION, Endpoint, Window, named
from wxcube.contract.codes import TABLES
from wxcube.contract.field import leaves
from wxcube.contract.source import Origin
from wxcube.errors import WarehouseError
from wxcube.warehouse import contract_tables, renewal
from wxcube.warehouse.databases.database import Database
from wxcube.warehouse.schema import prepare
from wxcube.warehouse.tables import METADATA, ROW_TABLES
from wxcube.warehouse.views import View, code_table, views

DAY = date(2026, 3, 2)
SUMMARY, TOTAL = named("getusersummary"), named("getarticletotaldetail")
CARDS = named("getcardcardinfo")
each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
each_view = pytest.mark.parametrize("view", views(), ids=lambda view: view.name)


def store(
    database: Database,
    endpoint: Endpoint[Any],
    *,
    label: date = DAY,
    seed: int = 0,
    state: str = "final",
    revision: int = 0,
    **series: Any,
) -> list[Any]:
    """Store some rows of a day, and its entry in the ledger."""
    rows = sample_rows(endpoint, Window.day(label), seed)
    store_rows(database, endpoint, rows, **series)
    store_entries(database, endpoint, [label], state=state, revision=revision, **series)
    return rows


def select(database: Database, statement: str) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [dict(row) for row in connection.exec_driver_sql(statement).mappings()]


@each_endpoint
def test_every_table_of_rows_has_a_view_with_its_columns(endpoint: Endpoint[Any]) -> None:
    of_endpoint = {view.name: view for view in views() if view.endpoint is endpoint}
    parts = list(ROW_TABLES[endpoint.name].walk())
    assert list(of_endpoint) == [f"v_{part.table.name}" for part in parts]
    for part in parts:
        names = [one.name for one in of_endpoint[f"v_{part.table.name}"].columns]
        assert len(names) == len(set(names))
        assert set(part.table.columns.keys()) - {"place", "absent"} <= set(names)
        assert names[0] == "appid"
        assert names[-5:] == ["origin", "state", "fetched_at", "revision", "withdrawn_at"]


@each_view
def test_a_view_suits_other_databases(view: View) -> None:
    for dialect in (postgresql.dialect(), mysql.dialect()):  # type: ignore[no-untyped-call]
        statement = str(view.create.compile(dialect=dialect))
        assert statement.startswith(f"CREATE VIEW {view.name} AS SELECT ")
    # PostgreSQL shortens longer names, MySQL refuses them
    assert len(view.name) <= 63


@each_endpoint
def test_a_view_has_the_rows_and_states_that_are_stored(
    database: Database, endpoint: Endpoint[Any]
) -> None:
    label = endpoint.label(DAY)
    params = "cond_source=1" if endpoint.params else ""
    rows = store(database, endpoint, label=label, params=params, revision=2)
    for part in ROW_TABLES[endpoint.name].walk():
        in_table = select(database, f"SELECT * FROM {part.table.name} ORDER BY place")
        in_view = select(database, f"SELECT * FROM v_{part.table.name}")
        assert len(in_view) == len(in_table) > 0
        assert {(row["state"], row["revision"], row["fetched_at"]) for row in in_view} == {
            ("final", 2, "2026-03-20T09:00:00+08:00")
        }
        same = [{name: row[name] for name in part.key} for row in in_view]
        assert all({name: row[name] for name in part.key} in same for row in in_table)
    assert rows


@each_endpoint
def test_codes_have_labels_in_both_languages(database: Database, endpoint: Endpoint[Any]) -> None:
    store(database, endpoint, label=endpoint.label(DAY))
    for view in (view for view in views() if view.endpoint is endpoint):
        for column in view.columns:
            if column.column is None or not code_table(column.column):
                continue
            table = TABLES[code_table(column.column)]
            for row in select(database, f"SELECT * FROM {view.name}"):
                code = row[column.name]
                expected = (None, None) if code is None else (table[code].zh, table[code].en)
                assert (row[f"{column.name}_zh"], row[f"{column.name}_en"]) == expected


def test_an_unknown_code_is_its_own_label(database: Database) -> None:
    store(database, SUMMARY)
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE user_summary SET user_source = 4711 WHERE place = 0")
    labels = "user_source_zh, user_source_en"
    found = select(database, f"SELECT {labels} FROM v_user_summary WHERE user_source = 4711")
    assert found == [{"user_source_zh": "4711", "user_source_en": "4711"}]


def test_each_day_has_the_rows_of_its_best_origin(database: Database) -> None:
    for origin, days in {
        Origin.CUBE: (DAY, DAY + timedelta(1), DAY + timedelta(2)),
        Origin.IMPORT: (DAY, DAY + timedelta(1)),
        Origin.WECHAT: (DAY,),
    }.items():
        for number, day in enumerate(days):
            store(database, SUMMARY, origin=origin, label=day, seed=number)
            store(database, TOTAL, origin=origin, label=day, seed=number)
    best = [
        {"ref_date": DAY.isoformat(), "origin": "wechat"},
        {"ref_date": (DAY + timedelta(1)).isoformat(), "origin": "import"},
        {"ref_date": (DAY + timedelta(2)).isoformat(), "origin": "cube"},
    ]
    for view in ("v_user_summary", "v_article_total_detail__detail_list"):
        found = select(database, f"SELECT DISTINCT ref_date, origin FROM {view} ORDER BY ref_date")
        assert found == best


def test_answers_to_other_params_are_no_better_origin(database: Database) -> None:
    store(database, CARDS, origin=Origin.CUBE, params="cond_source=0")
    store(database, CARDS, origin=Origin.WECHAT, params="cond_source=1", seed=1, state="moving")
    found = select(
        database, "SELECT DISTINCT params, origin, state FROM v_card_card_info ORDER BY 1"
    )
    assert found == [
        {"params": "cond_source=0", "origin": "cube", "state": "final"},
        {"params": "cond_source=1", "origin": "wechat", "state": "moving"},
    ]


def test_withdrawn_rows_are_there_and_marked(database: Database) -> None:
    rows = store(database, SUMMARY)
    with database.transaction() as connection:
        mark = "UPDATE user_summary SET withdrawn_at = '2026-03-21T09:00:00+08:00' WHERE place = 0"
        connection.exec_driver_sql(mark)
    found = select(
        database, "SELECT withdrawn_at FROM v_user_summary ORDER BY withdrawn_at IS NULL"
    )
    assert len(found) == len(rows)
    assert found[0]["withdrawn_at"] == "2026-03-21T09:00:00+08:00"
    assert all(row["withdrawn_at"] is None for row in found[1:])


def test_nested_rows_have_the_texts_and_codes_of_their_article(database: Database) -> None:
    rows = store(database, TOTAL)
    titles = {row.msgid: (row.title, row.publish_type) for row in rows}
    columns = "msgid, title, publish_type, scene_desc_en"
    name = "v_article_total_detail__detail_list__read_user_source"
    found = select(database, f"SELECT {columns} FROM {name}")
    assert found
    assert all((row["title"], row["publish_type"]) == titles[row["msgid"]] for row in found)


def test_the_tables_describe_every_endpoint_column_and_code(database: Database) -> None:
    endpoints = select(database, "SELECT name, view_name FROM endpoints ORDER BY sort_order")
    assert [row["name"] for row in endpoints] == [endpoint.name for endpoint in ENDPOINTS]
    columns = select(database, "SELECT * FROM columns ORDER BY view_name, sort_order")
    for endpoint in ENDPOINTS:
        of_endpoint = [row for row in columns if row["endpoint"] == endpoint.name]
        for path, column in leaves(endpoint.row):
            name = path.rpartition(".")[2]
            found = [row for row in of_endpoint if row["name"] == name and row["kind"]]
            assert any(
                (row["en"], row["unit"], row["adding"])
                == (column.kind.en, column.kind.unit, column.kind.adding.value)
                for row in found
            ), path
    for view in views():
        names = [row["name"] for row in columns if row["view_name"] == view.name]
        assert names == [column.name for column in view.columns]
    codes = select(database, "SELECT code_table, code, zh FROM codes")
    known = {(name, str(m.code), m.zh) for name, table in TABLES.items() for m in table.meanings}
    assert {tuple(row.values()) for row in codes} == known


def test_they_are_renewed_by_a_version_with_another_contract(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as connection:
        connection.exec_driver_sql("DROP VIEW v_upstream_msg_dist")
        connection.exec_driver_sql("CREATE VIEW v_upstream_msg_dist AS SELECT 1 AS old")
        connection.exec_driver_sql("CREATE VIEW v_of_mine AS SELECT 2 AS mine")
        connection.exec_driver_sql("UPDATE codes SET zh = 'old'")
    prepare(database)
    assert select(database, "SELECT * FROM v_upstream_msg_dist") == [{"old": 1}]
    monkeypatch.setattr(renewal, "fingerprint", lambda: "another")
    prepare(database)
    assert select(database, "SELECT * FROM v_upstream_msg_dist") == []
    assert select(database, "SELECT * FROM codes WHERE zh = 'old'") == []
    assert select(database, "SELECT * FROM v_of_mine") == [{"mine": 2}]
    assert select(database, "SELECT * FROM contract") == [{"version": VERSION, "sha256": "another"}]


def test_a_view_of_yours_that_reads_one_of_ours_is_named_before_an_update(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as connection:
        connection.exec_driver_sql("CREATE VIEW v_on_top AS SELECT ref_date FROM v_follower_day")
    monkeypatch.setattr(renewal, "fingerprint", lambda: "of another version")
    try:
        if database.engine.dialect.name == "postgresql":
            with pytest.raises(
                WarehouseError, match="view v_on_top depends on view v_follower_day"
            ):
                prepare(database)
        else:
            prepare(database)
            assert select(database, "SELECT * FROM v_on_top") == []
    finally:
        with database.transaction() as connection:
            connection.exec_driver_sql("DROP VIEW v_on_top")
        monkeypatch.undo()
        prepare(database)


def test_the_fingerprint_depends_on_everything_in_the_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = renewal.fingerprint()
    assert before == renewal.fingerprint.__wrapped__()
    monkeypatch.setattr(renewal, "FORMAT", renewal.FORMAT + 1)
    assert renewal.fingerprint.__wrapped__() != before
    monkeypatch.undo()
    monkeypatch.setattr(renewal, "code_records", lambda: contract_tables.code_records()[1:])
    assert renewal.fingerprint.__wrapped__() != before


V_USER_CUMULATE = (
    "CREATE VIEW v_user_cumulate AS SELECT user_cumulate.appid AS appid, user_cumulate.ref_date AS"
    " ref_date, user_cumulate.cumulate_user AS cumulate_user, user_cumulate.user_source AS"
    " user_source, user_cumulate.origin AS origin, coverage.state AS state, coverage.fetched_at AS"
    " fetched_at, coverage.revision AS revision, user_cumulate.withdrawn_at AS withdrawn_at \n"
    "FROM user_cumulate LEFT OUTER JOIN coverage ON coverage.appid = user_cumulate.appid AND"
    " coverage.origin = user_cumulate.origin AND coverage.endpoint = 'getusercumulate' AND"
    " coverage.params = '' AND coverage.ref_date = user_cumulate.ref_date \n"
    "WHERE user_cumulate.origin IN ('wechat', 'import', 'cube', 'derived') AND"
    " (user_cumulate.origin = 'wechat' OR NOT (EXISTS (SELECT * \n"
    "FROM user_cumulate AS better \n"
    "WHERE better.appid = user_cumulate.appid AND better.ref_date = user_cumulate.ref_date AND"
    " better.origin IN ('wechat', 'import', 'cube') AND CASE better.origin WHEN 'wechat' THEN 0"
    " WHEN 'import' THEN 1 WHEN 'cube' THEN 2 WHEN 'derived' THEN 3 END < CASE"
    " user_cumulate.origin WHEN 'wechat' THEN 0 WHEN 'import' THEN 1 WHEN 'cube' THEN 2 WHEN"
    " 'derived' THEN 3 END)))"
)


def test_the_format_number_is_raised_when_the_views_change() -> None:
    view = next(view for view in views() if view.name == "v_user_cumulate")
    assert renewal.FORMAT == 2
    assert str(view.create.compile()) == V_USER_CUMULATE, "raise renewal.FORMAT"


def test_table_and_view_names_are_unique() -> None:
    names = [view.name for view in views()]
    assert not set(names) & set(METADATA.tables)
