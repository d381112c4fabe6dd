"""The command endpoints: what WeChat promises, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from wxcube import contract
from wxcube.contract.endpoint import Endpoint, Grain, Group, Life
from wxcube.contract.field import Column, Row, members
from wxcube.outlets.commands.context import Context, context
from wxcube.outlets.flat import unit_in
from wxcube.outlets.language import Language
from wxcube.outlets.paragraph import tell

_GROUPS_ZH = {
    Group.USER: "用户",
    Group.ARTICLE: "图文",
    Group.CONTENT: "发表内容",
    Group.MESSAGE: "消息",
    Group.INTERFACE: "接口",
    Group.CARD: "卡券",
}
_GRAINS_ZH = {
    Grain.DAY: "日",
    Grain.HOUR: "时",
    Grain.WEEK: "周",
    Grain.MONTH: "月",
    Grain.CUMULATIVE: "累计",
}


@click.command()
@click.argument("name", default="")
@click.option("--json", "as_json", is_flag=True, help="The contract as JSON.")
def endpoints(name: str, *, as_json: bool) -> None:
    """List the endpoints, or explain one column by column."""
    root = context()
    if as_json:
        from wxcube.contract.export import as_json as contract_json

        click.echo(contract_json())
    elif name:
        _explain(root, contract.named(name))
    else:
        _list(root)


def _list(root: Context) -> None:
    say = root.say
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(say("接口", "endpoint"), no_wrap=True)
    table.add_column(say("名称", "title"), overflow="fold")
    table.add_column(say("粒度", "grain"), no_wrap=True)
    table.add_column(say("每次天数", "days/call"), justify="right", no_wrap=True)
    for group, found in groupby(contract.ENDPOINTS, key=lambda e: e.group):
        table.add_row(Text(say(_GROUPS_ZH[group], group.value), "bold cyan"))
        for e in found:
            title = Text(say(e.title_zh, e.title_en)).append(_life(e, say), "yellow")
            table.add_row(e.name, title, say(_GRAINS_ZH[e.grain], e.grain.value), str(e.span_days))
    root.console.print(table)


def _life(e: Endpoint[Any], say: Language) -> str:
    if e.is_retired:
        return say(f"（{e.retired_since} 年下线）", f" (retired {e.retired_since})")
    return say("（产品已停售）", " (legacy)") if e.life is Life.LEGACY else ""


def _explain(root: Context, e: Endpoint[Any]) -> None:
    say, console = root.say, root.console
    console.print(Text.assemble((e.name, "bold"), f"  {say(e.title_zh, e.title_en)}"))
    facts = say(
        f"POST {e.path}，每次最多 {e.span_days} 天，数据始于 {e.first_date}，表 {e.table}",
        f"POST {e.path}, at most {_days(e.span_days)} a call, from {e.first_date}, table {e.table}",
    )
    tell(console, facts, mark="  ")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(say("字段", "column"), no_wrap=True)
    for head in (say("含义", "meaning"), say("单位", "unit"), ""):
        table.add_column(head)
    for path, column in _meanings(e.row):
        key = say("键", "key") if path in e.key else ""
        table.add_row(
            path, say(column.kind.zh, column.kind.en), unit_in(say.code, column.kind.unit), key
        )
    console.print(table)
    for note in e.notes:
        tell(console, note, mark="  · ", style="dim")


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _meanings(row: type[Row], before: str = "") -> Iterator[tuple[str, Column]]:
    """Every column of a row by its dotted path, in wire order."""
    for member in members(row):
        if isinstance(member, Column):
            yield f"{before}{member.name}", member
        else:
            yield from _meanings(member.row, f"{before}{member.name}{'[]' if member.many else ''}.")
