"""The command doctor: what is wrong with what is kept, file by file, and how it is mended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wxcube.errors import WxcubeError
from wxcube.log import redact
from wxcube.outlets.commands.context import Context, context, json_line
from wxcube.outlets.paragraph import tell

if TYPE_CHECKING:
    from wxcube.sources.events.check import Finding

SERIOUS = 1


@click.command()
@click.option("--deep", is_flag=True, help="Read every file of events, not only its end.")
@click.option("--json", "as_json", is_flag=True, help="A JSON line for each finding.")
def doctor(*, deep: bool, as_json: bool) -> int:
    """Say what is wrong with what is kept, and how to mend it.

    Looks at the warehouse and the event store, changes nothing. Exit code 1 means that figures may
    be missing or cannot be stored.
    """
    root = context()
    found = [*_warehouse(root), *_events(root, deep=deep)]
    for one in found:
        if as_json:
            click.echo(json_line(one))
        else:
            _show(root, one)
    if not found and not as_json:
        root.notes.print(root.say("没有发现问题", "nothing wrong found"))
    return SERIOUS if any(one.is_serious for one in found) else 0


def _show(root: Context, one: Finding) -> None:
    style = "red" if one.is_serious else "yellow"
    text = f"{one.file}: {redact(one.what)}"
    tell(root.console, text, mark="✗ " if one.is_serious else "! ", style=style)
    tell(root.console, redact(one.mend), mark="  → ")


def _warehouse(root: Context) -> list[Finding]:
    """What is wrong with the warehouse, if there is one yet."""
    from wxcube.sources.events.check import Finding

    name = root.settings.database
    if "://" not in name and not Path(name).exists():
        return []
    try:
        with root.warehouse(read_only=True) as warehouse:
            warehouse.accounts()
    except WxcubeError as error:
        return [Finding(redact(name), error.message, error.hint)]
    return []


def _events(root: Context, *, deep: bool) -> list[Finding]:
    """What is wrong with the event store, if there is one yet."""
    from wxcube.settings import events_key
    from wxcube.sources.events.check import check

    wanted = root.settings.events
    key = events_key(wanted).reveal()
    return check(Path(wanted.folder).expanduser(), root.clock.now(), user_key=key, deep=deep)
