"""Commands that fill the warehouse and say how full it is: plan, sync, status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from typing import Any

import click
from rich.table import Table

from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.coverage_table import Covered, coverage_table, covered, missing_lines, title
from wxcube.cli.terminal.paragraph import tell
from wxcube.cli.terminal.progress_bar import SyncBar
from wxcube.cli.trouble import in_full
from wxcube.contract.window import Window, parse_day
from wxcube.errors import WxcubeError
from wxcube.jobs.accounts import includes_retired, nothing_known, sources, wanted
from wxcube.log import redact
from wxcube.settings import AccountSettings
from wxcube.warehouse.coverage import State
from wxcube.warehouse.database import path_of
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import CoverageOf, Plan, Reason, Wanted
from wxcube.warehouse.sync.plan import plan as plan_calls
from wxcube.warehouse.sync.progress import Report
from wxcube.warehouse.sync.run import Budgets
from wxcube.warehouse.sync.run import sync as run_sync
from wxcube.warehouse.words import explain_left, explain_skipped

INCOMPLETE = 3


class Day(click.ParamType[date]):
    """A day as YYYY-MM-DD."""

    name = "DAY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day, or a usage error that says how to write one."""
        if isinstance(value, date):
            return value
        try:
            return parse_day(str(value))
        except WxcubeError as error:
            self.fail(str(error), param, ctx)


