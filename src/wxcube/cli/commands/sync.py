"""The command sync: fetch what is missing or may still change, and report it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import click

from wxcube.cli.alerting import look_for_alerts
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.commands.plan import show_cost
from wxcube.cli.commands.selection import (
    Options,
    check_again,
    plan_of,
    selects_days,
    selects_repeats,
    wanted_of,
)
from wxcube.cli.exit_codes import INCOMPLETE
from wxcube.cli.help import Command
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.cli.terminal.progress_bar import SyncBar
from wxcube.jobs.accounts import account_clients
from wxcube.jobs.sync_report import SyncResult, as_data, report_lines
from wxcube.jobs.sync_run import SyncRun, accounts_of
from wxcube.settings import AccountSettings
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.exclusive import Exclusive, exclusive
from wxcube.warehouse.sync.plan import EmptyLedger, Plan

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals that end a sync with its report."""


@click.command(cls=Command)
@selects_days
@selects_repeats
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON line.")
@click.option("--quiet", is_flag=True, help="Print only problems.")
def sync(*, as_json: bool, quiet: bool, **options: Any) -> int:
    """Fetch days that are missing or may still change, newest first.

    It can be stopped at any time and started again; stored data remains. Only one sync per account
    runs at a time: accounts of another sync are left out, with exit code 3.

    \b
    Examples:
      wxcube sync
      wxcube sync --account shop --only article --from 2026-01-01
      wxcube sync --again 2026-02-01..2026-02-07
      wxcube sync --quiet
    """
    root = context()
    check_again(root, options)
    accounts = root.settings.chosen(options["accounts"])
    for account in accounts:
        # wrong names and days are an error before the database is written
        wanted_of(root, account, options)
    if not root.has_warehouse():
        _check_settings(root, accounts, options)
    with (
        root.warehouse() as warehouse,
        exclusive(warehouse, (a.appid for a in accounts), root.clock) as own,
    ):
        mine = [account for account in accounts if account.appid in own.held]
        planned = plan_of(root, warehouse, mine, options)
        if not (quiet or as_json):
            show_cost(root, planned)
        result = asyncio.run(_run(root, warehouse, planned, own, quiet=quiet or as_json))
    if as_json:
        click.echo(json_line(as_data(result)))
    elif not (quiet and result.is_complete):
        _show(root, result)
    if result.stopped_by:
        return 128 + result.stopped_by
    look_for_alerts(root, [account.appid for account in mine])
    return 0 if result.is_complete else INCOMPLETE


def _check_settings(root: Context, accounts: list[AccountSettings], options: Options) -> None:
    """Check settings, options and secrets before a database is created."""
    planned = plan_of(root, EmptyLedger(), accounts, options)
    asyncio.run(_open_clients(root, planned))


async def _open_clients(root: Context, planned: Plan) -> None:
    clients = account_clients(
        accounts_of(root.settings, planned), root.settings.sync, root.account_clock
    )
    async with clients:
        pass


async def _run(
    root: Context, warehouse: Warehouse, planned: Plan, own: Exclusive, *, quiet: bool
) -> SyncResult:
    """Make the calls of a plan, until they are made, a signal arrives, or a lease is lost."""
    count = len(planned.calls)
    bar = None if quiet or not count else SyncBar(root.notes, root.translate, count)
    run = SyncRun(root.settings, warehouse, planned, own, root.account_clock)
    with bar or nullcontext(), _stopping(run):
        return await run.make_calls(bar)


@contextmanager
def _stopping(run: SyncRun) -> Iterator[None]:
    """Stop the calls when a signal arrives; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        remove()
        run.stop(number)

    def remove() -> None:
        for number in _SIGNALS:
            # not on Windows, and only in the main thread
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(number)

    for number in _SIGNALS:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        remove()


def _show(root: Context, result: SyncResult) -> None:
    for line in report_lines(result, root.title):
        style = "" if line.mark == "" else "yellow"
        print_paragraph(root.notes, root.shown(line.text), mark=line.mark, style=style)
