"""The output of a build: computed rows as columns, and exactly which rows they replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from wxcube.contract.endpoint import Endpoint
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.watermark import Watermark
from wxcube.events.columns import Columns


@dataclass(frozen=True, kw_only=True)
class RowBatch:
    """All rows of one endpoint for every account in `accounts` and every ref_date in `labels`.

    Days are numbers since 1970-01-01.
    """

    endpoint: Endpoint[Any]
    accounts: Mapping[int, int]
    """The numbers of the accounts, each with the day of the account's first event."""
    labels: tuple[int, ...]
    table: Columns
    """The rows, ordered by account and key, with the columns of the endpoint's step."""
    articles: Articles = field(default_factory=Articles.none)
    """The published articles; those in the table are among them."""
    stat_dates: range | None = None
    """Running totals: only the rows of these stat_dates are replaced."""
    is_partial: bool = False
    """Running totals: only the articles in the table are replaced, which have rows already."""
    is_new: bool = False
    """Whether no row of these accounts and days was ever written."""


class Sink(Protocol):
    """A destination that stores computed rows."""

    def replace(self, batch: RowBatch) -> None:
        """Replace all rows of the batch's accounts and days, in one transaction.

        The same transaction increments the watermark's number of batches.
        """
        ...

    def last_days(self) -> Mapping[int, int]:
        """The last day with rows, by number of account."""
        ...

    def watermark(self) -> Watermark | None:
        """The number of batches written; None if no watermark was ever set."""
        ...

    def set_watermark(self, watermark: Watermark) -> None:
        """Set the watermark from which batches are counted."""
        ...
