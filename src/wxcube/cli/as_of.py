"""The option --as-of: a command reads the warehouse as it was at a moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from wxcube.beijing import parse_timestamp
from wxcube.cli.commands.context import Context
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.i18n import Message, _, plural

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.warehouse.past import PastDays
    from wxcube.warehouse.store import Warehouse

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

as_of_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--as-of",
    metavar="MOMENT",
    help="Read the database as it was, e.g. at 2026-03-10T09:00 or at the end of 2026-03-10.",
)
"""The option, for commands that only read."""


def moment_of(root: Context, text: str | None) -> datetime | None:
    """The moment of the option: of a day its end, without a time zone in Beijing time.

    Raises:  click.UsageError if the text is not a moment.
    """
    if text is None:
        return None
    try:
        moment = parse_timestamp(text.strip())
        if _DAY.fullmatch(text.strip()):
            moment += timedelta(days=1, milliseconds=-1)
    except (ValueError, OverflowError):
        raise click.UsageError(
            root.translate(
                _(
                    "--as-of {text!r} is not a moment: write it as 2026-03-10 or 2026-03-10T09:00",
                    text=text,
                )
            )
        ) from None
    return moment


@contextmanager
def warehouse_at(
    root: Context,
    present: Warehouse,
    moment: datetime | None,
    *,
    appids: Collection[str] | None = None,
    endpoints: Collection[Endpoint[Any]] | None = None,
) -> Iterator[Warehouse]:
    """The warehouse as it was at a moment, of some accounts and endpoints; as it is without one."""
    if moment is None:
        yield present
        return
    with TemporaryDirectory(prefix="wxcube-") as folder:
        path = Path(folder) / "past.db"
        now = root.clock.now()
        past = present.write_past(path, moment, now, appids=appids, endpoints=endpoints)
        for message in _other_days(past):
            print_paragraph(root.notes, root.translate(message), mark="· ", style="yellow")
        with type(present).open(path, read_only=True) as warehouse:
            yield warehouse


def _other_days(past: PastDays) -> Iterator[Message]:
    """Messages about days that are not from the log."""
    for origin, count in past.as_now.items():
        if count:
            yield plural(
                "{n} day of origin {origin} has no log: it is as it is now",
                "{n} days of origin {origin} have no log: they are as they are now",
                n=count,
                origin=origin.value,
            )
    for origin, count in past.left_out.items():
        if count:
            yield plural(
                "{n} day of origin {origin} was stored later and is left out",
                "{n} days of origin {origin} were stored later and are left out",
                n=count,
                origin=origin.value,
            )
