"""Commands about the coverage of the warehouse: plan, sync, status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from typing import Any

import click
from rich.table import Table

from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.coverage_table import (
    EndpointCoverage,
    coverage_table,
    endpoint_coverages,
    missing_lines,
)
from wxcube.cli.help import Command, reader
from wxcube.cli.stored_accounts import stored_account
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.cli.terminal.progress_bar import SyncBar
from wxcube.contract.window import Window, parse_day
from wxcube.errors import WxcubeError
from wxcube.i18n import Listing, Message, _, plural
from wxcube.jobs.accounts import account_clients, includes_retired, no_coverage, wanted_days
from wxcube.log import redact
from wxcube.settings import AccountSettings
from wxcube.warehouse.coverage import State
from wxcube.warehouse.database import path_of
from wxcube.warehouse.explanation import STATE_LABELS, explain_skipped, explain_stop
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import CoverageReader, Plan, SkipReason, WantedDays
from wxcube.warehouse.sync.plan import plan as plan_calls
from wxcube.warehouse.sync.progress import ErrorCount, Report
from wxcube.warehouse.sync.run import Budgets
from wxcube.warehouse.sync.run import sync as run_sync

INCOMPLETE = 3


class Day(click.ParamType[date]):
    """A day as YYYY-MM-DD."""

    name = "DAY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day, or a usage error with the format of days."""
        if isinstance(value, date):
            return value
        try:
            return parse_day(str(value))
        except WxcubeError as error:
            message = error.as_message()
            self.fail(reader(ctx)(message) if ctx else message, param, ctx)


def _selection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that select accounts, endpoints and days."""
    for option in reversed(
        (
            click.option("--account", "accounts", multiple=True, help="Name or AppID."),
            click.option("--only", multiple=True, metavar="NAME", help="Endpoint or group."),
            click.option("--from", "first", type=Day(), help="First day."),
            click.option("--to", "last", type=Day(), help="Last day."),
        )
    ):
        command = option(command)
    return command


def _retries(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that add calls to a plan."""
    for option in reversed(
        (
            click.option("--retired", is_flag=True, help="Request the six retired endpoints too."),
            click.option("--retry-refused", is_flag=True, help="Request refused days again."),
        )
    ):
        command = option(command)
    return command


@click.command(cls=Command)
@_selection
@_retries
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per call.")
def plan(*, as_json: bool, **options: Any) -> None:
    """Show what a sync would request: calls and days, without requesting it.

    \b
    Examples:
      wxcube plan
      wxcube plan --only user --from 2026-01-01
    """
    root = context()
    planned = _plan_only(root, options)
    if as_json:
        for call in planned.calls:
            click.echo(
                json_line(
                    {
                        "appid": call.appid,
                        "endpoint": call.endpoint.name,
                        "begin_date": call.window.first,
                        "end_date": call.window.last,
                        "days": len(call.labels),
                        **call.params,
                    }
                )
            )
    else:
        _show_plan(root, planned)


@click.command(cls=Command)
@_selection
@_retries
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON line.")
@click.option("--quiet", is_flag=True, help="Print only problems.")
def sync(*, as_json: bool, quiet: bool, **options: Any) -> int:
    """Fetch days that are missing or may still change, newest first.

    It can be stopped at any time and started again; stored data remains.

    \b
    Examples:
      wxcube sync
      wxcube sync --account shop --only article --from 2026-01-01
      wxcube sync --quiet
    """
    root = context()
    if not _has_database(root):
        _check_settings(root, options)
    with root.warehouse() as warehouse:
        planned = _plan(root, warehouse.coverage, options)
        if not (quiet or as_json):
            _show_cost(root, planned)
        report = asyncio.run(_run(root, warehouse, planned, quiet=quiet or as_json))
    if as_json:
        click.echo(json_line(_as_data(report)))
    elif not (quiet and report.is_complete):
        _show_report(root, report)
    return 0 if report.is_complete else INCOMPLETE


