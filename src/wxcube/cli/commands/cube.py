"""Commands for figures computed from first-party events: build, status."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from wxcube import beijing
from wxcube.cli.commands import compacted
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.commands.selection import Day
from wxcube.cli.exit_codes import INCOMPLETE
from wxcube.cli.help import Group
from wxcube.cli.impossible_figures import group_as_json, print_group
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.errors import SettingsError
from wxcube.i18n import SEMICOLON, Message, _, joined, plural
from wxcube.settings import EngineName

if TYPE_CHECKING:
    from wxcube.cube.incremental.progress import Progress as BuildProgress
    from wxcube.cube.incremental.watermark import Watermark
    from wxcube.jobs.cube_build import BuildResult
    from wxcube.jobs.cube_engine import EngineChoice
    from wxcube.jobs.cube_preview import BuildPreview


WAIT_SECONDS = 30
"""How long a build waits for another one: those of a running server take some seconds."""


@click.group(cls=Group)
def cube() -> None:
    """Compute exact figures of every endpoint from first-party events.

    The rows are stored in the database with origin `cube`; `serve` returns them where there are
    none from WeChat.
    """


@cube.command()
@click.option("--from", "first", type=Day(), help="First day to build (default: all changed days).")
@click.option("--to", "last", type=Day(), help="Last day to build (default: yesterday).")
@click.option(
    "--through",
    type=click.Choice(["yesterday", "now"]),
    help="With now, also the running day; its rows still move.",
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    help="Account, named as in the events; may be repeated (default: all).",
)
@click.option(
    "--memory", metavar="SIZE", help="Memory limit, e.g. 2GB (default: half of the memory)."
)
@click.option(
    "--engine",
    type=click.Choice(get_args(EngineName)),
    help="Engine of the computation (default: duckdb).",
)
@click.option(
    "--master",
    metavar="URL",
    help="Spark: master, as spark://host:7077, yarn, k8s://… or local[2].",
)
@click.option(
    "--folder",
    metavar="PATH",
    help="Spark: folder for its tables, shared by all its machines (default: in the event store).",
)
@click.option(
    "--partitions",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Spark: number of partitions, 2 or 3 per core (default: 16).",
)
@click.option(
    "--url",
    metavar="URL",
    help="ClickHouse: http(s)://user@host:port without password, or chdb: for in-process.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON line.")
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
def build(
    *,
    first: date | None,
    last: date | None,
    through: str | None,
    accounts: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **of_engine: Any,
) -> int:
    """Compute the days whose events changed, and all rows that depend on them.

    These are the rows of their weeks and months, running totals of the following 30 days, and
    followers since. A build can be stopped at any time and run again.

    With --through now, the running day is computed too. Its rows are marked moving until a build
    after its end; weeks and months appear when they are over.

    Events in the log are compacted first. Exit code 3 means that some events cannot be read; the
    accounts of their group were not built. Impossible figures, such as negative followers, are
    written, marked in the table coverage and reported with their cause and what to do.

    The password of ClickHouse is read from the environment variable WXCUBE_CUBE_PASSWORD, or from
    where the section [cube] of the settings says.

    \b
    Examples:
      wxcube cube build
      wxcube cube build --through now
      wxcube cube build --from 2026-03-01 --to 2026-03-07 --memory 2GB
      wxcube cube build --engine spark --master yarn --folder /mnt/shared
    """
    from wxcube.jobs.cube_build import build as run
    from wxcube.server.events_intake import open_store

    root = context()
    choice = _engine(root, **of_engine)
    end = _last_day(beijing.day_of(root.clock.now()), last, through)
    with (
        compacted.stoppable(),
        open_store(root.settings.events, root.clock, create=False) as store,
        root.warehouse() as warehouse,
        _progress_bar(root, quiet=quiet or as_json) as on_progress,
    ):
        compaction = store.compact()
        if compacted.has_results(compaction) and not as_json:
            compacted.show(root, compaction)
        result = run(
            store,
            warehouse,
            open_engine=choice.open,
            chunk_bytes=choice.chunk_bytes,
            first=first,
            last=end,
            accounts=accounts,
            clock=root.clock,
            on_progress=on_progress,
            wait_seconds=WAIT_SECONDS,
        )
    if as_json:
        click.echo(json_line(_as_json(result, end) | compacted.counts(compaction)))
    else:
        _show_result(root, result, end)
    return INCOMPLETE if compaction.troubles or result.unreadable else 0


def _last_day(today: date, last: date | None, through: str | None) -> date:
    """The last day to build: by default the last one that is over."""
    if last and through:
        raise SettingsError(
            _("--to and --through both say where the build ends"), hint=_("give one of them")
        )
    if last and last > today:
        raise SettingsError(
            _("{day} has not begun yet in Beijing", day=last),
            hint=_("end at {today} or earlier", today=today),
        )
    return today if through == "now" else last or today - timedelta(days=1)


def _as_json(result: BuildResult, end: date) -> dict[str, object]:
    return {
        "days": result.days,
        "rows": result.rows,
        "through": end,
        "over": result.over,
        "left_out": [str(path) for path in result.unreadable],
        "early_starts": [asdict(one) | {"rows": one.rows} for one in result.early_starts],
        "recomputed": [str(path) for path in result.recomputed],
        "again": result.rebuilt_from,
        "has_lost": result.has_lost_rows,
        "impossible": [group_as_json(group) for group in result.impossible],
    }


def _show_result(root: Context, result: BuildResult, end: date) -> None:
    for warning in _warnings(result):
        print_paragraph(root.notes, root.translate(warning), mark="! ", style="yellow")
    for group in result.impossible:
        print_group(root, root.notes, group)
    summary = _(
        "{days} computed, {rows} written, through {end}",
        days=plural("{n} day", "{n} days", n=result.days),
        rows=plural("{n:,} row", "{n:,} rows", n=result.rows),
        end=end,
    )
    if end > result.over:
        running = _("rows of days that are not over yet still move")
        summary = joined([summary, running], SEMICOLON)
    print_paragraph(root.console, root.translate(summary), mark="✓ ", style="green")


def _warnings(result: BuildResult) -> Iterator[Message]:
    if result.rebuilt_from:
        rebuilt = _(
            "the database was replaced or restored from a backup since the last build: everything "
            "from {since} on was recomputed",
            since=result.rebuilt_from,
        )
        lost = _(
            "rows of earlier days are missing, because retention has deleted their events: restore "
            "a newer backup"
        )
        yield joined([rebuilt, lost], SEMICOLON) if result.has_lost_rows else rebuilt
    for one in result.early_starts:
        yield _(
            "{account} begins on {first}, but its next event is of {second}: {rows} were written "
            "for the {days} between; if the time of the first event is wrong, take it back "
            "with `wxcube events retract`",
            account=one.account,
            first=one.first,
            second=one.second,
            rows=plural("{n:,} row", "{n:,} rows", n=one.rows),
            days=plural("{n:,} day", "{n:,} days", n=one.days),
        )
    for path, reason in result.recomputed.items():
        yield _(
            "{path} was damaged ({reason}); its days were recomputed from events",
            path=path,
            reason=reason,
        )
    for path, reason in result.unreadable.items():
        yield _(
            "{path} cannot be read ({reason}), so the accounts of its group were not built; "
            "`wxcube doctor` explains how to repair it",
            path=path,
            reason=reason,
        )


def _engine(root: Context, *, memory: str | None, **options: Any) -> EngineChoice:
    """The engine of the command line's options, then of the settings."""
    from wxcube.jobs.cube_engine import check_options, choose

    overrides = {
        name: value for name, value in {**options, "memory_limit": memory}.items() if value
    }
    cube = msgspec.structs.replace(root.settings.cube, **overrides)
    check_options(cube.engine, options)
    events = root.settings.events
    return choose(cube, Path(events.folder).expanduser(), machine_memory=events.memory_limit)


