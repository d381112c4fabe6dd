"""Commands that describe endpoints and kinds of events: endpoints, explain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from wxcube import contract
from wxcube.cli import event_reference as reference
from wxcube.cli.commands.context import Context, context
from wxcube.cli.help import Command
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.contract.codes import TABLES
from wxcube.contract.codes import Meaning as CodeMeaning
from wxcube.contract.endpoint import GROUP_TITLES, Endpoint, Grain, Life, Param
from wxcube.contract.field import Code, Label, leaves
from wxcube.errors import UnknownEndpointError
from wxcube.events.kinds import Event
from wxcube.export.table import unit_in
from wxcube.i18n import Listing, Meaning, _, plural
from wxcube.i18n.language import Language

EVENTS = "events"
"""The name under which all kinds of events are explained."""
_GRAINS = {
    Grain.DAY: _("day"),
    Grain.HOUR: _("hour"),
    Grain.WEEK: _("week"),
    Grain.MONTH: _("month"),
    Grain.CUMULATIVE: _("cumulative"),
}


@click.command(cls=Command)
@click.argument("name", default="")
@click.option("--json", "as_json", is_flag=True, help="Print the whole contract as JSON.")
def endpoints(name: str, *, as_json: bool) -> None:
    """List the endpoints, or explain one of them column by column.

    \b
    Examples:
      wxcube endpoints
      wxcube endpoints getusersummary
    """
    root = context()
    if as_json:
        from wxcube.contract.export import as_json as contract_json

        click.echo(contract_json())
    elif name:
        _explain(root, contract.named(name))
    else:
        _list(root)


@click.command(cls=Command)
@click.argument("name")
def explain(name: str) -> None:
    """Explain an endpoint or a kind of event, column by column.

    NAME is an endpoint (getusersummary), a kind of event (read), or `events` for an overview of all
    kinds of events and of the file formats.

    \b
    Examples:
      wxcube explain getusersummary
      wxcube explain read
      wxcube explain events
    """
    root = context()
    if name == EVENTS:
        _explain_events(root)
    elif name in reference.KINDS:
        _explain_kind(root, reference.KINDS[name])
    else:
        _explain(root, _endpoint(name))


def _endpoint(name: str) -> Endpoint[Any]:
    """The endpoint with that name.

    Raises:  UnknownEndpointError that suggests kinds of events too.
    """
    close = get_close_matches(name, [EVENTS, *reference.KINDS], n=3)
    try:
        return contract.named(name)
    except UnknownEndpointError:
        if not close:
            raise
        raise UnknownEndpointError(
            _("there is no endpoint or kind of event {name!r}", name=name),
            hint=_("did you mean {names}?", names=Listing(close)),
        ) from None


def _list(root: Context) -> None:
    translate = root.translate
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(translate(_("endpoint")), no_wrap=True)
    table.add_column(translate(_("title")), overflow="fold")
    table.add_column(translate(_("grain")), no_wrap=True)
    table.add_column(translate(_("days/call")), justify="right", no_wrap=True)
    for group, members_of_group in groupby(contract.ENDPOINTS, key=lambda e: e.group):
        table.add_row(
            Text(group.value, "bold cyan"), Text(translate(GROUP_TITLES[group]), "bold cyan")
        )
        for e in members_of_group:
            title = Text(translate(e.title)).append(_life(e, translate), "yellow")
            table.add_row(e.name, title, translate(_GRAINS[e.grain]), str(e.span_days))
    root.console.print(table)


def _life(e: Endpoint[Any], translate: Language) -> str:
    if e.is_retired:
        return translate(_(" (retired {retired_since})", retired_since=e.retired_since))
    return translate(_(" (legacy)")) if e.life is Life.LEGACY else ""


def _explain(root: Context, e: Endpoint[Any]) -> None:
    translate, console = root.translate, root.console
    console.print(Text.assemble((e.name, "bold"), f"  {translate(e.title)}"))
    facts = plural(
        "POST {path}, at most {n} day per call, from {first_date}, view {view}",
        "POST {path}, at most {n} days per call, from {first_date}, view {view}",
        path=e.path,
        n=e.span_days,
        first_date=e.first_date,
        view=e.view,
    )
    print_paragraph(console, translate(facts), mark="  ")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(translate(_("column")), no_wrap=True)
    for heading in (translate(_("meaning")), translate(_("unit")), ""):
        table.add_column(heading, overflow="fold")
    columns = list(leaves(e.row))
    for path, column in columns:
        key = translate(_("key")) if path in e.key else ""
        table.add_row(
            path, translate(Meaning.of(column.kind)), unit_in(translate.code, column.kind.unit), key
        )
    console.print(table)
    for path, column in columns:
        if isinstance(column.kind, Code | Label) and column.kind.table:
            _show_codes(root, path, TABLES[column.kind.table].meanings)
    for param in e.params:
        _show_param(root, param)
    for note in e.notes:
        print_paragraph(console, translate(note), mark="  · ", style="dim")


def _show_codes(root: Context, column: str, meanings: Iterable[CodeMeaning]) -> None:
    """Print the codes of a column with their meanings."""
    codes = Listing(map(_with_code, meanings))
    message = _("{column}: {codes}", column=column, codes=codes)
    print_paragraph(root.console, root.translate(message), mark="  · ", style="dim")


def _with_code(known: CodeMeaning) -> Meaning:
    """The meaning of a code after the code; a Chinese label is its own meaning in Chinese."""
    zh = known.zh if known.zh == known.code else f"{known.code} {known.zh}"
    return Meaning(f"{known.code} {known.en}", zh)


def _show_param(root: Context, param: Param) -> None:
    meaning = Meaning.of(param)
    message = _("optional parameter {name}: {meaning}", name=param.name, meaning=meaning)
    if param.required:
        message = _("parameter {name}: {meaning}", name=param.name, meaning=meaning)
    print_paragraph(root.console, root.translate(message), mark="  · ", style="dim")
    if param.codes:
        _show_codes(root, param.name, TABLES[param.codes].meanings)


def _explain_events(root: Context) -> None:
    translate, console = root.translate, root.console
    kinds = _table(translate(_("event")), translate(_("meaning")))
    for name, kind in reference.KINDS.items():
        kinds.add_row(name, reference.without_markdown(translate(reference.description(kind))))
    console.print(kinds)
    console.print()
    print_paragraph(console, translate(_("Every event has:")))
    console.print(_members_table(reference.members(Event), translate))
    console.print()
    formats = _table(translate(_("type")), "JSON Lines", "CSV", "Parquet")
    for one in reference.NOTATIONS:
        texts = (
            reference.without_markdown(translate(message))
            for message in (one.json_lines, one.csv, one.parquet)
        )
        formats.add_row(one.json_type or translate(_("omitted")), *texts)
    console.print(formats)
    for rule in reference.RULES:
        print_paragraph(console, reference.without_markdown(translate(rule)), mark="  · ")
    print_paragraph(console, translate(_("Members of a kind of event: wxcube explain read")))


def _explain_kind(root: Context, kind: type[Event]) -> None:
    translate, console = root.translate, root.console
    example = reference.example(kind)
    title = reference.without_markdown(translate(reference.description(kind)))
    console.print(Text.assemble((example[reference.TAG], "bold"), f"  {title}"))
    members = reference.members(kind)
    console.print(_members_table(members, translate))
    for member in members:
        if member.codes:
            _show_codes(root, member.name, member.codes)
    print_paragraph(console, reference.as_json(example))


def _members_table(members: Sequence[reference.Member], translate: Language) -> Table:
    table = _table(translate(_("member")), translate(_("type, range")), "", translate(_("meaning")))
    for member in members:
        values = (
            f"{member.json_type} {reference.without_markdown(translate(reference.allowed(member)))}"
        )
        meaning = reference.without_markdown(translate(Meaning.of(member.kind)))
        table.add_row(member.name, values, translate(reference.presence(member)), meaning)
    return table


def _table(first: str, *others: str) -> Table:
    """A table with these headings, whose first column is not wrapped."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first, no_wrap=True)
    for heading in others:
        table.add_column(heading, overflow="fold")
    return table
