"""The command history: what WeChat answered for a day, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from wxcube import contract
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.commands.selection import Day
from wxcube.cli.help import Command
from wxcube.cli.stored_accounts import only_account, stored_account
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.i18n import COMMA, Message, _, joined, plural, verbatim

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.warehouse.answer_changes import AnswerChanges, RowName
    from wxcube.warehouse.past_answers import PastAnswer
    from wxcube.warehouse.store import Warehouse

MAX_CHANGES = 20
"""Changes of one answer that are printed; --json has all."""


@click.command(cls=Command)
@click.argument("endpoint")
@click.argument("day", type=Day())
@click.option("--account", default="", help="Name or AppID (default: the only one stored).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per request.")
def history(endpoint: str, day: date, account: str, *, as_json: bool) -> None:
    """Show what WeChat answered for a day, and when.

    Every request for the day is shown with its time and result, and what the answer changed:
    rows that are new (+), rows that it lacked (-), and figures that are others than before.

    \b
    Examples:
      wxcube history getusersummary 2026-03-01
      wxcube history getarticletotaldetail 2026-03-01 --account shop --json
    """
    root, definition = context(), contract.named(endpoint)
    label = definition.label(day)
    with root.warehouse(read_only=True) as warehouse:
        appid = _appid(root, warehouse, account)
        count = 0
        for params, answers in _by_params(warehouse, appid, definition, label):
            count += len(answers)
            if as_json:
                for one in answers:
                    click.echo(json_line(_as_data(appid, definition, label, params, one)))
            else:
                _show(root, params, answers)
    if not count and not as_json:
        message = _("{endpoint} was never requested for {day}", endpoint=endpoint, day=label)
        print_paragraph(root.notes, root.translate(message))


def _appid(root: Context, warehouse: Warehouse, name: str) -> str:
    stored = warehouse.accounts()
    return stored_account(name, stored, root.settings.accounts) if name else only_account(stored)


def _by_params(
    warehouse: Warehouse, appid: str, endpoint: Endpoint[Any], day: date
) -> Iterator[tuple[dict[str, str], list[PastAnswer]]]:
    from wxcube.warehouse.past_answers import past_answers

    for name, params in warehouse.known_series(appid):
        if name == endpoint.name:
            yield params, past_answers(warehouse, appid, endpoint, day, params=params)


def _show(root: Context, params: dict[str, str], answers: list[PastAnswer]) -> None:
    if params:
        title = " ".join(f"{name}={value}" for name, value in params.items())
        root.console.print(title, style="bold")
    for one in answers:
        time = f"{one.ask.asked_at:%Y-%m-%d %H:%M:%S}"
        result = _(
            "{time}  {sender}: {result}", time=time, sender=one.ask.sender, result=_result(one)
        )
        print_paragraph(root.console, root.shown(result))
        changes = _lines(one.changes) if one.changes else []
        for text in changes[:MAX_CHANGES]:
            print_paragraph(root.console, root.shown(text), mark="  ")
        if len(changes) > MAX_CHANGES:
            more = plural("… {n} more", "… {n} more", n=len(changes) - MAX_CHANGES)
            print_paragraph(root.console, root.translate(more), mark="  ", style="dim")


def _result(one: PastAnswer) -> Message:
    """The result of a request in short."""
    if one.rows is None:
        return one.ask.message or _("the reply cannot be read")
    parts = [plural("{n} row", "{n} rows", n=one.rows) if one.rows else _("no rows")]
    if one.ask.is_delay:
        parts.append(_("figures delayed"))
    if one.ask.unreadable:
        parts.append(plural("{n} unreadable row", "{n} unreadable rows", n=one.ask.unreadable))
    if one.is_first:
        parts.append(_("the first rows of the day"))
    elif one.rows and not one.changes:
        parts.append(_("no change"))
    return joined(parts, COMMA)


def _lines(changes: AnswerChanges) -> list[Message]:
    """One line per change, and one for each row with changed figures."""
    lines = [verbatim(f"+ {row}") for row in changes.added]
    lines += [verbatim(f"- {row}") for row in changes.missing]
    by_row: dict[str, list[str]] = {}
    for change in changes.figures:
        figures = f"{change.column} {_figure(change.before)} → {_figure(change.after)}"
        by_row.setdefault(str(change.row), []).append(figures)
    lines += [
        verbatim(": ".join(text for text in (row, ", ".join(figures)) if text))
        for row, figures in by_row.items()
    ]
    return lines


def _figure(value: object) -> str:
    return "–" if value is None else str(value)


def _as_data(
    appid: str, endpoint: Endpoint[Any], day: date, params: dict[str, str], one: PastAnswer
) -> dict[str, object]:
    ask, changes = one.ask, one.changes
    return {
        "appid": appid,
        "endpoint": endpoint.name,
        **params,
        "ref_date": day,
        "asked_at": ask.asked_at,
        "sender": ask.sender,
        "outcome": ask.outcome.value,
        "errcode": ask.errcode,
        "is_delay": ask.is_delay,
        "message": str(ask.message),
        "rows": one.rows,
        "added": [_row(row) for row in changes.added] if changes else [],
        "missing": [_row(row) for row in changes.missing] if changes else [],
        "figures": [
            {**_row(c.row), "column": c.column, "before": c.before, "after": c.after}
            for c in (changes.figures if changes else ())
        ],
    }


def _row(row: RowName) -> dict[str, object]:
    return {**({"part": row.part} if row.part else {}), **dict(row.values)}
