"""The command export: stored rows as a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from wxcube import contract
from wxcube.cli.as_of import as_of_option, moment_of, warehouse_at
from wxcube.cli.commands.context import Context, context
from wxcube.cli.commands.rows import Layout, check_layout, print_no_rows, write_days
from wxcube.cli.help import Command
from wxcube.cli.stored_accounts import only_account, stored_account
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.export import text as files
from wxcube.export.marked import plain as without_marks
from wxcube.export.remarks import OriginChange, Remarks
from wxcube.i18n import COLON, Listing, Message, _, joined, plural, verbatim

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.warehouse.day_rows import DayRows
    from wxcube.warehouse.store import Warehouse

UNSUPPORTED_EXTENSIONS = frozenset({".xlsx", ".xls", ".ods", ".parquet", ".feather", ".arrow"})
"""File extensions of formats that cannot be written."""
MAX_CHANGES = 5
"""The maximum number of changes of origin that are printed one by one."""


@click.command(cls=Command)
@click.argument("endpoint")
@click.argument("window", metavar="[FIRST..LAST]", default="")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    help="Name or AppID, may be repeated (default: the only one with stored data).",
)
@click.option("--all-accounts", is_flag=True, help="Export all accounts with stored data.")
@click.option(
    "--with-account",
    is_flag=True,
    help="Add a column appid (always added for more than one account).",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "json", "jsonl"]),
    help="Default: the one of the file extension of --out, or csv.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File .csv, .json, .jsonl or .ndjson (default: standard output).",
)
@click.option("--part", help="Nested list to expand into rows (CSV), e.g. details.")
@click.option(
    "--header",
    type=click.Choice(["wire", "zh", "en"]),
    default="wire",
    help="Header of a CSV file: WeChat's names, or Chinese or English labels.",
)
@click.option(
    "--origin",
    type=click.Choice([origin.value for origin in Origin]),
    help="Only rows of this origin (default: the best one of each day).",
)
@as_of_option
@click.option(
    "--plain",
    is_flag=True,
    help="Only WeChat's columns: without origin and state, and without withdrawn rows.",
)
@click.option("--excel", is_flag=True, help="Start a CSV file with a UTF-8 BOM, for Excel.")
def export(  # noqa: PLR0913, PLR0917 - one per option
    endpoint: str,
    window: str,
    accounts: tuple[str, ...],
    file_format: str | None,
    out: Path | None,
    part: str | None,
    header: str,
    origin: str | None,
    as_of: str | None,
    *,
    all_accounts: bool,
    with_account: bool,
    excel: bool,
    plain: bool,
) -> None:
    """Export rows of the warehouse as CSV, JSON or JSON lines.

    ENDPOINT is WeChat's name, such as getusersummary; without FIRST..LAST all stored days are
    exported. Columns that wxcube adds to WeChat's, unless --plain is given:

    \b
      params        parameters of the call other than the dates (cards only)
      origin        wechat, import, cube or derived
      state         of the row's day: final, or moving if figures may still change
      fetched_at    when the figures were fetched
      revision      how often figures of the day changed after it was final
      withdrawn_at  first answer that lacked the row; empty for nearly all rows

    \b
    Examples:
      wxcube export getusersummary 2026-03-01..2026-03-31 --out march.csv
      wxcube export getusersummary --header zh --excel --out users.csv
      wxcube export getarticletotaldetail --all-accounts --out articles.csv
      wxcube export getusersummary 2026-03-01 --as-of 2026-03-02
    """
    root, definition = context(), contract.named(endpoint)
    days = Window.parse(window) if window else None
    only = Origin(origin) if origin else None
    layout = Layout(
        file_format=_file_format(root, file_format, out),
        part=part,
        header=header,
        excel=excel,
        with_account=with_account,
        with_marks=not plain,
    )
    check_layout(root, definition, layout)
    remarks, moment = Remarks(), moment_of(root, as_of)
    with root.warehouse(read_only=True) as present:
        appids = _appids(root, present, accounts, every=all_accounts)
        layout = replace(layout, with_account=with_account or len(appids) > 1)
        past = warehouse_at(root, present, moment, appids=appids, endpoints=[definition])
        with past as warehouse:
            rows = remarks.watch(_stored_rows(warehouse, appids, definition, days, only))
            with _replacing(out) if out else nullcontext(sys.stdout.buffer) as target:
                written = without_marks(rows) if plain else rows
                count = write_days(target, definition, written, layout)
            if not count:
                reasons = Reasons(warehouse, definition, days, only, moment or root.clock.now())
                _explain_empty_export(root, reasons, appids, remarks)
    _print_remarks(root, remarks, layout)
    if out:
        root.notes.print(
            root.translate(plural("{n} row → {out}", "{n} rows → {out}", n=count, out=out))
        )


def _file_format(root: Context, option: str | None, out: Path | None) -> str:
    """The format of an export: the option's, or else that of the file extension."""
    extension = out.suffix.lower() if out else ""
    by_extension = files.FORMATS.get(extension)
    is_compatible = by_extension in {None, option} and extension not in UNSUPPORTED_EXTENSIONS
    if option and is_compatible:
        return option
    if option:
        raise click.UsageError(
            root.translate(
                _(
                    "--format {format} contradicts the extension of {out}: leave --format out, or "
                    "use the extension .{format}",
                    format=option,
                    out=out,
                )
            )
        )
    if extension and by_extension is None:
        raise click.UsageError(
            root.translate(
                _(
                    "{extension} files cannot be written: use one of {extensions}",
                    extension=extension,
                    extensions=Listing(files.FORMATS),
                )
            )
        )
    return by_extension or "csv"


