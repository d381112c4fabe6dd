"""What a compaction did, told by every command that begins or ends with one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wxcube.cli.commands.context import Context
from wxcube.cli.error_words import in_words
from wxcube.cli.terminal.paragraph import tell

if TYPE_CHECKING:
    from wxcube.events.store.compaction import Compacted
    from wxcube.events.store.store import EventStore

_STOPPED = "Query interrupted"
_COUNTS = ("events", "duplicates", "too_old", "held", "troubles")


def run(store: EventStore) -> Compacted:
    """Compact a store, until the end or until somebody stops it."""
    with stoppable():
        return store.compact()


@contextmanager
def stoppable() -> Iterator[None]:
    """What is stopped inside DuckDB ends as what is stopped anywhere else."""
    try:
        yield
    except RuntimeError as error:
        # DuckDB takes Ctrl-C away and tells it so
        if str(error) != _STOPPED:
            raise
        raise KeyboardInterrupt from error


def counts(done: Compacted) -> dict[str, object]:
    """What a compaction did, as a member `compacted` for JSON."""
    return {"compacted": {name: getattr(done, name) for name in _COUNTS}}


def has_news(done: Compacted) -> bool:
    """Whether a compaction that nobody asked for is worth a word: something waited."""
    return any(getattr(done, name) for name in _COUNTS)


def show(root: Context, done: Compacted) -> None:
    """Tell a person what a compaction did, what is wrong first."""
    say, notes = root.say, root.notes
    for trouble in done.troubles:
        tell(notes, in_words(trouble, say), mark="! ", style="yellow")
    text = say(
        f"{done.events:,} 个事件归入 {len(done.places)} 个（日, 账号组），"
        f"{done.duplicates:,} 个重复的不计",
        f"{done.events:,} events went into {len(done.places)} days and groups; "
        f"{done.duplicates:,} had come before",
    )
    tell(notes, text)
    if done.too_old:
        late = say(
            f"{done.too_old:,} 个事件所属的日期已按保留期删除，不再计入",
            f"{done.too_old:,} events are of days that retention has removed; they do not count",
        )
        tell(notes, late, mark="! ", style="yellow")
    if done.held:
        wait = say(f"{done.held:,} 个事件仍在等待", f"{done.held:,} events keep waiting")
        tell(notes, wait, mark="! ", style="yellow")
