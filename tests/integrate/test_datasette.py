"""Datasette with the metadata file, as a process of its own on the database of the demo."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from support.command_line import Site
from support.polling import eventually
from wxcube.i18n.language import Language
from wxcube.integrate.datasette import datasette_files
from wxcube.integrate.questions import QUESTIONS
from wxcube.warehouse.analysis_views import analysis_views
from wxcube.warehouse.renewal import all_views

pytest.importorskip("datasette")
ADDRESS = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class Running:
    url: str

    def get(self, path: str, **query: str) -> str:
        with urlopen(f"{self.url}{path}?{urlencode(query)}", timeout=60) as reply:
            assert reply.status == 200
            text: str = reply.read().decode()
        return text

    def rows(self, path: str, **query: str) -> list[dict[str, Any]]:
        content = json.loads(self.get(f"{path}.json", _shape="objects", **query))
        rows: list[dict[str, Any]] = content["rows"]
        return rows


@pytest.fixture(scope="module")
def running(demo: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    written = demo.run(
        "--database", "demo/wxcube.db", "--lang", "zh", "integrate", "datasette", "bi"
    )
    assert written.out.splitlines() == ["bi/metadata.json"]
    command = re.search(r"datasette (\S+) --metadata ([^`]+)`", written.err.replace("\n", ""))
    assert command, written.err
    log = tmp_path_factory.mktemp("datasette") / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "datasette", command[1], "--metadata", command[2], "-p", "0"],
            cwd=demo.folder,
            stdout=file,
            stderr=subprocess.STDOUT,
        )

    def address() -> str | None:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        found = ADDRESS.search(log.read_text(encoding="utf-8"))
        return found[1] if found else None

    yield Running(eventually(address))
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)


@pytest.fixture
def account(running: Running) -> str:
    return str(running.rows("/wxcube/accounts")[0]["appid"])


def test_the_first_page_lists_the_views_and_hides_tables(running: Running) -> None:
    page = running.get("/wxcube")
    assert "微信公众号统计数据" in running.get("/")
    for view in analysis_views():
        assert f"/wxcube/{view.name}" in page
    hidden = {table["name"] for table in database(running)["tables"] if table["hidden"]}
    assert {"replies", "asks", "user_summary"} <= hidden
    assert not hidden & {"endpoints", "columns", "codes"}


def database(running: Running) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(running.get("/wxcube.json"))
    return content


@pytest.mark.parametrize("view", analysis_views(), ids=lambda view: view.name)
def test_the_page_of_a_view_has_its_title_meanings_and_facets(view: Any, running: Running) -> None:
    page = running.get(f"/wxcube/{view.name}")
    assert view.title.zh in page
    for column in view.columns:
        assert column.meaning.zh in page, column.name
    assert "facet-results" in page
    assert running.rows(f"/wxcube/{view.name}")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_query_answers_about_an_account_and_some_days(
    question: Any, running: Running, account: str
) -> None:
    days = {"first": "2026-02-18", "last": "2026-03-09"}
    rows = running.rows(f"/wxcube/{question.name}", account=account, **days)
    assert rows
    assert set(question.figures) <= set(rows[0])
    later = {"first": "2027-01-01", "last": "2027-01-30"}
    assert not running.rows(f"/wxcube/{question.name}", account=account, **later)


def test_every_column_of_every_view_is_described(demo: Site) -> None:
    metadata = json.loads(datasette_files("wxcube.db", Language("en"))["metadata.json"])
    tables = metadata["databases"]["wxcube"]["tables"]
    for view in all_views():
        assert set(tables[view.name]["columns"]) == {column.name for column in view.columns}
    assert tables["v_interface_day"]["columns"]["max_time_cost"] == "longest single wait [ms]"


def test_files_of_an_earlier_run_are_replaced(demo: Site) -> None:
    path = Path(demo.folder / "again" / "metadata.json")
    for language in ("en", "zh"):
        demo.run("--lang", language, "integrate", "datasette", "again")
    assert "关注用户" in path.read_text(encoding="utf-8")


def test_a_database_on_a_server_is_refused_with_what_to_do(demo: Site) -> None:
    refused = demo.run("--database", "postgresql://me@host/wxcube", "integrate", "datasette", "bi")
    assert refused.code == 1
    assert "wxcube integrate grafana" in refused.err.replace("\n", " ")
