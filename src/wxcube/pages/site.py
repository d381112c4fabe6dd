"""What the pages have in hand: the figures of a warehouse, its syncs, and who may log in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment
from starlette.requests import Request

from wxcube.beijing import Clock
from wxcube.figures.figure import Figure
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Reader
from wxcube.i18n.language import Language
from wxcube.jobs.account_setup import AccountSetup, Right
from wxcube.jobs.sync_service import SyncService
from wxcube.pages.assets import Assets
from wxcube.pages.guard import Entrance
from wxcube.pages.people import People
from wxcube.pages.pictures import Pictures
from wxcube.pages.remembered import Remembered
from wxcube.pages.throttle import Throttle
from wxcube.settings import ReportFormat
from wxcube.warehouse.store import Warehouse

TRIES_PER_ADDRESS = 20
TRIES_PER_NAME = 10
REMEMBERED_ROWS = 100_000


WriteReport = Callable[
    [Reader, Filter, Mapping[str, str], Language, ReportFormat], tuple[str, bytes]
]
"""The name and the content of a report's file, of the accounts and days of a filter."""


@dataclass(frozen=True)
class Source:
    """A warehouse that is shown, with the clock of its accounts."""

    warehouse: Warehouse
    clock: Clock
    names: Callable[[], Mapping[str, str]]
    """The names of accounts by AppID; an account without a name has its AppID."""
    sync: SyncService | None = None
    """What fills the warehouse; None: nothing does while the pages are shown."""
    is_demo: bool = False
    daily_calls: int | None = None
    """The limit of calls per endpoint and day; None: none is set."""

    def accounts(self) -> dict[str, str]:
        """The accounts with figures or settings, and their names."""
        names = self.names()
        appids = dict.fromkeys((*names, *self.warehouse.accounts()))
        return {appid: names.get(appid) or appid for appid in appids}


@dataclass
class Site:
    """The pages' parts; `source` changes when the demo account is started."""

    entrance: Entrance
    people: People
    clock: Clock
    source: Source
    assets: Assets
    templates: Environment
    write_report: WriteReport | None = None
    """What makes reports; None: the pages offer none."""
    setup: AccountSetup | None = None
    """What adds accounts; None: accounts cannot be added."""
    start_demo: Callable[[], Source] | None = None
    first_code: str = ""
    """The code with which the first person may choose a password; it works once."""
    pictures: Pictures = field(default_factory=Pictures)
    figures: Remembered[Figure] = field(
        default_factory=lambda: Remembered(REMEMBERED_ROWS, _row_count)
    )
    """The figures of pages, which their pictures and files have too."""
    answers: Remembered[Any] = field(default_factory=lambda: Remembered(1000, lambda _one: 1))
    """What pages say besides figures, as long as nothing changes."""
    rights: dict[str, list[Right]] = field(default_factory=dict)
    """What accounts may do that were added since the start."""

    def __post_init__(self) -> None:
        self.demo_lock = threading.Lock()
        self.report_lock = threading.Lock()
        self.tries_by_address = Throttle(TRIES_PER_ADDRESS, self.clock)
        self.tries_by_name = Throttle(TRIES_PER_NAME, self.clock)


def _row_count(figure: Figure) -> int:
    earlier = _row_count(figure.versus) if figure.versus else 0
    return 1 + len(figure.rows) + len(figure.marks) + earlier


def site_of(request: Request) -> Site:
    """The site that a request is for."""
    site: Site = request.app.state.site
    return site
