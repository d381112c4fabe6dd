"""The command doctor: problems found in the stored data, and their repair."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.help import Command
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.errors import WxcubeError
from wxcube.i18n import Message, _, plural
from wxcube.log import redact

if TYPE_CHECKING:
    from wxcube.cube.incremental.checkup import Problem
    from wxcube.events.store.check import Finding
    from wxcube.warehouse.finding import FindingGroup
    from wxcube.warehouse.store import Warehouse

SERIOUS = 1


@click.command(cls=Command)
@click.option("--deep", is_flag=True, help="Also decode every value of all files.")
@click.option("--repair", is_flag=True, help="Mark damaged or missing facts for the next build.")
@click.option("--mend", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per problem.")
def doctor(*, deep: bool, repair: bool, mend: bool, as_json: bool) -> int:
    """Find problems in the stored data and explain how to repair them.

    Checks the database, the event store and the cube's facts. Impossible figures are reported if a
    build computed them; `wxcube check` looks for them among all stored rows.

    Without --repair nothing is changed; with it, the next `wxcube cube build` recomputes what it
    can. Exit code 1 means that figures may be missing or that new data cannot be stored;
    impossible figures alone do not count.
    """
    root = context()
    findings = [*_warehouse(root), *_events(root, deep=deep), *_spool(root)]
    problems, unread = _facts(root, deep=deep)
    findings += [*unread, *(problem.finding for problem in problems)]
    for finding in findings:
        if as_json:
            click.echo(_json(finding))
        else:
            _show(root, finding)
    if not as_json:
        _show_missing(root)
        if not findings:
            root.notes.print(root.translate(_("no problems found")))
    repaired = _repair(root, problems, as_json=as_json) if repair or mend else []
    remaining = [one for one in findings if one not in repaired]
    return SERIOUS if any(one.is_serious for one in remaining) else 0


def _show_missing(root: Context) -> None:
    """Note what was not checked, as it is not there: its name may be mistyped."""
    if not root.has_warehouse():
        message = _("there is no database {path} yet", path=redact(root.settings.database))
        print_paragraph(root.notes, root.translate(message), mark="· ")
    if not _store(root).exists():
        message = _("there is no event store {folder} yet", folder=_store(root))
        print_paragraph(root.notes, root.translate(message), mark="· ")


def _json(finding: Finding) -> str:
    # msgspec encodes a plain str, not a Message
    return json_line(asdict(finding) | {"what": str(finding.what), "mend": str(finding.mend)})


def _show(root: Context, finding: Finding) -> None:
    style = "red" if finding.is_serious else "yellow"
    problem = _("{file}: {problem}", file=finding.file, problem=finding.what)
    mark = "✗ " if finding.is_serious else "! "
    print_paragraph(root.console, redact(root.translate(problem)), mark=mark, style=style)
    print_paragraph(root.console, redact(root.translate(finding.mend)), mark="  → ")


def _warehouse(root: Context) -> list[Finding]:
    """The problems of the database, if there is one yet."""
    from wxcube.events.store.check import Finding

    if not root.has_warehouse():
        return []
    file = redact(root.settings.database)
    try:
        with root.warehouse(read_only=True) as warehouse:
            groups = [
                group for appid in warehouse.accounts() for group in _impossible(warehouse, appid)
            ]
    except WxcubeError as error:
        return [Finding(file, error.message, error.hint)]
    return [
        Finding(
            file,
            _("{found}; cause: {cause}", found=group.as_message(), cause=group.first.cause),
            group.first.remedy,
            is_serious=False,
        )
        for group in groups
    ]


def _impossible(warehouse: Warehouse, appid: str) -> Iterator[FindingGroup]:
    """Impossible figures of the days that a build marked; `wxcube check` reads all days."""
    from wxcube.contract import named
    from wxcube.contract.source import Origin
    from wxcube.warehouse.finding import grouped

    for endpoint, window in warehouse.marked_days(appid).items():
        yield from grouped(warehouse.check(appid, named(endpoint), window, [Origin.CUBE]))


def _events(root: Context, *, deep: bool) -> list[Finding]:
    """The problems of the event store, if there is one yet."""
    from wxcube.events.store.check import check
    from wxcube.settings import events_key

    key = events_key(root.settings.events).reveal()
    return check(_store(root), root.clock.now(), user_key=key, deep=deep)


def _spool(root: Context) -> list[Finding]:
    """Events that a tap recorded, and that are not in the event store."""
    from wxcube.events.store.check import Finding
    from wxcube.tap.spool import has_writer, segments, torn_segments

    folder = Path(root.settings.tap.spool).expanduser()
    # a running tap removes files meanwhile
    waiting = 0 if has_writer(folder) else sum(path.stat().st_size for path in segments(folder))
    found = [
        Finding(
            str(path),
            _("the end of a line was cut off when its process ended"),
            _("remove the file: all complete lines of it are stored"),
            is_serious=False,
        )
        for path in torn_segments(folder)
    ]
    if waiting:
        what = plural(
            "{n} byte of events waits, and no tap is running",
            "{n:,} bytes of events wait, and no tap is running",
            n=waiting,
        )
        found.append(Finding(str(folder), what, _("start `wxcube tap` again, or run its `drain`")))
    return found


def _store(root: Context) -> Path:
    return Path(root.settings.events.folder).expanduser()


def _facts(root: Context, *, deep: bool) -> tuple[list[Problem], list[Finding]]:
    """The problems of the cube's facts, if there are any yet, and why they could not be read."""
    store = _store(root)
    if not store.exists():
        return [], []
    from wxcube.cube.engines.duckdb import DuckDbEngine
    from wxcube.cube.incremental.checkup import Repair, check
    from wxcube.events.store.check import Finding
    from wxcube.events.store.retention import FACTS
    from wxcube.jobs.cube_build import memory_bytes

    if not (store / FACTS).exists():
        return [], []
    try:
        memory = memory_bytes(root.settings.events.memory_limit)
        with DuckDbEngine(memory_limit=f"{memory // 2 >> 20}MiB") as engine:
            return check(store, engine, deep=deep), []
    except WxcubeError as error:
        what = _("the cube's facts were not checked ({reason})", reason=error.message)
        return [], [Finding(str(store / FACTS), what, Repair.FIRST.value)]


