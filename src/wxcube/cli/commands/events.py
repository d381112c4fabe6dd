"""Commands for own events: ingest, status, compact, retain, forget, rotate-key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from wxcube import beijing
from wxcube.cli.commands import compacted
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.reasons import in_words
from wxcube.cli.terminal.paragraph import tell
from wxcube.log import redact

if TYPE_CHECKING:
    from wxcube.events.intake.batches import Ingested
    from wxcube.events.store import EventStore
    from wxcube.events.store.compaction import Compacted
    from wxcube.events.store.status import Status

REJECTED, INCOMPLETE = 1, 3
TOLD_LINES = 20
"""Refused lines a person is shown at most; all of them are in the dead-letter files."""


@click.group()
def events() -> None:
    """Take in own events, keep them by day, say what is there.

    Openids are replaced by a keyed hash before anything is written. Sending events again is
    harmless: each id counts once for its account and day.
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
    help="Stop at a bad line, or keep it in a dead-letter file and go on.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    help="What the files are (default: by name, else JSON lines).",
)
@click.option(
    "--compact/--no-compact", default=True, help="Move them into files by day at the end."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON line for all that is acknowledged.")
def ingest(
    files: tuple[str, ...], on_error: str, form: str | None, *, compact: bool, as_json: bool
) -> int:
    """Store the events of files, or of standard input (-).

    JSON lines, CSV with a header, or Parquet; .gz and .zst are unpacked. A batch counts once it is
    on the disk. If it stops at a bad line, what came before stays; send the mended file again.
    """
    root = context()
    code = 0
    with _store(root, create=True) as store:
        for name in files:
            code = max(code, _ingest(root, store, name, on_error, form, as_json=as_json))
            if code == REJECTED:
                return code
        if compact:
            done = compacted.run(store)
            _show_compacted(root, done, as_json=as_json)
            code = max(code, INCOMPLETE if done.troubles else 0)
    return code


def _ingest(
    root: Context, store: EventStore, name: str, on_error: str, form: str | None, *, as_json: bool
) -> int:
    from wxcube.events.intake.batches import OnError, ingest
    from wxcube.events.intake.files import Form, pieces

    parts = pieces(name, Form(form) if form else None)
    origin = Path(name).name
    with _progress(root, name, as_json=as_json) as on_progress:
        done = ingest(store, parts, OnError(on_error), origin, on_progress)
    _show_ingested(root, name, done, as_json=as_json)
    if done.is_rejected:
        return REJECTED
    return INCOMPLETE if done.refused_count else 0


@contextmanager
def _progress(root: Context, name: str, *, as_json: bool) -> Iterator[Any]:
    """What is called whenever further lines are on the disk."""
    if as_json:
        yield lambda done: click.echo(json_line({"file": name} | _counts(done)))
        return
    say, began = root.say, time.perf_counter()
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        TextColumn(say("{task.completed:,} 个事件", "{task.completed:,} events")),
        TextColumn(say("每秒 {task.fields[rate]:,.0f}", "{task.fields[rate]:,.0f} a second")),
        TimeElapsedColumn(),
        console=root.notes,
    )
    with bar:
        task = bar.add_task(name, total=None, rate=0)

        def step(done: Ingested) -> None:
            rate = done.events / max(time.perf_counter() - began, 1e-9)
            bar.update(task, completed=done.events, rate=rate)

        yield step


def _counts(done: Ingested) -> dict[str, object]:
    return {"lines": done.lines, "events": done.events, "refused": done.refused_count}


def _show_ingested(root: Context, name: str, done: Ingested, *, as_json: bool) -> None:
    if as_json:
        click.echo(json_line({"file": name} | _counts(done) | _details(done)))
        return
    say, notes = root.say, root.notes
    for one in done.refused[:TOLD_LINES]:
        reason = redact(in_words(one.reason, say))
        text = say(f"{name} 第 {one.line} 行：{reason}", f"{name} line {one.line}: {reason}")
        tell(notes, text, mark="! ", style="yellow")
    left = done.refused_count - len(done.refused[:TOLD_LINES])
    if left > 0:
        tell(notes, say(f"还有 {left} 行", f"and {left} more"), mark="! ", style="yellow")
    _tell_end(root, name, done)


def _tell_end(root: Context, name: str, done: Ingested) -> None:
    say, notes = root.say, root.notes
    if done.is_rejected:
        text = say(
            f"{name}：因上述错误停止；前 {done.lines} 行（{done.events:,} 个事件）已存。"
            "改正后重新发送整个文件即可，或用 --on-error skip 跳过坏行",
            f"{name}: stopped at these lines; the {done.events:,} events up to line {done.lines} "
            "are stored; mend the file and send it again, or leave bad lines out with "
            "--on-error skip",
        )
        tell(notes, text, mark="✗ ", style="red")
        return
    tell(
        notes, say(f"{name}：已存 {done.events:,} 个事件", f"{name}: {done.events:,} events stored")
    )
    for path in done.dead_letters:
        tell(notes, say(f"坏行留在 {path}", f"refused lines are kept in {path}"))


def _details(done: Ingested) -> dict[str, object]:
    return {
        "done": not done.is_rejected,
        "errors": [{"line": r.line, "reason": r.reason} for r in done.refused],
        "dead_letters": [str(path) for path in done.dead_letters],
    }


@events.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON line.")
def compact(*, as_json: bool) -> int:
    """Move acknowledged events from the log into files by day."""
    root = context()
    with _store(root) as store:
        done = compacted.run(store)
    _show_compacted(root, done, as_json=as_json)
    return INCOMPLETE if done.troubles else 0


