"""The command fetch: call one endpoint and print the rows."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from wxcube import contract
from wxcube.cli.commands.context import Context, context
from wxcube.cli.commands.rows import Layout, check_layout, print_no_rows, print_table, write
from wxcube.cli.help import Command
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import ContractError
from wxcube.export.flat import default_part
from wxcube.i18n import _

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.settings import AccountSettings
    from wxcube.warehouse.store import Warehouse

FORMATS = click.Choice(["table", "csv", "json", "jsonl"])


@click.command(cls=Command)
@click.argument("endpoint")
@click.argument("window", metavar="FIRST..LAST")
@click.option("--account", default="", help="Name or AppID (default: the only one).")
@click.option(
    "--param", multiple=True, metavar="NAME=VALUE", help="Parameter other than the dates."
)
@click.option("--format", "file_format", type=FORMATS, default="table", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Same as --format jsonl.")
@click.option("--part", help="Nested list to expand into rows, e.g. details.")
@click.option("--save", is_flag=True, help="Also store the rows in the database.")
def fetch(  # noqa: PLR0913 - one per option
    endpoint: str,
    window: str,
    account: str,
    param: tuple[str, ...],
    file_format: str,
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
      wxcube fetch getcardcardinfo 2026-03-01 --param card_id=pABC --save
    """
    root, definition, days = context(), contract.named(endpoint), Window.parse(window)
    layout = Layout(file_format="jsonl" if as_json else file_format, part=part)
    check_layout(root, definition, layout)
    params = _params(definition, param)
    account_settings = root.settings.account(account)
    now = root.account_clock.now()
    definition.check_reach(days, now)
    rows = asyncio.run(_fetch(root, account_settings, definition, days, params, save=save))
    if layout.file_format == "table":
        print_table(root, definition, rows, default_part(definition) if part is None else part)
    else:
        write(sys.stdout.buffer, definition, {account_settings.appid: rows}, layout)
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

    rows: list[Any] = []
    async with account_client(account, root.settings.sync, root.account_clock) as client:
        if not save:
            return await client.fetch(endpoint, window.first, window.last, **params)
        with ExitStack() as stack:
            warehouse: Warehouse | None = None
            for call in reversed(endpoint.calls(endpoint.labels(window))):
                answer = await client.ask(endpoint, call, params)
                # after the first answer, so that an error does not leave an empty database
                warehouse = warehouse or stack.enter_context(root.warehouse())
                warehouse.replace(account.appid, Origin.WECHAT, answer, params)
                rows += answer.rows
    return rows


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
