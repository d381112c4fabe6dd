"""Commands for the event store: ingest, status, compact, retain, forget, retract, rotate-key."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from wxcube import beijing
from wxcube.cli.commands import compacted
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.commands.selection import Day
from wxcube.cli.help import Group
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.errors import SettingsError
from wxcube.i18n import Listing, Message, _, plural, verbatim
from wxcube.log import redact

if TYPE_CHECKING:
    from wxcube.events.intake.batches import Ingested
    from wxcube.events.store.compaction import CompactionResult
    from wxcube.events.store.retention import Removed
    from wxcube.events.store.status import Status
    from wxcube.events.store.store import EventStore

REJECTED, INCOMPLETE = 1, 3
SHOWN_LINES = 20
"""Refused lines printed at most; all of them are in the dead-letter files."""

_yes = click.option("--yes", is_flag=True, help="Confirm the action without prompting.")


@click.group(cls=Group)
def events() -> None:
    """Ingest and store your own events.

    Openids are replaced by a keyed hash before anything is written. Sending events again is
    harmless: each id counts once per account, kind and day.
    """


@contextmanager
def _store(root: Context, *, create: bool = False) -> Iterator[EventStore]:
    from wxcube.server.events_intake import open_store

    with open_store(root.settings.events, root.clock, create=create) as store:
        yield store


@events.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--on-error",
    type=click.Choice(["reject", "skip"]),
    default="reject",
    show_default=True,
    help="Stop at a bad line, or write it to a dead-letter file and continue.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    help="Format of the files (default: by file name, else JSON Lines).",
)
@click.option(
    "--compact/--no-compact",
    default=True,
    help="Compact the events into files by day at the end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print progress and results as JSON lines.")
def ingest(
    files: tuple[str, ...], on_error: str, file_format: str | None, *, compact: bool, as_json: bool
) -> int:
    """Store the events of files, or of standard input (-).

    Files are JSON Lines, CSV with a header, or Parquet, also compressed (.gz, .zst). A batch counts
    once it is on the disk. If ingestion stops at a bad line, earlier batches stay stored: correct
    the file and send it again.

    \b
    Examples:
      wxcube events ingest events.jsonl
      wxcube events ingest --on-error skip events.csv.gz
    """
    root = context()
    code = 0
    with _store(root, create=True) as store:
        for name in files:
            code = max(code, _ingest(root, store, name, on_error, file_format, as_json=as_json))
            if code == REJECTED:
                return code
        if compact:
            done = compacted.run(store)
            _show_compacted(root, done, as_json=as_json)
            code = max(code, INCOMPLETE if done.troubles else 0)
    return code


def _ingest(
    root: Context,
    store: EventStore,
    name: str,
    on_error: str,
    file_format: str | None,
    *,
    as_json: bool,
) -> int:
    from wxcube.events.intake.batches import OnError, ingest
    from wxcube.events.intake.files import FileFormat, read_batches

    batches = read_batches(name, FileFormat(file_format) if file_format else None)
    origin = Path(name).name
    with _progress(root, name, as_json=as_json) as on_progress:
        ingested = ingest(store, batches, OnError(on_error), origin, on_progress)
    _show_ingested(root, name, ingested, as_json=as_json)
    if ingested.is_rejected:
        return REJECTED
    return INCOMPLETE if ingested.refused_count else 0


@contextmanager
def _progress(root: Context, name: str, *, as_json: bool) -> Iterator[Any]:
    """The function to call whenever further lines are on the disk."""
    if as_json:
        yield lambda ingested: click.echo(json_line({"file": name} | _counts(ingested)))
        return
    translate, start = root.translate, time.perf_counter()
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        TextColumn(translate(_("{{task.completed:,}} events"))),
        TextColumn(translate(_("{{task.fields[rate]:,.0f}} per second"))),
        TimeElapsedColumn(),
        console=root.notes,
    )
    with bar:
        task = bar.add_task(name, total=None, rate=0)

        def step(ingested: Ingested) -> None:
            rate = ingested.events / max(time.perf_counter() - start, 1e-9)
            bar.update(task, completed=ingested.events, rate=rate)

        yield step


def _counts(ingested: Ingested) -> dict[str, object]:
    return {
        "lines": ingested.lines,
        "events": ingested.events,
        "refused": ingested.refused_count,
    }


def _show_ingested(root: Context, name: str, ingested: Ingested, *, as_json: bool) -> None:
    if as_json:
        click.echo(json_line({"file": name} | _counts(ingested) | _details(ingested)))
        return
    translate, notes = root.translate, root.notes
    for one in ingested.refused[:SHOWN_LINES]:
        message = _("{name} line {line}: {reason}", name=name, line=one.line, reason=one.reason)
        print_paragraph(notes, redact(translate(message)), mark="! ", style="yellow")
    more = ingested.refused_count - len(ingested.refused[:SHOWN_LINES])
    if more > 0:
        print_paragraph(
            notes, translate(_("and {count} more", count=more)), mark="! ", style="yellow"
        )
    _show_result(root, name, ingested)


def _show_result(root: Context, name: str, ingested: Ingested) -> None:
    translate, notes = root.translate, root.notes
    if ingested.is_rejected:
        print_paragraph(notes, translate(_rejection(name, ingested)), mark="✗ ", style="red")
        return
    stored = plural(
        "{name}: {n:,} event stored", "{name}: {n:,} events stored", name=name, n=ingested.events
    )
    print_paragraph(notes, translate(stored))
    for path in ingested.dead_letters:
        print_paragraph(notes, translate(_("refused lines are stored in {path}", path=path)))


def _rejection(name: str, ingested: Ingested) -> Message:
    """Where ingestion stopped, and how to continue."""
    return plural(
        "{name}: stopped at these lines; {n:,} event up to line {line} is stored; correct the file "
        "and send it again, or leave out bad lines with --on-error skip",
        "{name}: stopped at these lines; {n:,} events up to line {line} are stored; correct the "
        "file and send it again, or leave out bad lines with --on-error skip",
        name=name,
        n=ingested.events,
        line=ingested.lines,
    )


def _details(ingested: Ingested) -> dict[str, object]:
    return {
        "done": not ingested.is_rejected,
        "errors": [{"line": r.line, "reason": str(r.reason)} for r in ingested.refused],
        "dead_letters": [str(path) for path in ingested.dead_letters],
    }


@events.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as a JSON line.")
def compact(*, as_json: bool) -> int:
    """Move acknowledged events from the log to files by day."""
    root = context()
    with _store(root) as store:
        done = compacted.run(store)
    _show_compacted(root, done, as_json=as_json)
    return INCOMPLETE if done.troubles else 0


def _show_compacted(root: Context, done: CompactionResult, *, as_json: bool) -> None:
    if as_json:
        click.echo(json_line(compacted.counts(done)))
    else:
        compacted.show(root, done)


@events.command()
@click.option("--exact", is_flag=True, help="Also count the duplicates that wait in the log.")
@click.option("--json", "as_json", is_flag=True, help="Print the status as a JSON line.")
def status(*, exact: bool, as_json: bool) -> None:
    """Show how many events are stored, wait in the log, and were duplicates."""
    from wxcube.events.store.status import status as status_of
    from wxcube.jobs.cube_preview import days_to_compute

    root = context()
    with _store(root) as store:
        current = status_of(store, exact=exact)
        days = days_to_compute(store, beijing.yesterday(root.clock.now()))
    to_compute = None if days is None else len(days)
    if as_json:
        line = {**msgspec.structs.asdict(current), "days_to_compute": to_compute}
        click.echo(json_line(line))
    else:
        root.console.print(_table(root, current, to_compute))


def _table(root: Context, current: Status, to_compute: int | None) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for label, value in _rows(root, current, to_compute):
        table.add_row(root.translate(label), value)
    return table


def _rows(root: Context, current: Status, to_compute: int | None) -> Iterator[tuple[Message, str]]:
    none = root.translate(_("none"))
    days = f"{current.first_day} … {current.last_day}" if current.first_day else none
    yield _("folder"), current.folder
    yield _("accounts"), f"{current.accounts:,}"
    yield _("days"), days
    yield _("events stored by day, without duplicates"), f"{current.events:,}"
    for family, number in sorted(current.families.items()):
        yield verbatim(f"  {family}"), f"{number:,}"
    yield _("events waiting in the log, with duplicates"), f"{current.waiting:,}"
    if current.waiting_duplicates is not None:
        yield _("  duplicates among them"), f"{current.waiting_duplicates:,}"
    yield _("duplicates dropped so far"), f"{current.duplicates:,}"
    yield _("  with other content than the event that counts"), f"{current.conflicts:,}"
    unknown = root.translate(_("not known, see `wxcube doctor`"))
    yield _("days to compute"), unknown if to_compute is None else f"{to_compute:,}"
    yield _("refused lines in dead-letter files"), f"{current.dead_letters:,}"
    yield _("log segments"), f"{current.segments:,}"
    yield _("size"), f"{current.bytes / 2**20:,.1f} MiB"
    if current.kept_from:
        yield _("events retained from"), f"{current.kept_from}"
    yield _("openid key in use since"), f"{current.key_since}"


@events.command()
@click.option("--events", "event_days", type=click.IntRange(1), help="Days of events to retain.")
@click.option("--facts", "fact_days", type=click.IntRange(1), help="Days of facts to retain.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as a JSON line.")
def retain(event_days: int | None, fact_days: int | None, *, as_json: bool) -> None:
    """Delete events and facts that are older than the retention of the settings.

    By default everything is retained. Facts must be retained at least 31 days longer than events;
    while all events are retained, all facts must be.
    """
    from wxcube.events.store.retention import retain as delete_old

    root = context()
    options = {"retention_days_events": event_days, "retention_days_facts": fact_days}
    changes = {name: days for name, days in options.items() if days is not None}
    settings = msgspec.structs.replace(root.settings.events, **changes)
    with _store(root) as store:
        done = compacted.run(store)
        removed = delete_old(
            store.folder,
            store.now(),
            event_days=settings.retention_days_events,
            fact_days=settings.retention_days_facts,
        )
    if as_json:
        click.echo(json_line(msgspec.to_builtins(removed) | compacted.counts(done)))
        return
    if compacted.has_results(done):
        compacted.show(root, done)
    print_paragraph(root.notes, root.translate(_removal(removed)))


def _removal(removed: Removed) -> Message:
    """What retention deleted."""
    return _(
        "deleted {events} of {event_days}, and facts of {fact_days}",
        events=plural("{n:,} event", "{n:,} events", n=removed.events),
        event_days=plural("{n:,} day", "{n:,} days", n=removed.event_days),
        fact_days=plural("{n:,} day", "{n:,} days", n=removed.fact_days),
    )


@events.command()
@click.argument("file", type=click.Path(path_type=Path))
@_yes
def forget(file: Path, *, yes: bool) -> None:
    """Move a damaged Parquet FILE out of the store, into its folder `damaged`."""
    from wxcube.events.store.repair import forget as move_out

    root = context()
    _confirm(root, _("Its events will no longer count. Continue?"), yes=yes)
    with _store(root) as store:
        number = move_out(store.folder, file)
    message = plural(
        "{n:,} event of {file} no longer counts; send that day's events again: duplicates of "
        "stored events do not count",
        "{n:,} events of {file} no longer count; send that day's events again: duplicates of "
        "stored events do not count",
        n=number,
        file=file,
    )
    print_paragraph(root.notes, root.translate(message))


@events.command()
@click.argument("event_id", metavar="ID")
@click.option("--account", required=True, help="Account, named as in the events.")
@click.option("--day", type=Day(), help="Day of the event (default: all days).")
@_yes
def retract(event_id: str, account: str, day: date | None, *, yes: bool) -> int:
    """Take back the events of an account with an ID, or with its hash (#…).

    The next build recomputes the figures without them.
    """
    root = context()
    _confirm(root, _("These events will no longer count. Continue?"), yes=yes)
    with _store(root) as store, compacted.stoppable():
        removed = store.retract(account, event_id, day)
    if not removed:
        message = _("{account} has no event with this id", account=account)
        print_paragraph(root.notes, root.translate(message), mark="✗ ", style="red")
        return REJECTED
    message = plural(
        "{n:,} event of {days} retracted; the next build computes without it",
        "{n:,} events of {days} retracted; the next build computes without them",
        n=removed.total(),
        days=Listing(sorted(removed)),
    )
    print_paragraph(root.notes, root.translate(message))
    return 0


@events.command("rotate-key")
@_yes
def rotate_key(*, yes: bool) -> None:
    """Hash openids with another key from now on.

    If the settings name a key, set the new one there before running this command. Otherwise the
    store generates a random key in its folder.
    """
    from wxcube.events.store.repair import rotate_key as rotate
    from wxcube.settings import events_key

    root = context()
    question = _(
        "Users from before and after the change will count as different users. Stop all writers "
        "first. Continue?"
    )
    _confirm(root, question, yes=yes)
    settings = root.settings.events
    rotate(Path(settings.folder).expanduser(), root.clock.now(), events_key(settings).reveal())
    print_paragraph(root.notes, root.translate(_("the new key is in use")))


def _confirm(root: Context, question: Message, *, yes: bool) -> None:
    """Go on if the user agrees.

    Raises:  click.Abort if not, SettingsError if there is nobody to ask.
    """
    if yes:
        return
    try:
        has_agreed = click.confirm(root.translate(question))
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise SettingsError(
            _("there is no terminal to ask in"), hint=_("confirm the action with --yes")
        ) from None
    if not has_agreed:
        raise click.Abort
