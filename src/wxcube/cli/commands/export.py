"""The command export: stored rows as a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from wxcube import contract
from wxcube.cli.commands.context import Context, context
from wxcube.cli.commands.rows import AccountRows, Layout, check_layout, print_no_rows, write
from wxcube.cli.help import Command
from wxcube.cli.stored_accounts import only_account, stored_account
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.export import text as files
from wxcube.i18n import Listing, Message, _, plural

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.warehouse.store import Warehouse

UNSUPPORTED_EXTENSIONS = frozenset({".xlsx", ".xls", ".ods", ".parquet", ".feather", ".arrow"})
"""File extensions of formats that cannot be written."""


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
    check_layout(root, definition, layout)
    with root.warehouse(read_only=True) as warehouse:
        appids = _appids(root, warehouse, accounts, every=all_accounts)
        layout = replace(layout, with_account=with_account or len(appids) > 1)
        rows = {appid: _stored_rows(warehouse, appid, definition, days, only) for appid in appids}
        with _replacing(out) if out else nullcontext(sys.stdout.buffer) as target:
            count = write(target, definition, rows, layout)
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
            print_no_rows(root, with_account if len(rows) > 1 else reason)


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
