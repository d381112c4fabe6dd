"""The commands endpoints and explain: what WeChat promises and own events say, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from wxcube import contract
from wxcube.cli import event_reference as told
from wxcube.cli.commands.context import Context, context
from wxcube.cli.terminal.paragraph import tell
from wxcube.contract.endpoint import Endpoint, Grain, Group, Life
from wxcube.contract.field import Column, Row, members
from wxcube.errors import UnknownEndpointError
from wxcube.events.kinds import Event
from wxcube.export.flat import unit_in
from wxcube.i18n.language import Language

EVENTS = "events"
"""The name under which all kinds of events are explained."""
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


@click.command()
@click.argument("name")
def explain(name: str) -> None:
    """Explain an endpoint, or what an event may say.

    NAME is an endpoint (getusersummary), a kind of event (read), or `events` for all kinds and how
    files give them.
    """
    root = context()
    if name == EVENTS:
        _explain_events(root)
    elif name in told.KINDS:
        _explain_kind(root, told.KINDS[name])
    else:
        _explain(root, _endpoint(name))


def _endpoint(name: str) -> Endpoint[Any]:
    """The endpoint of that name; if there is none, kinds of events are among what may be meant."""
    close = get_close_matches(name, [EVENTS, *told.KINDS], n=3)
    try:
        return contract.named(name)
    except UnknownEndpointError:
        if not close:
            raise
        raise UnknownEndpointError(
            f"there is no endpoint or kind of event {name!r}",
            hint=f"did you mean {', '.join(close)}?",
        ) from None


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


def _explain_events(root: Context) -> None:
    say, console = root.say, root.console
    kinds = _table(say("事件", "event"), say("说的是什么", "what it tells"))
    for name, kind in told.KINDS.items():
        kinds.add_row(name, told.plain(told.happened(kind, say)))
    console.print(kinds)
    console.print()
    tell(console, say("每个事件都有：", "Every event has:"))
    console.print(_members(told.members(Event), say))
    console.print()
    heads = ("JSON Lines", "CSV", "Parquet")
    given = _table(say("类型", "type"), *heads)
    for one in told.GIVEN:
        texts = (told.plain(say(*text)) for text in (one.lines, one.csv, one.parquet))
        given.add_row(one.json_type or say("省略", "left out"), *texts)
    console.print(given)
    for rule in told.RULES:
        tell(console, told.plain(say(*rule)), mark="  · ")
    tell(
        console,
        say("某种事件的成员：wxcube explain read", "Members of a kind: wxcube explain read"),
        style="dim",
    )


def _explain_kind(root: Context, kind: type[Event]) -> None:
    say, console = root.say, root.console
    shown = told.example(kind)
    title = told.plain(told.happened(kind, say))
    console.print(Text.assemble((shown[told.TAG], "bold"), f"  {title}"))
    found = told.members(kind)
    console.print(_members(found, say))
    for member in (m for m in found if m.codes):
        codes = say("，", ", ").join(f"{m.code} {say(m.zh, m.en)}" for m in member.codes)
        tell(console, f"{member.name}{say('：', ': ')}{codes}", mark="  · ", style="dim")
    tell(console, told.as_json(shown))


def _members(found: Sequence[told.Member], say: Language) -> Table:
    table = _table(
        say("成员", "member"), say("类型与范围", "type, range"), "", say("含义", "meaning")
    )
    for m in found:
        values = f"{m.json_type} {told.plain(told.allowed(m, say))}"
        meaning = told.plain(say(m.kind.zh, m.kind.en))
        table.add_row(m.name, values, told.presence(m, say), meaning)
    return table


def _table(first: str, *heads: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first, no_wrap=True)
    for head in heads:
        table.add_column(head, overflow="fold")
    return table
