"""Commands that print or write rows: fetch, export, sql."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from wxcube import contract
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.help import Command
from wxcube.cli.stored_accounts import only_account, stored_account
from wxcube.cli.terminal.grid import Heading, show
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import ContractError, WarehouseError
from wxcube.export import text as files
from wxcube.export.flat import ACCOUNT, default_part, flatten, flatten_accounts, parts
from wxcube.i18n import Listing, Message, _, plural

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.settings import AccountSettings
    from wxcube.warehouse.store import Warehouse

MAX_ROWS = 200
"""The maximum number of rows of a table on the terminal."""
UNSUPPORTED_EXTENSIONS = frozenset({".xlsx", ".xls", ".ods", ".parquet", ".feather", ".arrow"})
"""File extensions of formats that cannot be written."""

FORMATS = click.Choice(["table", "csv", "json", "jsonl"])
AccountRows = Mapping[str, list[Any]]
"""Rows by appid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Format and columns of the written rows."""

    file_format: str
    part: str | None = None
    header: str = "wire"
    excel: bool = False
    with_account: bool = False


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
    _check_layout(root, definition, layout)
    params = _params(definition, param)
    account_settings = root.settings.account(account)
    now = root.account_clock.now()
    definition.check_reach(days, now)
    rows = asyncio.run(_fetch(root, account_settings, definition, days, params, save=save))
    if layout.file_format == "table":
        _print_table(root, definition, rows, default_part(definition) if part is None else part)
    else:
        _write(sys.stdout.buffer, definition, {account_settings.appid: rows}, layout)
    if not rows:
        from wxcube.warehouse.explanation import explain_empty_answer

        _print_no_rows(root, explain_empty_answer(definition, days, now))


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


def _check_layout(root: Context, endpoint: Endpoint[Any], layout: Layout) -> None:
    """Check that the part exists, and that no option for tables is used with JSON."""
    flatten(endpoint, (), layout.part or "")
    if layout.file_format in {"csv", "table"}:
        return
    table_options = {
        "--part": bool(layout.part),
        "--header": layout.header != "wire",
        "--excel": layout.excel,
    }
    option = next((name for name, is_used in table_options.items() if is_used), None)
    if option:
        raise click.UsageError(
            root.translate(
                _(
                    "{option} cannot be combined with {format}, only with tables: leave it out, or "
                    "use --format csv",
                    option=option,
                    format=layout.file_format,
                )
            )
        )


def _print_table(root: Context, endpoint: Endpoint[Any], rows: list[Any], part: str) -> None:
    translate = root.translate
    table = flatten(endpoint, rows, part)
    values = list(table.rows)
    filled = [i for i in range(len(table.names)) if any(v[i] is not None for v in values)]
    headings = [Heading(table.names[i], table.columns[i].type in {int, float}) for i in filled]
    if values:
        show(root.console, headings, [[row[i] for i in filled] for row in values[:MAX_ROWS]])
    else:
        root.console.print(translate(_("no rows")))
    _print_omitted(root, len(values) - MAX_ROWS)
    others = [p or _("(the row itself)") for p in parts(endpoint) if p != part]
    if others:
        names = translate(_("other parts: {names}", names=Listing(others)))
        root.notes.print(names, style="dim")


def _print_omitted(root: Context, count: int) -> None:
    if count > 0:
        root.notes.print(
            root.translate(_("… and {count} more; --format csv shows all", count=count))
        )


def _print_no_rows(root: Context, reason: Message) -> None:
    print_paragraph(
        root.notes, root.translate(_("no rows: {reason}", reason=reason)), mark="· ", style="yellow"
    )


# --- export --------------------------------------------------------------------------------------


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
    *,
    all_accounts: bool,
    with_account: bool,
    excel: bool,
) -> None:
    """Export rows of the warehouse as CSV, JSON or JSON lines.

    ENDPOINT is WeChat's name, such as getusersummary; without FIRST..LAST all stored days are
    exported.

    \b
    Examples:
      wxcube export getusersummary 2026-03-01..2026-03-31 --out march.csv
      wxcube export getusersummary --header zh --excel --out users.csv
      wxcube export getarticletotaldetail --all-accounts --out articles.csv
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
    )
    _check_layout(root, definition, layout)
    with root.warehouse(read_only=True) as warehouse:
        appids = _appids(root, warehouse, accounts, every=all_accounts)
        layout = replace(layout, with_account=with_account or len(appids) > 1)
        rows = {appid: _stored_rows(warehouse, appid, definition, days, only) for appid in appids}
        with _replacing(out) if out else nullcontext(sys.stdout.buffer) as target:
            count = _write(target, definition, rows, layout)
        if not count:
            _explain_empty_export(root, warehouse, definition, rows, days, only)
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
    appid: str,
    endpoint: Endpoint[Any],
    window: Window | None,
    origin: Origin | None,
) -> list[Any]:
    days = window or warehouse.extent(appid, endpoint)
    return list(warehouse.read(appid, endpoint, days, origin)) if days else []