def _appids(
    root: Context, warehouse: Warehouse, names: tuple[str, ...], *, every: bool
) -> list[str]:
    stored = warehouse.accounts()
    if names and not every:
        accounts = root.settings.accounts
        return list(dict.fromkeys(stored_account(name, stored, accounts) for name in names))
    return sorted(stored) if every and stored else [only_account(stored)]


def _stored_rows(
    warehouse: Warehouse,
    appids: list[str],
    endpoint: Endpoint[Any],
    window: Window | None,
    origin: Origin | None,
) -> Iterator[DayRows[Any]]:
    """The rows of each account by day."""
    for appid in appids:
        extent = warehouse.extent(appid, endpoint, origin)
        days = window.overlap(extent) if window and extent else extent
        if days:
            yield from warehouse.day_rows(appid, endpoint, days, origin)


def _print_remarks(root: Context, remarks: Remarks, layout: Layout) -> None:
    """Print what is remarkable about the rows."""
    changes = [_change_of_origin(one, layout) for one in remarks.origin_changes[:MAX_CHANGES]]
    for message in (*changes, *_counts(remarks, layout)):
        print_paragraph(root.notes, root.translate(message), mark="· ", style="yellow")


def _change_of_origin(change: OriginChange, layout: Layout) -> Message:
    message = _(
        "from {day} on the rows are of origin {after}, before of {before}",
        day=change.day,
        after=change.after.value,
        before=change.before.value,
    )
    series = " ".join(filter(None, (change.appid if layout.with_account else "", change.params)))
    return joined((verbatim(series), message), COLON) if series else message


def _counts(remarks: Remarks, layout: Layout) -> Iterator[Message]:
    """Messages about what is counted."""
    more = len(remarks.origin_changes) - MAX_CHANGES
    if more > 0:
        yield plural(
            "… and {n} more change of origin (column origin)",
            "… and {n} more changes of origin (column origin)",
            n=more,
        )
    if remarks.revised_days:
        yield plural(
            "{n} day has figures that changed after it was final (column revision)",
            "{n} days have figures that changed after they were final (column revision)",
            n=remarks.revised_days,
        )
    if remarks.withdrawn_rows and layout.with_marks:
        yield plural(
            "{n} row was withdrawn: a later answer lacked it (withdrawn_at)",
            "{n} rows were withdrawn: later answers lacked them (withdrawn_at)",
            n=remarks.withdrawn_rows,
        )
    elif remarks.withdrawn_rows:
        yield plural(
            "{n} row is left out: a later answer lacked it",
            "{n} rows are left out: later answers lacked them",
            n=remarks.withdrawn_rows,
        )


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why an export has no rows."""

    warehouse: Warehouse
    endpoint: Endpoint[Any]
    window: Window | None
    origin: Origin | None
    now: datetime

    def of(self, appid: str) -> list[Message]:
        """The reasons for an account."""
        from wxcube.warehouse.explanation import explain_no_rows

        extent = self.warehouse.extent(appid, self.endpoint, self.origin)
        if self.origin and not extent:
            return [_("no rows of origin {origin} are stored", origin=self.origin.value)]
        by_origin = (
            self.warehouse.coverage_by_params(appid, self.endpoint, origin) for origin in Origin
        )
        entries = next((days for days in by_origin if days), {})
        reasons = explain_no_rows(self.endpoint, self.window, entries.values(), self.now)
        if extent:
            reasons.append(_("rows of {window} are stored", window=extent))
        return reasons


def _explain_empty_export(
    root: Context, reasons: Reasons, appids: list[str], remarks: Remarks
) -> None:
    """Print the reasons why an export has no rows."""
    for appid in appids:
        if remarks.has_rows_of(appid):
            of_account = [_('the rows have no entries in this part; --part "" exports them')]
        else:
            of_account = reasons.of(appid)
        for reason in of_account:
            with_account = _("{appid}: {reason}", appid=appid, reason=reason)
            print_no_rows(root, with_account if len(appids) > 1 else reason)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it replaces the file at `path` when it is complete."""
    if not path.absolute().parent.is_dir():
        raise WarehouseError(
            _(
                "the directory {directory} for {name} does not exist",
                directory=path.parent,
                name=path.name,
            ),
            hint=_("create it, or name another file with --out"),
        )
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device
        return
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