def _show_compacted(root: Context, done: Compacted, *, as_json: bool) -> None:
    if as_json:
        click.echo(json_line(compacted.counts(done)))
    else:
        compacted.show(root, done)


@events.command()
@click.option("--exact", is_flag=True, help="Also look for duplicates among what waits.")
@click.option("--json", "as_json", is_flag=True, help="A JSON line.")
def status(*, exact: bool, as_json: bool) -> None:
    """Show what is stored, what waits, and how much of it came twice."""
    from wxcube.events.store.status import status as look
    from wxcube.jobs.cube_outlook import days_to_compute

    root = context()
    with _store(root) as store:
        found = look(store, exact=exact)
        days = days_to_compute(store, beijing.yesterday(root.clock.now()))
    to_compute = None if days is None else len(days)
    if as_json:
        click.echo(json_line({**msgspec.structs.asdict(found), "days_to_compute": to_compute}))
    else:
        root.console.print(_table(root, found, to_compute))


def _table(root: Context, found: Status, to_compute: int | None) -> Table:
    say = root.say
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for zh, en, value in _rows(root, found, to_compute):
        table.add_row(say(zh, en), value)
    return table


def _rows(root: Context, found: Status, to_compute: int | None) -> Iterator[tuple[str, str, str]]:
    none = root.say("无", "none")
    days = f"{found.first_day} … {found.last_day}" if found.first_day else none
    yield "目录", "folder", found.folder
    yield "账号", "accounts", f"{found.accounts:,}"
    yield "日期", "days", days
    yield "已归档的事件（每个只计一次）", "events by day, each counted once", f"{found.events:,}"
    for family, number in sorted(found.families.items()):
        yield f"  {family}", f"  {family}", f"{number:,}"
    yield "待归档（可能含重复）", "waiting in the log, duplicates among them", f"{found.waiting:,}"
    if found.waiting_duplicates is not None:
        yield "  其中重复", "  duplicates of these", f"{found.waiting_duplicates:,}"
    yield "至今不计的重复事件", "duplicates left out so far", f"{found.duplicates:,}"
    unknown = root.say("未知，见 `wxcube doctor`", "not known, see `wxcube doctor`")
    computed = unknown if to_compute is None else f"{to_compute:,}"
    yield "待计算的天数", "days to compute", computed
    yield "被拒绝的行", "refused lines kept", f"{found.dead_letters:,}"
    yield "日志段", "log segments", f"{found.segments:,}"
    yield "占用", "size", f"{found.bytes / 2**20:,.1f} MiB"
    if found.kept_from:
        yield "保留自", "kept from", f"{found.kept_from}"
    yield "密钥启用于", "openid key since", f"{found.key_since}"


@events.command()
@click.option("--events", "event_days", type=click.IntRange(1), help="Days of events to keep.")
@click.option("--facts", "fact_days", type=click.IntRange(1), help="Days of facts to keep.")
@click.option("--json", "as_json", is_flag=True, help="A JSON line.")
def retain(event_days: int | None, fact_days: int | None, *, as_json: bool) -> None:
    """Remove events and facts older than the settings keep (default: keep all).

    Facts are kept 31 days longer than events, or more, and as long as these all.
    """
    from wxcube.events.store.retention import retain as remove

    root = context()
    given = {"retention_days_events": event_days, "retention_days_facts": fact_days}
    said = {name: days for name, days in given.items() if days is not None}
    wanted = msgspec.structs.replace(root.settings.events, **said)
    with _store(root) as store:
        done = compacted.run(store)
        removed = remove(
            store.folder,
            store.now(),
            event_days=wanted.retention_days_events,
            fact_days=wanted.retention_days_facts,
        )
    if as_json:
        click.echo(json_line(msgspec.to_builtins(removed) | compacted.counts(done)))
        return
    if compacted.has_news(done):
        compacted.show(root, done)
    text = root.say(
        f"删除了 {removed.event_days} 天的 {removed.events:,} 个事件、{removed.fact_days} 天的事实",
        f"removed {removed.events:,} events of {removed.event_days} days, "
        f"and facts of {removed.fact_days} days",
    )
    tell(root.notes, text)


@events.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.confirmation_option(prompt="Its events will no longer count. Go on?")
def forget(file: Path) -> None:
    """Take a damaged Parquet FILE out of the store, into its folder `damaged`."""
    from wxcube.events.store.repair import forget as take_out

    root = context()
    with _store(root) as store:
        number = take_out(store.folder, file)
    text = root.say(
        f"{file} 的 {number:,} 个事件不再计入；请重新发送那一天的事件，已有的不会重复计数",
        f"{number:,} events of {file} no longer count; send that day's events again: "
        "what is stored already does no harm",
    )
    tell(root.notes, text)


@events.command("rotate-key")
@click.confirmation_option(
    prompt="People of before and after will count as different ones. Stop all writers first. Go on?"
)
def rotate_key() -> None:
    """Hash openids with another key from now on.

    With a key in the settings: put the new one there first, then run this. Otherwise a new one is
    made by chance in the store's folder.
    """
    from wxcube.events.store.repair import rotate_key as rotate
    from wxcube.settings import events_key

    root = context()
    wanted = root.settings.events
    rotate(Path(wanted.folder).expanduser(), root.clock.now(), events_key(wanted).reveal())
    tell(root.notes, root.say("新密钥已启用", "the new key is in use"))