@cube.command()
@click.option("--json", "as_json", is_flag=True, help="Print the status as one JSON line.")
def status(*, as_json: bool) -> None:
    """Show the last day that is built, and the days that the next build computes.

    \b
    Example:
      wxcube cube status
    """
    from wxcube.jobs.cube_preview import preview_build
    from wxcube.server.events_intake import open_store

    root = context()
    last = beijing.yesterday(root.clock.now())
    with open_store(root.settings.events, root.clock, create=False) as store:
        preview = preview_build(store, last, _watermark(root))
    if as_json:
        click.echo(json_line({**asdict(preview), "to": last}))
        return
    print_paragraph(root.console, root.translate(joined(_status(preview, last), SEMICOLON)))


def _watermark(root: Context) -> Watermark | None:
    """The watermark of the database; None if there is no database yet."""
    from wxcube.jobs.cube_sink import watermark_of

    if not root.has_warehouse():
        return None
    with root.warehouse(read_only=True) as warehouse:
        return watermark_of(warehouse)


def _status(preview: BuildPreview, last: date) -> Iterator[Message]:
    built = preview.through
    yield _("built through {day}", day=built) if built else _("not built yet")
    if preview.changed:
        yield _next_build(preview.changed, last)
    elif preview.has_work:
        yield _("the next build continues through {last}", last=last)
    else:
        yield _("nothing to compute")
    if preview.waiting:
        yield plural(
            "{n:,} event is waiting in the log; a build compacts it first",
            "{n:,} events are waiting in the log; a build compacts them first",
            n=preview.waiting,
        )


def _next_build(days: list[date], last: date) -> Message:
    return plural(
        "the next build computes {n} day ({span}), through {last}",
        "the next build computes {n} days ({span}), through {last}",
        n=len(days),
        span=str(days[0]) if len(days) == 1 else f"{days[0]} … {days[-1]}",
        last=last,
    )


@contextmanager
def _progress_bar(root: Context, *, quiet: bool) -> Iterator[Callable[[BuildProgress], None]]:
    """A progress bar, as the function that updates it."""
    if quiet:
        yield lambda _: None
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=root.notes,
    )
    task = bar.add_task(root.translate(_("build")), total=None)

    def update(progress: BuildProgress) -> None:
        bar.start()
        description = root.translate(_("build {task}", task=progress.task)).strip()
        bar.update(
            task,
            completed=progress.done,
            total=progress.total or 1,
            description=description,
        )

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()
