"""The command report: the figures of a week or month as one document, written or sent."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wxcube.cli.commands.context import Context, context
from wxcube.cli.deliveries import send_to_all, show_only
from wxcube.cli.exit_codes import INCOMPLETE
from wxcube.cli.file_format import STANDARD_OUTPUT, OutFile
from wxcube.cli.help import Command
from wxcube.cli.replaced_file import replacing
from wxcube.cli.stored_accounts import stored_account
from wxcube.contract.window import Window
from wxcube.i18n import Listing, _
from wxcube.i18n.language import Language
from wxcube.settings import REPORT_FORMATS, RecipientSettings, ReportFormat

if TYPE_CHECKING:
    from wxcube.report.letter import Letter
    from wxcube.report.report import Report
    from wxcube.warehouse.store import Warehouse


@click.command(cls=Command)
@click.option("--week", "period", flag_value="week", help="The last whole week (default).")
@click.option("--month", "period", flag_value="month", help="The last whole month.")
@click.option("--range", "days", metavar="FIRST..LAST", help="These days.")
@click.option(
    "--vs",
    type=click.Choice(["previous", "year"]),
    default="previous",
    show_default=True,
    help="Compare with the days before, or with the same dates of last year.",
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    help="Name or AppID, may be repeated (default: all with stored data).",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(REPORT_FORMATS),
    help="Default: the one of the file extension of --out, or html.",
)
@click.option(
    "--out",
    type=OutFile(),
    help="File to write, - for standard output (default: wxcube-FIRST_LAST in this directory).",
)
@click.option(
    "--send", multiple=True, metavar="NAME", help="Send it to a recipient of the settings."
)
@click.option("--dry-run", is_flag=True, help="Print what --send would send, and send nothing.")
@click.option("--again", is_flag=True, help="Send it even to those who have it already.")
def report(  # noqa: PLR0913, PLR0917 - one per option
    period: str | None,
    days: str | None,
    vs: str,
    accounts: tuple[str, ...],
    file_format: ReportFormat | None,
    out: Path | None,
    send: tuple[str, ...],
    *,
    dry_run: bool,
    again: bool,
) -> int:
    """Write a report of a week or month, or send it to recipients of the settings.

    It has key figures with their changes, what worked, reading hours, followers, messages, the
    server, and notes on the data, from the stored figures. An HTML file contains its charts and
    needs nothing else; PDF and PNG need Chromium or Chrome.

    Only recipients of the settings can be sent to ([[recipients]]). Each gets a report once: the
    command can be run every day, and retries what failed.

    \b
    Examples:
      wxcube report --week
      wxcube report --month --format pdf
      wxcube report --range 2026-03-01..2026-03-07 --out march.xlsx
      wxcube report --week --send team --dry-run
    """
    root = context()
    _check_options(root, period, days, send, dry_run=dry_run)
    recipients = [root.settings.recipient(name) for name in send]
    with root.warehouse(read_only=True) as warehouse:

        @cache
        def made(language: Language) -> Report:
            return _made(root, warehouse, accounts, period, days, vs, language)

        _say_without_figures(root, warehouse, made(root.translate))
        if out or not recipients:
            _write(root, made(root.translate), file_format, out)
        if not recipients:
            return 0

        def letter(recipient: RecipientSettings, language: Language) -> Letter:
            from wxcube.report.letter import letter_of

            chosen = file_format or recipient.format
            return letter_of(made(language), chosen, root.settings.report.browser)

        if dry_run:
            show_only(root, recipients, letter)
            return 0
        return 0 if send_to_all(root, recipients, letter, again=again) else INCOMPLETE


def _check_options(
    root: Context, period: str | None, days: str | None, send: tuple[str, ...], *, dry_run: bool
) -> None:
    if period and days:
        raise click.UsageError(root.translate(_("use one of --week, --month and --range")))
    if dry_run and not send:
        raise click.UsageError(root.translate(_("--dry-run needs --send")))


def _made(  # noqa: PLR0913, PLR0917 - what the options say
    root: Context,
    warehouse: Warehouse,
    accounts: tuple[str, ...],
    period: str | None,
    days: str | None,
    vs: str,
    language: Language,
) -> Report:
    from wxcube.figures.filter import Filter, Versus
    from wxcube.figures.reader import Reader
    from wxcube.report.report import report_of
    from wxcube.report.schedule import Period, last_period

    reader = Reader(warehouse, root.account_clock.now())
    stored = warehouse.accounts()
    appids = (stored_account(name, stored, root.settings.accounts) for name in accounts)
    window = Window.parse(days) if days else last_period(reader.yesterday, Period(period or "week"))
    of = Filter(accounts=tuple(dict.fromkeys(appids)), range=window, versus=Versus(vs))
    return report_of(reader, of, root.account_names, language)


def _say_without_figures(root: Context, warehouse: Warehouse, made: Report) -> None:
    """Say on the terminal that the period of a report has no figures, and which days have some."""
    if not made.chapters or any(chapter.has_figures for chapter in made.chapters):
        return
    from wxcube.contract.source import Origin
    from wxcube.contract.user import getusercumulate

    last = max(warehouse.last_days(getusercumulate, Origin.WECHAT).values(), default=None)
    root.notes.print(root.translate(_("{days} has no stored figures", days=made.days)))
    if last:
        root.notes.print(
            root.translate(_("stored figures end on {day}; choose days with --range", day=last))
        )


def _write(root: Context, made: Report, file_format: ReportFormat | None, out: Path | None) -> None:
    from wxcube.report.formats import as_file, file_name

    chosen = file_format or _format_of(root, out)
    content = as_file(made, chosen, root.settings.report.browser)
    if out == STANDARD_OUTPUT:
        sys.stdout.buffer.write(content)
        return
    path = out or Path(file_name(made, chosen))
    with replacing(path) as file:
        file.write(content)
    root.notes.print(root.translate(_("report of {days} → {path}", days=made.days, path=path)))


def _format_of(root: Context, out: Path | None) -> ReportFormat:
    is_named = out and out != STANDARD_OUTPUT
    extension = out.suffix.lower().removeprefix(".") if out and is_named else "html"
    for name in REPORT_FORMATS:
        if name == extension:
            return name
    raise click.UsageError(
        root.translate(
            _(
                "a report cannot be written as {extension!r}: use one of {formats}",
                extension=extension,
                formats=Listing(REPORT_FORMATS),
            )
        )
    )
