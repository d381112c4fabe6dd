"""What a build hands over: computed rows as columns, and exactly which rows they replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from wxcube.contract.endpoint import Endpoint
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.watermark import Watermark
from wxcube.events.columns import Columns


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of one endpoint, of every account in `accounts` and every ref_date in `labels`.

    All days are numbers since 1970-01-01.
    """

    endpoint: Endpoint[Any]
    accounts: Mapping[int, int]
    """Numbers of accounts, with the day of each one's first event."""
    labels: tuple[int, ...]
    table: Columns
    """The rows, ordered by account and key, in the words of the endpoint's step."""
    articles: Articles = field(default_factory=Articles.none)
    """What Publish said of articles, of the ones in the table among others."""
    stats: range | None = None
    """Running totals: only the lines of these stat_dates are replaced."""
    is_new: bool = False
    """Nothing of this was ever handed over."""


class Sink(Protocol):
    """Something that keeps computed rows."""

    def replace(self, part: Part) -> None:
        """Put rows in the place of all that was there of their accounts and days, at once.

        The mark then counts a part more, at once with the rows.
        """
        ...

    def last_days(self) -> Mapping[int, int]:
        """The last day of which there is anything, by number of account."""
        ...

    def watermark(self) -> Watermark | None:
        """How many parts it has taken; None if it was never marked."""
        ...

    def set_watermark(self, mark: Watermark) -> None:
        """Begin to count from here on."""
        ...