def _write(target: BinaryIO, endpoint: Endpoint[Any], rows: AccountRows, layout: Layout) -> int:
    """Write rows, and return the number of them."""
    import io

    if layout.file_format == "json":
        return files.write_json(target, _rows_for_json(rows, layout))
    if layout.file_format == "jsonl":
        return files.write_jsonl(target, _rows_for_json(rows, layout))
    part = default_part(endpoint) if layout.part is None else layout.part
    if layout.with_account:
        table = flatten_accounts(endpoint, rows, part)
    else:
        [of_account] = rows.values()
        table = flatten(endpoint, of_account, part)
    text = io.TextIOWrapper(target, encoding="utf-8", newline="")
    try:
        return files.write_csv(text, table, header=layout.header, bom=layout.excel)
    finally:
        # flushes, and leaves the file open for its owner
        text.detach()


def _rows_for_json(rows: AccountRows, layout: Layout) -> list[Any]:
    import msgspec

    if not layout.with_account:
        return [row for of_account in rows.values() for row in of_account]
    return [
        {ACCOUNT.name: appid, **msgspec.to_builtins(row)}
        for appid, of_account in rows.items()
        for row in of_account
    ]


def _explain_empty_export(
    root: Context,
    warehouse: Warehouse,
    endpoint: Endpoint[Any],
    rows: AccountRows,
    window: Window | None,
    origin: Origin | None,
) -> None:
    """Print the reasons why an export has no rows."""
    for appid, of_account in rows.items():
        if of_account:
            reasons = [_('the rows have no entries in this part; --part "" exports them')]
        else:
            reasons = _reasons_for_no_rows(root, warehouse, appid, endpoint, window, origin)
        for reason in reasons:
            with_account = _("{appid}: {reason}", appid=appid, reason=reason)
            _print_no_rows(root, with_account if len(rows) > 1 else reason)


def _reasons_for_no_rows(
    root: Context,
    warehouse: Warehouse,
    appid: str,
    endpoint: Endpoint[Any],
    window: Window | None,
    origin: Origin | None,
) -> list[Message]:
    from wxcube.warehouse.explanation import explain_no_rows

    extent = warehouse.extent(appid, endpoint, origin)
    if origin and not extent:
        return [_("no rows of origin {origin} are stored", origin=origin.value)]
    by_origin = (warehouse.coverage_by_params(appid, endpoint, o) for o in Origin)
    entries = next((days for days in by_origin if days), {})
    reasons = explain_no_rows(endpoint, window, entries.values(), root.clock.now())
    if extent:
        reasons.append(_("rows of {window} are stored", window=extent))
    return reasons


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


# --- sql -----------------------------------------------------------------------------------------


@click.command(cls=Command)
@click.argument("query")
@click.option(
    "--format", "file_format", type=click.Choice(["table", "csv", "jsonl"]), default="table"
)
@click.option("--json", "as_json", is_flag=True, help="Same as --format jsonl.")
def sql(query: str, file_format: str, *, as_json: bool) -> None:
    """Run a read-only SQL query on the warehouse.

    `wxcube endpoints NAME` shows the table of an endpoint and its columns. A nested list has a
    table of its own, such as article_total_detail__detail_list. Columns that wxcube adds to
    WeChat's:

    \b
      appid   the account
      origin  wechat, import, cube or derived
      params  parameters of the call other than the dates (cards only)
      place   position in WeChat's list, from 0 (ORDER BY place restores it)

    The table coverage has the state of every endpoint and day.

    \b
    Examples:
      wxcube sql "SELECT ref_date, sum(new_user) FROM user_summary GROUP BY 1"
      wxcube sql "SELECT state, count(*) FROM coverage GROUP BY 1" --json
    """
    import csv

    root = context()
    if not query.strip():
        raise click.UsageError(root.translate(_("the query is empty: give one SELECT statement")))
    with root.warehouse(read_only=True) as warehouse:
        result = warehouse.query(query)
    if as_json or file_format == "jsonl":
        for row in result.rows:
            click.echo(json_line(dict(zip(result.columns, row, strict=True))))
    elif file_format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(result.columns)
        writer.writerows(result.rows)
    else:
        show(root.console, [Heading(name) for name in result.columns], result.rows[:MAX_ROWS])
        _print_omitted(root, len(result.rows) - MAX_ROWS)
