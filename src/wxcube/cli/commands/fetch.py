"""The command fetch: call one endpoint and print the rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wxcube import beijing, contract
from wxcube.cli.commands.context import Context, context
from wxcube.cli.commands.rows import (
    Layout,
    check_layout,
    default_header,
    print_no_rows,
    print_table,
    print_written,
    write,
)
from wxcube.cli.file_format import Output, format_option, out_option, output_format
from wxcube.cli.help import Command
from wxcube.cli.replaced_file import written_to
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import ContractError, WxcubeError
from wxcube.export.flat import default_part
from wxcube.i18n import _

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.settings import AccountSettings
    from wxcube.warehouse.ask_log import WarehouseAskLog


@click.command(cls=Command)
@click.argument("endpoint")
@click.argument("window", metavar="FIRST..LAST")
@click.option("--account", default="", help="Name or AppID (default: the only one).")
@click.option(
    "--param", multiple=True, metavar="NAME=VALUE", help="Parameter other than the dates."
)
@format_option
@out_option
@click.option("--json", "as_json", is_flag=True, help="Same as --format jsonl.")
@click.option("--part", help="Nested list to expand into rows, e.g. details.")
@click.option("--save", is_flag=True, help="Also store the rows in the database.")
def fetch(  # noqa: PLR0913, PLR0917 - one per option
    endpoint: str,
    window: str,
    account: str,
    param: tuple[str, ...],
    file_format: Output | None,
    out: Path | None,
    part: str | None,
    *,
    as_json: bool,
    save: bool,
) -> None:
    """Call one endpoint and print the rows.

    ENDPOINT is WeChat's name, such as getusersummary; FIRST..LAST are Beijing days, or one day.

    \b
    Examples:
      wxcube fetch getusersummary 2026-03-01..2026-03-07
      wxcube fetch getarticletotaldetail 2026-03-01 --format csv
      wxcube fetch getarticletotaldetail 2026-03-01 --out articles.xlsx
      wxcube fetch getcardcardinfo 2026-03-01 --param card_id=pABC --save
    """
    root, definition, days = context(), contract.named(endpoint), Window.parse(window)
    chosen = output_format(root, "jsonl" if as_json else file_format, out, default="table")
    layout = Layout(
        file_format=chosen,
        part=part,
        header=default_header(root, chosen),
        language=root.translate.code,
    )
    check_layout(root, definition, layout)
    params = _params(definition, param)
    account_settings = root.settings.account(account)
    now = root.account_clock.now()
    definition.check_reach(days, now)
    rows = asyncio.run(_fetch(root, account_settings, definition, days, params, save=save))
    if layout.file_format == "table":
        print_table(root, definition, rows, default_part(definition) if part is None else part)
    else:
        with written_to(out) as target:
            print_written(root, write(target, definition, rows, layout), out)
    if not rows:
        from wxcube.warehouse.explanation import explain_empty_answer

        print_no_rows(root, explain_empty_answer(definition, days, now))


async def _fetch(
    root: Context,
    account: AccountSettings,
    endpoint: Endpoint[Any],
    window: Window,
    params: dict[str, object],
    *,
    save: bool,
) -> list[Any]:
    from wxcube.jobs.accounts import account_client

    async with account_client(account, root.settings.sync, root.account_clock) as client:
        if not (save or root.has_warehouse()):
            return await client.fetch(endpoint, window.first, window.last, **params)
        with ExitStack() as stack:
            log = _AskLog(root, account.appid, stack)

            async def ask(call: Window) -> list[Any]:
                answer = await client.ask(endpoint, call, params, log)
                if save:
                    log.opened.warehouse.replace(account.appid, Origin.WECHAT, answer, params)
                return answer.rows

            days = _finished(endpoint, window, root.account_clock.now())
            calls = sorted(endpoint.calls(days))
            answers = await _all(ask, calls, root.settings.sync.concurrency)
    return [row for rows in answers for row in rows]


@dataclass
class _AskLog:
    """The log of asks; the database is opened, and created, when the first one is to be sent."""

    root: Context
    appid: str
    stack: ExitStack

    @cached_property
    def opened(self) -> WarehouseAskLog:
        warehouse = self.stack.enter_context(self.root.warehouse())
        return self.root.ask_log(warehouse, self.appid, "fetch")

    async def begin(
        self, endpoint: Endpoint[Any], window: Window, params: Mapping[str, object]
    ) -> int:
        return await self.opened.begin(endpoint, window, params)

    async def fail(
        self,
        ask: int,
        endpoint: Endpoint[Any],
        window: Window,
        params: Mapping[str, object],
        error: WxcubeError,
    ) -> None:
        await self.opened.fail(ask, endpoint, window, params, error)


async def _all(
    ask: Callable[[Window], Awaitable[list[Any]]], calls: list[Window], concurrency: int
) -> list[list[Any]]:
    """The rows of all calls, in their order.

    Raises:  the first error, after which no further call is begun; those in progress are finished.
    """
    remaining, errors = iter(calls), list[WxcubeError]()
    rows: dict[Window, list[Any]] = {}

    async def work() -> None:
        for call in remaining:
            try:
                rows[call] = await ask(call)
            except WxcubeError as error:
                errors.append(error)
            if errors:
                return

    async with asyncio.TaskGroup() as workers:
        for _worker in calls[:concurrency]:
            workers.create_task(work())
    if errors:
        raise errors[0]
    return [rows[call] for call in calls]


def _finished(endpoint: Endpoint[Any], window: Window, now: datetime) -> list[date]:
    """The ref_dates of a window whose period is over."""
    newest = beijing.yesterday(now)
    return [day for day in endpoint.labels(window) if endpoint.period(day).last <= newest]


def _params(endpoint: Endpoint[Any], options: tuple[str, ...]) -> dict[str, object]:
    types = {p.name: p.type for p in endpoint.params}
    params: dict[str, object] = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not (equals and value):
            raise ContractError(
                _("--param {text!r} has no value", text=text), hint=_("write it as NAME=VALUE")
            )
        try:
            params[name] = types.get(name, str)(value)
        except ValueError:
            raise ContractError(
                _("{parameter} is a number, not {value!r}", parameter=name, value=value),
                hint=_("write it as {parameter}=1", parameter=name),
            ) from None
    return params
