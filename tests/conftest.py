"""What every run of the tests shares: a word at the end on what was not tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from support.database_servers import Server, server
from wxcube.warehouse.store import Warehouse

# how fast a machine is, is no property of what is tested
settings.register_profile("wxcube", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("wxcube"))
settings.load_profile("wxcube")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    with server("postgresql") as running:
        yield running


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[Server]:
    with server("mysql") as running:
        yield running


@pytest.fixture(scope="session")
def postgresql(postgresql_server: Server) -> Iterator[str]:
    """The URL of a database with tables, which tests empty before they use it."""
    with postgresql_server.database() as url:
        Warehouse.open(url).close()
        yield url


@pytest.fixture(scope="session")
def mysql(mysql_server: Server) -> Iterator[str]:
    """The URL of a database with tables, which tests empty before they use it."""
    with mysql_server.database() as url:
        Warehouse.open(url).close()
        yield url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which tests were skipped and why, in red at the end of the report."""
    reasons = Counter(_reason(report) for report in terminalreporter.getreports("skipped"))
    if not reasons:
        return
    terminalreporter.section("NOT TESTED", red=True, bold=True)
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count} skipped: {reason}", red=True)


def _reason(report: pytest.TestReport) -> str:
    skip = report.longrepr
    return str(skip[2]).removeprefix("Skipped: ") if isinstance(skip, tuple) else str(skip)
