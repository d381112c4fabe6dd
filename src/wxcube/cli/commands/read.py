"""Commands that show rows: fetch, export, sql."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from wxcube import contract
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.terminal.grid import Head, show
from wxcube.contract.window import Window
from wxcube.errors import ContractError, WarehouseError
from wxcube.export import text as files
from wxcube.export.flat import default_part, flatten, parts

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint

MOST_ROWS = 200
"""Rows a table on the terminal shows at most."""

FORMATS = click.Choice(["table", "csv", "json", "jsonl"])


@click.command()
@click.argument("endpoint")
@click.argument("window", metavar="FIRST..LAST")
@click.option("--account", default="", help="Name or appid (default: the only one).")
@click.option("--param", multiple=True, metavar="NAME=VALUE", help="Member beside the dates.")
@click.option("--format", "form", type=FORMATS, default="table", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format jsonl.")
@click.option("--part", help="List inside the rows to spread out, e.g. details.")
@click.option("--save", is_flag=True, help="Keep the answers in the warehouse too.")
def fetch(  # noqa: PLR0913 - one per option
    endpoint: str,
    window: str,
    account: str,
    param: tuple[str, ...],
    form: str,
    part: str | None,
    *,
    as_json: bool,
    save: bool,
) -> None:
    """Ask one endpoint and print the rows.

    ENDPOINT is WeChat's name, as getusersummary; FIRST..LAST are Beijing days, or one day alone.
    """
    root, known, days = context(), contract.named(endpoint), Window.parse(window)
    form = "jsonl" if as_json else form
    _check_form(known, form, part)
    extra = _members(known, param)
    rows = asyncio.run(_ask(root, account, known, days, extra, save=save))
    _show(root, known, rows, form, part)


async def _ask(
    root: Context,
    account: str,
    endpoint: Endpoint[Any],
    window: Window,
    extra: dict[str, object],
    *,
    save: bool,
) -> list[Any]:
    from wxcube.contract.source import Origin
    from wxcube.jobs.accounts import source

    one = root.settings.account(account)
    endpoint.check_reach(window, root.clock.now())
    rows: list[Any] = []
    async with source(one, root.settings.sync, root.clock) as client:
        if not save:
            return await client.fetch(endpoint, window.first, window.last, **extra)
        with root.warehouse() as warehouse:
            for call in reversed(endpoint.calls(endpoint.labels(window))):
                answer = await client.ask(endpoint, call, extra)
                warehouse.replace(one.appid, Origin.WECHAT, answer, extra)
                rows += answer.rows
    return rows


def _members(endpoint: Endpoint[Any], given: tuple[str, ...]) -> dict[str, object]:
    types = {p.name: p.type for p in endpoint.params}
    found: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and value):
            raise ContractError(f"--param {text!r} has no value", hint="write it as NAME=VALUE")
        try:
            found[name] = types.get(name, str)(value)
        except ValueError:
            raise ContractError(
                f"{name} is a number, not {value!r}", hint=f"write it as {name}=1"
            ) from None
    return found


def _check_form(endpoint: Endpoint[Any], form: str, part: str | None, **of_tables: object) -> None:
    """Refuse options that only a table has, and a part that is none."""
    flatten(endpoint, (), part or "")
    given = [name for name, value in {"part": part, **of_tables}.items() if value]
    if form not in {"csv", "table"} and given:
        raise click.UsageError(
            f"--{given[0]} does not go with {form}: it is for tables. Leave it out, or use "
            "--format csv."
        )


def _show(
    root: Context, endpoint: Endpoint[Any], rows: list[Any], form: str, part: str | None
) -> None:
    if form == "table":
        _print_table(root, endpoint, rows, default_part(endpoint) if part is None else part)
    else:
        _write(sys.stdout.buffer, endpoint, rows, form, part, "wire", excel=False)


def _print_table(root: Context, endpoint: Endpoint[Any], rows: list[Any], part: str) -> None:
    say = root.say
    flat = flatten(endpoint, rows, part)
    values = list(flat.rows)
    kept = [i for i in range(len(flat.names)) if any(v[i] is not None for v in values)]
    heads = [Head(flat.names[i], flat.columns[i].type in {int, float}) for i in kept]
    if values:
        show(root.console, heads, [[row[i] for i in kept] for row in values[:MOST_ROWS]])
    else:
        root.console.print(say("没有数据", "no rows"))
    _tell_more(root, len(values) - MOST_ROWS)
    others = [p or say("（行本身）", "(the row itself)") for p in parts(endpoint) if p != part]
    if others:
        root.notes.print(say("其他部分：", "other parts: ") + ", ".join(others), style="dim")


def _tell_more(root: Context, more: int) -> None:
    if more <= 0:
        return
    root.notes.print(
        root.say(
            f"…还有 {more} 行，用 --format csv 看全部",
            f"… and {more} more; --format csv shows all",
        )
    )


@click.command()
@click.argument("endpoint")
@click.argument("window", metavar="[FIRST..LAST]", default="")
@click.option("--account", default="", help="Name or appid (default: the only one stored).")
@click.option("--format", "form", type=click.Choice(["csv", "json", "jsonl"]), default="csv")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File (default: -).")
@click.option("--part", help="List inside the rows to spread out (CSV).")
@click.option("--header", type=click.Choice(["wire", "zh", "en"]), default="wire")
@click.option("--origin", type=click.Choice(["wechat", "import", "cube", "derived"]))
@click.option("--excel", is_flag=True, help="Mark a CSV file as UTF-8 for Excel.")
def export(  # noqa: PLR0913, PLR0917 - one per option
    endpoint: str,
    window: str,
    account: str,
    form: str,
    out: Path | None,
    part: str | None,
    header: str,
    origin: str | None,
    *,
    excel: bool,
) -> None:
    """Write rows of the warehouse as CSV, JSON or JSON lines.

    ENDPOINT is WeChat's name, as getusersummary; without FIRST..LAST all stored days are written.
    """
    root, known = context(), contract.named(endpoint)
    _check_form(known, form, part, header=header != "wire", excel=excel)
    rows = _stored(root, known, window, account, origin)
    with _replacing(out) if out else nullcontext(sys.stdout.buffer) as target:
        count = _write(target, known, rows, form, part, header, excel=excel)
    if out:
        root.notes.print(root.say(f"{count} 行 → {out}", f"{count} rows → {out}"))


def _write(  # noqa: PLR0913 - one per option
    target: BinaryIO,
    endpoint: Endpoint[Any],
    rows: list[Any],
    form: str,
    part: str | None,
    header: str,
    *,
    excel: bool,
) -> int:
    import io

    if form == "json":
        return files.write_json(target, rows)
    if form == "jsonl":
        return files.write_jsonl(target, rows)
    text = io.TextIOWrapper(target, encoding="utf-8", newline="")
    part = default_part(endpoint) if part is None else part
    try:
        return files.write_csv(text, endpoint, rows, part=part, header=header, bom=excel)
    finally:
        # flushes, and leaves the file open to whoever opened it
        text.detach()


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of the one at `path` when it is whole."""
    if not path.absolute().parent.is_dir():
        raise WarehouseError(
            f"there is no directory {path.parent} for {path.name}",
            hint="make it, or name another file with --out",
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


def _stored(
    root: Context, endpoint: Endpoint[Any], window: str, account: str, origin: str | None
) -> list[Any]:
    from wxcube.contract.source import Origin

    with root.warehouse(read_only=True) as warehouse:
        appid = stored_account(root, account, warehouse.accounts())
        days = Window.parse(window) if window else warehouse.extent(appid, endpoint)
        if days is None:
            return []
        return list(warehouse.read(appid, endpoint, days, Origin(origin) if origin else None))


def stored_account(root: Context, word: str, stored: Iterable[str]) -> str:
    """The appid a name or appid stands for, among the accounts of the warehouse.

    Raises:  WarehouseError if the warehouse has none or several that fit.
    """
    names = {a.name: a.appid for a in root.settings.accounts if a.name}
    appids = sorted(stored)
    wanted = names.get(word, word)
    fitting = [a for a in appids if a == wanted] if word else appids
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(appids) or "none"
    raise WarehouseError(
        f"{len(fitting)} accounts of the warehouse fit {word!r} (there: {there})",
        hint="name one with --account" if appids else "fill it with `wxcube sync`",
    )


@click.command()
@click.argument("query")
@click.option("--format", "form", type=click.Choice(["table", "csv", "jsonl"]), default="table")
@click.option("--json", "as_json", is_flag=True, help="The same as --format jsonl.")
def sql(query: str, form: str, *, as_json: bool) -> None:
    """Run a read-only SQL query on the warehouse."""
    import csv

    root = context()
    if not query.strip():
        raise click.UsageError("the query is empty. Give one SELECT.")
    with root.warehouse(read_only=True) as warehouse:
        result = warehouse.query(query)
    if as_json or form == "jsonl":
        for row in result.rows:
            click.echo(json_line(dict(zip(result.columns, row, strict=True))))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(result.columns)
        writer.writerows(result.rows)
    else:
        _print_result(root, result)


def _print_result(root: Context, result: Any) -> None:
    show(root.console, [Head(name) for name in result.columns], result.rows[:MOST_ROWS])
    _tell_more(root, len(result.rows) - MOST_ROWS)