def _repair(root: Context, problems: list[Problem], *, as_json: bool) -> list[Finding]:
    """Repair the facts as far as possible and report it; the findings that were repaired."""
    from wxcube.cube.incremental.checkup import AUTOMATIC, Repair, mark_for_rebuild, replace_ledger

    is_new_ledger = any(problem.repair is Repair.NEW_LEDGER for problem in problems)
    if is_new_ledger:
        replace_ledger(_store(root), _last_computed(root))
    days = mark_for_rebuild(_store(root), problems)
    if as_json:
        click.echo(json_line({"marked_days": days, "new_ledger": is_new_ledger}))
    else:
        print_paragraph(root.notes, root.translate(_repaired(days, is_new_ledger=is_new_ledger)))
    return [problem.finding for problem in problems if problem.repair in AUTOMATIC]


def _repaired(days: list[date], *, is_new_ledger: bool) -> Message:
    if is_new_ledger:
        return _("created a new ledger; run `wxcube cube build` to recompute all days")
    if not days:
        return _("nothing can be repaired automatically")
    return plural(
        "{n} day marked ({span}); run `wxcube cube build` to recompute it",
        "{n} days marked ({span}); run `wxcube cube build` to recompute them",
        n=len(days),
        span=str(days[0]) if len(days) == 1 else f"{days[0]} … {days[-1]}",
    )


def _last_computed(root: Context) -> date | None:
    """The last day for which the database has computed rows."""
    from wxcube.contract.source import Origin
    from wxcube.contract.user import getusercumulate

    if not root.has_warehouse():
        return None
    with root.warehouse(read_only=True) as warehouse:
        extents = (
            warehouse.extent(account, getusercumulate, Origin.CUBE)
            for account in warehouse.accounts()
        )
        return max((extent.last for extent in extents if extent), default=None)
