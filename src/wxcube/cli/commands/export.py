"""The command export: stored rows as a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wxcube import contract
from wxcube.cli.as_of import as_of_option, moment_of, warehouse_at
from wxcube.cli.commands.context import Context, context
from wxcube.cli.commands.rows import (
    Layout,
    check_layout,
    default_header,
    print_no_rows,
    print_written,
    write_days,
)
from wxcube.cli.export_report import ExportReport
from wxcube.cli.file_format import NAMES, Output, out_option, output_format
from wxcube.cli.help import Command
from wxcube.cli.replaced_file import written_to
from wxcube.cli.stored_accounts import only_account, stored_account
from wxcube.cli.terminal.export_bar import ExportBar
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.export.files import Format
from wxcube.export.stored_rows import StoredRows
from wxcube.export.table import Header
from wxcube.i18n import COLON, Message, _, joined, verbatim

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.warehouse.store import Warehouse


@click.command(cls=Command)
@click.argument("words", nargs=-1, required=True, metavar="ENDPOINT... [FIRST..LAST]")
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
    type=click.Choice(NAMES),
    help="Default: the one of the file extension of --out, or csv.",
)
@out_option
@click.option("--part", help="Nested list to expand into rows (not for JSON), e.g. details.")
@click.option(
    "--header",
    type=click.Choice(["wire", "zh", "en"]),
    help="WeChat's names of columns, or Chinese or English labels, with the meaning of each code "
    "(default: your language for XLSX, wire for all others).",
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
    words: tuple[str, ...],
    accounts: tuple[str, ...],
    file_format: Format | None,
    out: Path | None,
    part: str | None,
    header: Header | None,
    origin: str | None,
    as_of: str | None,
    *,
    all_accounts: bool,
    with_account: bool,
    excel: bool,
    plain: bool,
) -> None:
    """Export rows of the warehouse as CSV, XLSX, JSON or Parquet.

    ENDPOINT is WeChat's name, such as getusersummary, or a group, such as user; an XLSX file has a
    sheet for each. Without FIRST..LAST all stored days are exported. Columns that wxcube adds to
    WeChat's, unless --plain is given:

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
      wxcube export user message 2026-03-01..2026-03-31 --out march.xlsx
      wxcube export getarticletotaldetail --all-accounts --out articles.parquet
      wxcube export getusersummary 2026-03-01 --as-of 2026-03-02
    """
    root, (endpoints, window) = context(), _selected(words)
    only = Origin(origin) if origin else None
    chosen = output_format(root, file_format, out)
    layout = Layout(
        file_format=chosen,
        part=part,
        header=header or default_header(root, chosen),
        language=root.translate.code,
        excel=excel,
        with_account=with_account,
        with_marks=not plain,
    )
    _check_number(root, endpoints, chosen)
    for endpoint in endpoints:
        check_layout(root, endpoint, layout)
    moment = moment_of(root, as_of)
    with root.warehouse(read_only=True) as present:
        appids = _appids(root, present, accounts, every=all_accounts)
        layout = replace(layout, with_account=with_account or len(appids) > 1)
        past = warehouse_at(root, present, moment, appids=appids, endpoints=endpoints)
        with past as warehouse:
            stored = [StoredRows(warehouse, one, appids, window, only) for one in endpoints]
            reports = [ExportReport(rows) for rows in stored]
            with (
                written_to(out) as target,
                ExportBar(root.notes, stored, is_shown=out is not None) as bar,
            ):
                rows = [(one.endpoint, one.watch(bar.watch(one.stored))) for one in reports]
                counts = write_days(target, rows, layout)
            _print_reasons(root, reports, counts, moment or root.clock.now())
    _print_notes(root, reports, layout)
    print_written(root, sum(counts), out)


def _selected(words: tuple[str, ...]) -> tuple[tuple[Endpoint[Any], ...], Window | None]:
    """The endpoints and the days that the arguments name."""
    # days begin with a digit, the names of endpoints with get
    *names, last = words
    if not names or last.startswith("get") or last in {group.value for group in contract.Group}:
        return contract.select(words), None
    return contract.select(names), Window.parse(last)


def _check_number(root: Context, endpoints: tuple[Endpoint[Any], ...], file_format: Output) -> None:
    """Check that a file of the format can have as many endpoints."""
    if len(endpoints) > 1 and file_format != "xlsx":
        raise click.UsageError(
            root.translate(
                _(
                    "a {format} file has one endpoint, not {count}: use --out with the extension "
                    ".xlsx, or export them one by one",
                    format=file_format,
                    count=len(endpoints),
                )
            )
        )


def _appids(
    root: Context, warehouse: Warehouse, names: tuple[str, ...], *, every: bool
) -> tuple[str, ...]:
    stored = warehouse.accounts()
    if names and not every:
        accounts = root.settings.accounts
        return tuple(dict.fromkeys(stored_account(name, stored, accounts) for name in names))
    return tuple(sorted(stored)) if every and stored else (only_account(stored),)


def _print_reasons(
    root: Context, reports: list[ExportReport], counts: list[int], now: datetime
) -> None:
    """Print why there are no rows of an endpoint."""
    for report, count in zip(reports, counts, strict=True):
        for reason in report.reasons(now) if not count else ():
            print_no_rows(root, _of_endpoint(report, reason, reports))


def _print_notes(root: Context, reports: list[ExportReport], layout: Layout) -> None:
    """Print what is remarkable about the rows."""
    for report in reports:
        notes = report.notes(with_account=layout.with_account, with_marks=layout.with_marks)
        for note in notes:
            text = root.translate(_of_endpoint(report, note, reports))
            print_paragraph(root.notes, text, mark="· ", style="yellow")


def _of_endpoint(report: ExportReport, message: Message, reports: list[ExportReport]) -> Message:
    """A message that names its endpoint if there are several."""
    name = verbatim(report.endpoint.name if len(reports) > 1 else "")
    return joined((name, message), COLON)