@click.command(cls=Command)
@_selection
# options of a sync, which earlier versions accepted here
@click.option("--retired", is_flag=True, hidden=True)
@click.option("--retry-refused", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per endpoint.")
def status(*, as_json: bool, **options: Any) -> None:
    """Show which days are stored, which are missing, and why.

    \b
    Examples:
      wxcube status
      wxcube status --account shop --from 2026-01-01
    """
    root = context()
    with root.warehouse(read_only=True) as warehouse:
        rows = _status(root, warehouse, options)
    if as_json:
        for row in rows:
            click.echo(json_line(_as_line(row)))
        return
    for appid in dict.fromkeys(row.appid for row in rows):
        of_account = [row for row in rows if row.appid == appid]
        root.console.print(_title(root, appid), style="bold")
        root.console.print(coverage_table(of_account, root.translate, root.console.width))
        for line in missing_lines(of_account, root.translate):
            print_paragraph(root.console, line, mark="· ", style="yellow")


def _has_database(root: Context) -> bool:
    return path_of(root.settings.database).exists()


def _check_settings(root: Context, options: dict[str, Any]) -> None:
    """Check settings, options and secrets before a database is created."""
    planned = _plan(root, no_coverage, options)
    asyncio.run(_open_clients(root, planned))


async def _open_clients(root: Context, planned: Plan) -> None:
    clients = account_clients(_accounts_of(root, planned), root.settings.sync, root.account_clock)
    async with clients:
        pass


def _accounts_of(root: Context, planned: Plan) -> list[AccountSettings]:
    appids = {call.appid for call in planned.calls}
    return [account for account in root.settings.accounts if account.appid in appids]


# --- plan ----------------------------------------------------------------------------------------


def _plan_only(root: Context, options: dict[str, Any]) -> Plan:
    """The plan, without creating or changing the database."""
    if not _has_database(root):
        return _plan(root, no_coverage, options)
    with root.warehouse(read_only=True) as warehouse:
        return _plan(root, warehouse.coverage, options)


def _plan(root: Context, coverage: CoverageReader, options: dict[str, Any]) -> Plan:
    accounts = root.settings.chosen(options["accounts"])
    plans = [_plan_account(root, coverage, account, options) for account in accounts]
    calls = sorted(
        (call for p in plans for call in p.calls), key=lambda call: call.window.last, reverse=True
    )
    return Plan(tuple(calls), tuple(skipped for p in plans for skipped in p.skipped))


def _plan_account(
    root: Context, coverage: CoverageReader, account: AccountSettings, options: dict[str, Any]
) -> Plan:
    return plan_calls(
        _wanted(root, account, options),
        coverage,
        root.account_clock.now(),
        include_retired=options["retired"] or includes_retired(account, root.settings.sync),
        retry_refused=options["retry_refused"],
    )


def _wanted(root: Context, account: AccountSettings, options: dict[str, Any]) -> list[WantedDays]:
    return wanted_days(
        account,
        root.settings.sync,
        root.account_clock.now(),
        only=options["only"],
        first=options["first"],
        last=options["last"],
    )


def _show_plan(root: Context, planned: Plan) -> None:
    appids = [*(call.appid for call in planned.calls), *(one.appid for one in planned.skipped)]
    for appid in dict.fromkeys(appids):
        root.console.print(_title(root, appid), style="bold")
        root.console.print(_plan_table(root, planned, appid))
        for line in _skipped_lines(root, planned, appid):
            print_paragraph(root.console, line, mark="· ", style="dim")
    _show_cost(root, planned)


def _show_cost(root: Context, planned: Plan) -> None:
    cost = plural(
        "{n} call for {days} days (weeks, months)",
        "{n} calls for {days} days (weeks, months)",
        n=len(planned.calls),
        days=planned.days,
    )
    print_paragraph(root.notes, root.translate(cost))


def _plan_table(root: Context, planned: Plan, appid: str) -> Table:
    translate = root.translate
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(translate(_("endpoint")))
    table.add_column(translate(_("calls")), justify="right")
    table.add_column(translate(_("days (weeks, months)")), justify="right")
    for (owner, name), cost in planned.cost.items():
        if owner == appid:
            table.add_row(name, str(cost.calls), str(cost.days))
    return table


def _skipped_lines(root: Context, planned: Plan, appid: str) -> list[str]:
    """Endpoints without calls, those with the same reason on one line."""
    names: dict[Message, list[str]] = {}
    for skipped in planned.skipped:
        if skipped.appid == appid:
            names.setdefault(explain_skipped(skipped), []).append(skipped.endpoint.name)
    return [
        root.translate(_("{endpoints}: {reason}", endpoints=Listing(of), reason=reason))
        for reason, of in names.items()
    ]


# --- sync ----------------------------------------------------------------------------------------


async def _run(root: Context, warehouse: Warehouse, planned: Plan, *, quiet: bool) -> Report:
    settings, count = root.settings.sync, len(planned.calls)
    bar = None if quiet or not count else SyncBar(root.notes, root.translate, count)
    accounts = _accounts_of(root, planned)
    async with account_clients(accounts, settings, root.account_clock) as clients:
        with bar or nullcontext():
            return await run_sync(
                planned,
                clients,
                warehouse,
                clock=root.account_clock,
                concurrency=settings.concurrency,
                budgets=Budgets(settings.daily_calls_per_endpoint),
                on_progress=bar,
            )


def _show_report(root: Context, report: Report) -> None:
    translate, notes, none = root.translate, root.notes, _("none")
    states = [
        _("{count} {state}", count=report.days[state], state=STATE_LABELS[state])
        for state in State
        if report.days[state]
    ]
    total = plural(
        "{n} call, {rows:,} rows; days by state: {states}",
        "{n} calls, {rows:,} rows; days by state: {states}",
        n=report.calls,
        rows=report.rows,
        states=Listing(states or [none]),
    )
    print_paragraph(notes, translate(total))
    for error in report.errors:
        print_paragraph(notes, redact(translate(_error_line(error))), mark="! ", style="yellow")
    for (appid, name, reason), count in report.not_made.items():
        line = plural(
            "{appid} {endpoint}: {n} call not made, {reason}",
            "{appid} {endpoint}: {n} calls not made, {reason}",
            appid=appid,
            endpoint=name,
            n=count,
            reason=explain_stop(reason),
        )
        print_paragraph(notes, translate(line), mark="! ", style="yellow")


def _error_line(error: ErrorCount) -> Message:
    if error.calls == 1:
        return _("{appid} {error}", appid=error.appid, error=error.message)
    return _("{appid} {error} ×{count}", appid=error.appid, error=error.message, count=error.calls)


def _as_data(report: Report) -> dict[str, object]:
    return {
        "planned": report.planned,
        "calls": report.calls,
        "answered": report.answered,
        "rows": report.rows,
        "days": {state.value: n for state, n in report.days.items()},
        "troubles": [
            {
                "appid": error.appid,
                "endpoint": error.endpoint,
                "errcode": error.errcode,
                "message": redact(str(error.message)),
                "remedy": error.remedy.value,
                "calls": error.calls,
            }
            for error in report.errors
        ],
        "left": [
            {"appid": appid, "endpoint": endpoint, "why": reason.value, "calls": n}
            for (appid, endpoint, reason), n in report.not_made.items()
        ],
    }


# --- status --------------------------------------------------------------------------------------


def _status(root: Context, warehouse: Warehouse, options: dict[str, Any]) -> list[EndpointCoverage]:
    now = root.account_clock.now()
    rows = []
    for account in _status_accounts(root, warehouse, options["accounts"]):
        wanted = _wanted_or_stored(root, warehouse, account, options)
        planned = plan_calls(
            wanted,
            warehouse.coverage,
            now,
            include_retired=options["retired"] or includes_retired(account, root.settings.sync),
        )
        reasons = {
            (skipped.appid, skipped.endpoint.name): explain_skipped(skipped)
            for skipped in planned.skipped
            if skipped.reason in {SkipReason.RETIRED, SkipReason.NEEDS_PARAM}
        }
        rows += endpoint_coverages(warehouse, wanted, now, reasons)
    return rows


def _status_accounts(
    root: Context, warehouse: Warehouse, words: tuple[str, ...]
) -> list[AccountSettings]:
    """The selected accounts, of the settings or else of the warehouse."""
    settings, stored = root.settings, warehouse.accounts()
    if not words:
        return settings.accounts or [AccountSettings(appid=appid) for appid in stored]
    known = {
        word: account for account in settings.accounts for word in (account.name, account.appid)
    }
    return [
        known.get(word) or AccountSettings(appid=stored_account(word, stored)) for word in words
    ]


def _wanted_or_stored(
    root: Context, warehouse: Warehouse, account: AccountSettings, options: dict[str, Any]
) -> list[WantedDays]:
    """The days of an account of the settings; of any other one the days with rows."""
    wanted = _wanted(root, account, options)
    if account in root.settings.accounts or options["first"]:
        return wanted
    extents = [warehouse.extent(account.appid, e) for days in wanted for e in days.endpoints]
    known = [extent for extent in extents if extent]
    if not known:
        return wanted
    window = Window(min(e.first for e in known), max(e.last for e in known))
    return [WantedDays(days.appid, window, days.endpoints, days.params) for days in wanted]


def _as_line(row: EndpointCoverage) -> dict[str, object]:
    return {
        "appid": row.appid,
        "endpoint": row.endpoint.name,
        **({"card_id": row.card} if row.card else {}),
        "from": row.window.first if row.window else None,
        "to": row.window.last if row.window else None,
        **{state.value: row.count(state) for state in State},
        "why": str(row.missing()),
    }


def _title(root: Context, appid: str) -> str:
    names = {a.appid: a.name for a in root.settings.accounts}
    return f"{names[appid]} ({appid})" if names.get(appid) else appid
