"""The pages on database servers, followed on throw-away servers: each SQL block and each command.

`psql` and `mariadb` are the administrator's own clients: what they are given is executed without
them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command_line import Site, site_of
from support.database_servers import (
    PASSWORD,
    ThrowAway,
    ThrowAwayMariadb,
    ThrowAwayPostgresql,
    require,
    throw_away_server,
)
from support.guide import CHINESE, ROOT, blocks_of, commands_of
from wxcube.testing import RunningEmulator

HOST, DATABASE = "db.example.com", "wechat"
SERVERS: dict[str, type[ThrowAway]] = {
    "postgresql": ThrowAwayPostgresql,
    "mysql": ThrowAwayMariadb,
}


@pytest.fixture(params=SERVERS)
def page(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(page: str) -> Iterator[ThrowAway]:
    require(SERVERS[page])
    with throw_away_server(SERVERS[page]) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An installation with a database in a file."""
    with RunningEmulator(accounts=1, days=10) as wechat:
        site = site_of(tmp_path, wechat)
        assert site.run("sync").code == 0
        yield site


def test_the_steps_of_the_page_work(page: str, server: ThrowAway, site: Site) -> None:
    rows = site.run("sql", "SELECT count(*) FROM v_follower_day", "--json").out
    last = ""
    for block in blocks_of(ROOT / f"docs/how-to/{page}.md"):
        if block.language == "sql":
            run_sql(server, block.content.replace("…", PASSWORD))
        elif block.language == "console":
            for command in commands_of(block.content):
                last = run(command.text, server, site)
    assert re.findall(r"\d+", last) == re.findall(r"\d+", rows.partition(":")[2])


def run_sql(server: ThrowAway, text: str) -> None:
    """Execute statements as the administrator: those that need the database are in it."""
    for statement in filter(None, map(str.strip, text.split(";\n"))):
        if statement.startswith(("CREATE", "GRANT ALL")):
            server.execute(statement)
        else:
            server.execute_in(server.url(DATABASE), statement)


def run(text: str, server: ThrowAway, site: Site) -> str:
    """Run a command of a page as its reader does, and return what it printed."""
    if text.startswith("pip install"):
        return ""
    if text.startswith("export "):
        site.environment["WXCUBE_DATABASE_PASSWORD"] = PASSWORD
        return ""
    if text.startswith(("psql ", "mariadb ")):
        statements = (site.folder / "tables.sql").read_text("utf-8")
        server.execute_in(server.url(DATABASE), *filter(None, statements.split(";\n")))
        return ""
    command, _, out = text.replace(HOST, f"127.0.0.1:{server.port}").partition(" > ")
    result = site.run(*shlex.split(command)[1:])
    assert result.code == 0, f"$ {command}\n{result.text}"
    if out:
        (site.folder / out).write_text(result.out, "utf-8")
    return result.out


def test_both_languages_show_the_same_steps(page: str) -> None:
    ours, theirs = (blocks_of(ROOT / f"docs/how-to/{page}{end}") for end in (".md", CHINESE))
    assert ours == theirs