def _choice(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose accounts, endpoints and days."""
    for option in reversed(
        (
            click.option("--account", "accounts", multiple=True, help="Name or appid."),
            click.option("--only", multiple=True, metavar="NAME", help="Endpoint or group."),
            click.option("--from", "first", type=Day(), help="First day wanted."),
            click.option("--to", "last", type=Day(), help="Last day wanted."),
            click.option("--retired", is_flag=True, help="Ask the six retired calls too."),
            click.option("--retry-refused", is_flag=True, help="Ask what was refused again."),
        )
    ):
        command = option(command)
    return command


@click.command()
@_choice
@click.option("--json", "as_json", is_flag=True, help="One JSON line per call.")
def plan(*, as_json: bool, **choice: Any) -> None:
    """Show what a sync would ask: calls, days, cost. Nothing is sent."""
    root = context()
    made = _plan_only(root, choice)
    if as_json:
        for call in made.calls:
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
        _show_plan(root, made)


@click.command()
@_choice
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON line.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def sync(*, as_json: bool, quiet: bool, **choice: Any) -> int:
    """Fetch what is missing or may still change, newest first.

    It may be stopped at any moment and started again; what is stored stays.
    """
    root = context()
    with root.warehouse() as warehouse:
        made = _plan(root, warehouse.coverage, choice)
        if not (quiet or as_json):
            _show_plan(root, made, brief=True)
        report = asyncio.run(_run(root, warehouse, made, quiet=quiet or as_json))
    if as_json:
        click.echo(json_line(_as_data(report)))
    else:
        show_report(root, report)
    return 0 if report.is_complete else INCOMPLETE


@click.command()
@_choice
@click.option("--json", "as_json", is_flag=True, help="One JSON line per endpoint.")
def status(*, as_json: bool, **choice: Any) -> None:
    """Show what is there, what is missing, and why."""
    root = context()
    with root.warehouse(read_only=True) as warehouse:
        found = _status(root, warehouse, choice)
    if as_json:
        for row in found:
            click.echo(json_line(_as_line(row, root)))
        return
    for appid in dict.fromkeys(row.appid for row in found):
        mine = [row for row in found if row.appid == appid]
        root.console.print(_title(root, appid), style="bold")
        root.console.print(coverage_table(mine, root.say, root.console.width))
        for line in missing_lines(mine, root.say):
            tell(root.console, line, mark="· ", style="yellow")


def _status(root: Context, warehouse: Warehouse, choice: dict[str, Any]) -> list[Covered]:
    parts = _wanted_or_stored(root, warehouse, choice)
    now = root.clock.now()
    planned = plan_calls(parts, warehouse.coverage, now, include_retired=choice["retired"])
    reasons = {
        (left.appid, left.endpoint.name): explain_skipped(left, root.say.code)
        for left in planned.skipped
        if left.reason in {Reason.RETIRED, Reason.NEEDS_PARAM}
    }
    return covered(warehouse, parts, now, reasons)


def _plan_only(root: Context, choice: dict[str, Any]) -> Plan:
    """The plan, without making a file or writing to it."""
    if not path_of(root.settings.database).exists():
        return _plan(root, nothing_known, choice)
    with root.warehouse(read_only=True) as warehouse:
        return _plan(root, warehouse.coverage, choice)


def _plan(root: Context, coverage: CoverageOf, choice: dict[str, Any]) -> Plan:
    chosen = root.settings.chosen(choice["accounts"])
    plans = [_plan_one(root, coverage, one, choice) for one in chosen]
    calls = sorted(
        (call for p in plans for call in p.calls), key=lambda call: call.window.last, reverse=True
    )
    return Plan(tuple(calls), tuple(left for p in plans for left in p.skipped))


def _plan_one(
    root: Context, coverage: CoverageOf, account: AccountSettings, choice: dict[str, Any]
) -> Plan:
    retired = choice["retired"] or includes_retired(account, root.settings.sync)
    return plan_calls(
        _wanted(root, account, choice),
        coverage,
        root.clock.now(),
        include_retired=retired,
        retry_refused=choice["retry_refused"],
    )


def _wanted(root: Context, account: AccountSettings, choice: dict[str, Any]) -> list[Wanted]:
    return wanted(
        account,
        root.settings.sync,
        root.clock.now(),
        only=choice["only"],
        first=choice["first"],
        last=choice["last"],
    )


def _wanted_or_stored(root: Context, warehouse: Warehouse, choice: dict[str, Any]) -> list[Wanted]:
    """What the settings want; without accounts in the settings, what the warehouse has."""
    accounts = root.settings.accounts
    if accounts or choice["accounts"]:
        chosen = root.settings.chosen(choice["accounts"])
    else:
        since = {"since": choice["first"]} if choice["first"] else {}
        chosen = [AccountSettings(appid=appid, **since) for appid in warehouse.accounts()]
    return [part for one in chosen for part in _stored(root, warehouse, one, choice)]


def _stored(
    root: Context, warehouse: Warehouse, account: AccountSettings, choice: dict[str, Any]
) -> list[Wanted]:
    parts = _wanted(root, account, choice)
    if account in root.settings.accounts or choice["first"]:
        return parts
    extents = [warehouse.extent(account.appid, e) for part in parts for e in part.endpoints]
    known = [extent for extent in extents if extent]
    if not known:
        return parts
    window = Window(min(e.first for e in known), max(e.last for e in known))
    return [Wanted(part.appid, window, part.endpoints, part.params) for part in parts]


async def _run(root: Context, warehouse: Warehouse, made: Plan, *, quiet: bool) -> Report:
    settings = root.settings.sync
    asked = {call.appid for call in made.calls}
    chosen = [a for a in root.settings.accounts if a.appid in asked]
    bar = None if quiet or not made.calls else SyncBar(root.notes, root.say, len(made.calls))
    async with sources(chosen, settings, root.clock) as clients:
        with bar or nullcontext():
            return await run_sync(
                made,
                clients,
                warehouse,
                clock=root.clock,
                concurrency=settings.concurrency,
                budgets=Budgets(settings.daily_calls_per_endpoint),
                on_progress=bar,
            )


def _show_plan(root: Context, made: Plan, *, brief: bool = False) -> None:
    if not brief:
        owners = [*(call.appid for call in made.calls), *(left.appid for left in made.skipped)]
        for appid in dict.fromkeys(owners):
            root.console.print(_title(root, appid), style="bold")
            root.console.print(_plan_table(root, made, appid))
            for line in _skipped_lines(root, made, appid):
                tell(root.console, line, mark="· ", style="dim")
    tell(
        root.notes,
        root.say(
            f"共 {len(made.calls)} 次请求，{made.days} 天（周、月）",
            f"{len(made.calls)} calls for {made.days} days (weeks, months)",
        ),
    )


def _plan_table(root: Context, made: Plan, appid: str) -> Table:
    say = root.say
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(say("接口", "endpoint"))
    table.add_column(say("请求", "calls"), justify="right")
    table.add_column(say("天（周、月）", "days (weeks, months)"), justify="right")
    for (owner, name), cost in made.cost.items():
        if owner == appid:
            table.add_row(name, str(cost.calls), str(cost.days))
    return table


def _skipped_lines(root: Context, made: Plan, appid: str) -> list[str]:
    """Endpoints that are not asked, those with the same reason on one line."""
    by_reason: dict[str, list[str]] = {}
    for left in made.skipped:
        if left.appid == appid:
            why = explain_skipped(left, root.say.code)
            by_reason.setdefault(why, []).append(left.endpoint.name)
    colon = root.say("：", ": ")
    return [f"{', '.join(names)}{colon}{why}" for why, names in by_reason.items()]


def show_report(root: Context, report: Report) -> None:
    """Print what a sync did."""
    say, notes = root.say, root.notes
    states = say("，", ", ").join(
        f"{report.days[s]} {title(s, say)}" for s in State if report.days[s]
    )
    tell(
        notes,
        say(
            f"{report.calls} 次请求，{report.rows:,} 行；各状态天数：{states or '无'}",
            f"{report.calls} calls, {report.rows:,} rows; days by state: {states or 'none'}",
        ),
    )
    for trouble in report.troubles:
        times = f" ×{trouble.calls}" if trouble.calls > 1 else ""
        words = in_full(trouble.message, trouble.errcode, say)
        tell(notes, f"{trouble.appid} {words}{times}", mark="! ", style="yellow")
    for (appid, name, why), count in report.left.items():
        words = explain_left(why, say.code)
        left = say(f"{count} 次请求未发出，{words}", f"{count} calls not made, {words}")
        tell(notes, f"{appid} {name}: {left}", mark="! ", style="yellow")


def _as_data(report: Report) -> dict[str, object]:
    return {
        "planned": report.planned,
        "calls": report.calls,
        "answered": report.answered,
        "rows": report.rows,
        "days": {state.value: n for state, n in report.days.items()},
        "troubles": [
            {
                "appid": t.appid,
                "endpoint": t.endpoint,
                "errcode": t.errcode,
                "message": redact(t.message),
                "remedy": t.remedy.value,
                "calls": t.calls,
            }
            for t in report.troubles
        ],
        "left": [
            {"appid": a, "endpoint": e, "why": w.value, "calls": n}
            for (a, e, w), n in report.left.items()
        ],
    }


def _as_line(row: Covered, root: Context) -> dict[str, object]:
    return {
        "appid": row.appid,
        "endpoint": row.endpoint.name,
        **({"card_id": row.card} if row.card else {}),
        "from": row.window.first if row.window else None,
        "to": row.window.last if row.window else None,
        **{state.value: row.count(state) for state in State},
        "why": row.words(root.say),
    }


def _title(root: Context, appid: str) -> str:
    names = {a.appid: a.name for a in root.settings.accounts}
    return f"{names[appid]} ({appid})" if names.get(appid) else appid
