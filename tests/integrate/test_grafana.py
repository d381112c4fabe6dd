"""The provisioning folder of Grafana: what its files say, and that they have no password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from support.command_line import Site
from support.database_servers import Server
from support.seam_of_endpoints import fill
from wxcube.beijing import BEIJING
from wxcube.errors import SettingsError
from wxcube.i18n.language import Language
from wxcube.integrate.grafana import grafana_files
from wxcube.integrate.questions import QUESTIONS, Chart
from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.store import Warehouse

POSTGRESQL = "postgresql://reader:hidden-word@db.example.com:5433/wechat?sslmode=verify-full"
MYSQL = "mysql://reader:hidden-word@db.example.com/wechat"
ENGLISH = Language("en")


def dashboard(url: str = POSTGRESQL, language: Language = ENGLISH) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(grafana_files(url, language)["dashboards/wxcube.json"])
    return content


def data_source(url: str) -> dict[str, Any]:
    content = json.loads(grafana_files(url, ENGLISH)["datasources/wxcube.yaml"])
    (source,) = content["datasources"]
    found: dict[str, Any] = source
    return found


def test_the_data_source_is_the_database() -> None:
    source = data_source(POSTGRESQL)
    assert (source["type"], source["url"]) == ("postgres", "db.example.com:5433")
    assert (source["user"], source["jsonData"]["sslmode"]) == ("reader", "verify-full")
    source = data_source(MYSQL)
    assert (source["type"], source["url"]) == ("mysql", "db.example.com:3306")
    assert data_source(MYSQL.replace("mysql", "mariadb"))["type"] == "mysql"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("", "require"), ("?sslmode=prefer", "require"), ("?sslmode=disable", "disable")],
)
def test_the_connection_is_encrypted_unless_the_url_says_otherwise(
    wanted: str, expected: str
) -> None:
    source = data_source(f"postgresql://reader@db.example.com/wechat{wanted}")
    assert source["jsonData"]["sslmode"] == expected


@pytest.mark.parametrize("url", [POSTGRESQL, MYSQL])
def test_no_file_has_the_password(url: str) -> None:
    assert "hidden-word" not in "".join(grafana_files(url, ENGLISH).values())


@pytest.mark.parametrize("url", ["wxcube.db", "sqlite:///wxcube.db", "redis://host/1", ""])
def test_another_database_is_refused_with_what_to_do(url: str) -> None:
    with pytest.raises(SettingsError, match="Grafana reads PostgreSQL and MySQL") as caught:
        grafana_files(url, ENGLISH)
    assert "wxcube integrate datasette" in str(caught.value.hint)


def test_there_is_a_panel_for_each_question() -> None:
    panels = dashboard()["panels"]
    assert [panel["title"] for panel in panels] == [question.title for question in QUESTIONS]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


def test_only_figures_that_add_up_are_stacked() -> None:
    for question in QUESTIONS:
        if question.chart is Chart.STACK:
            adding = {column.column.kind.adding.value for column in figures(question)}
            assert adding == {"sum"}


def figures(question: Any) -> list[Any]:
    return [question.columns[name] for name in question.figures]


def test_titles_are_in_the_readers_language() -> None:
    assert "每日结束时的关注人数" in json.dumps(
        dashboard(language=Language("zh")), ensure_ascii=False
    )


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database on a server, with an account."""
    server: Server = request.getfixturevalue(f"{request.param}_server")
    with server.database() as address:
        Warehouse.open(address).close()
        database = open_database(address)
        fill(database)
        database.close()
        yield address


def test_every_query_answers_and_its_days_are_those_of_beijing(url: str) -> None:
    content = dashboard(url)
    first = datetime(2025, 10, 20, tzinfo=BEIJING)
    last = datetime(2025, 11, 18, 23, 59, tzinfo=BEIJING)
    with Warehouse.open(url, read_only=True) as warehouse:
        (variable,) = content["templating"]["list"]
        ((account,),) = warehouse.query(variable["query"]).rows
        macros = {
            "${account:sqlstring}": f"'{account}'",
            "$__unixEpochFrom()": str(int(first.timestamp())),
            "$__unixEpochTo()": str(int(last.timestamp())),
        }
        for panel in content["panels"]:
            (target,) = panel["targets"]
            result = warehouse.query(filled(target["rawSql"], macros))
            assert result.rows, panel["title"]
            if target["format"] == "time_series":
                times = [instant(row[0]) for row in result.rows]
                assert times[0] == first, panel["title"]
                assert times == sorted(times)
                assert times[-1].date() == last.date()


def filled(sql: str, macros: dict[str, str]) -> str:
    """What Grafana sends: the SQL with its macros replaced."""
    for macro, value in macros.items():
        sql = sql.replace(macro, value)
    assert "$" not in sql
    return sql


def instant(value: datetime | int) -> datetime:
    """The time of a cell: with a zone, or in seconds."""
    if isinstance(value, datetime):
        assert value.tzinfo is not None
        return value.astimezone(BEIJING)
    return datetime.fromtimestamp(value, BEIJING)


def test_the_command_writes_the_folder(demo: Site) -> None:
    result = demo.run(
        "--database", POSTGRESQL.replace(":hidden-word", ""), "integrate", "grafana", "provisioning"
    )
    assert result.code == 0
    assert result.out.splitlines() == [
        f"provisioning/{name}" for name in grafana_files(MYSQL, ENGLISH)
    ]
    assert "WXCUBE_DATABASE_PASSWORD" in result.err
    refused = demo.run("integrate", "grafana", "provisioning")
    assert refused.code == 1
    assert "--database postgresql://" in refused.err.replace("\n", " ")
