"""The result of a compaction, shown by every command that begins or ends with one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wxcube.cli.commands.context import Context
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.i18n import Message, _, plural
from wxcube.log import redact

if TYPE_CHECKING:
    from wxcube.events.store.compaction import CompactionResult
    from wxcube.events.store.store import EventStore

_INTERRUPTED = "Query interrupted"
_COUNTS = ("events", "duplicates", "conflicts", "too_old", "held", "troubles")


def run(store: EventStore) -> CompactionResult:
    """Compact a store; an interrupt stops it."""
    with stoppable():
        return store.compact()


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn DuckDB's error for Ctrl-C into KeyboardInterrupt."""
    try:
        yield
    except RuntimeError as error:
        # DuckDB takes the signal and raises this instead
        if str(error) != _INTERRUPTED:
            raise
        raise KeyboardInterrupt from error


def counts(done: CompactionResult) -> dict[str, object]:
    """The result of a compaction as a member `compacted` for JSON."""
    result = {name: getattr(done, name) for name in _COUNTS}
    return {"compacted": result | {"troubles": list(map(str, done.troubles))}}


def has_results(done: CompactionResult) -> bool:
    """Whether the compaction changed anything or found problems."""
    return any(getattr(done, name) for name in _COUNTS)


def show(root: Context, done: CompactionResult) -> None:
    """Print the result of a compaction, problems first."""
    for trouble in done.troubles:
        _warn(root, trouble)
    print_paragraph(root.notes, root.translate(_result(done)))
    for example in done.examples:
        _warn(root, example)
    if done.conflicts:
        _warn(
            root,
            plural(
                "{n:,} event has the id of another event, but other content; it does not count",
                "{n:,} events have the ids of other events, but other content; they do not count",
                n=done.conflicts,
            ),
        )
    if done.too_old:
        _warn(
            root,
            plural(
                "{n:,} event is from a day that retention has deleted; it does not count",
                "{n:,} events are from days that retention has deleted; they do not count",
                n=done.too_old,
            ),
        )
    if done.held:
        _warn(
            root,
            plural(
                "{n:,} event is still waiting in the log",
                "{n:,} events are still waiting in the log",
                n=done.held,
            ),
        )


def _result(done: CompactionResult) -> Message:
    return _(
        "{events} compacted into {partitions}; {duplicates} dropped",
        events=plural("{n:,} event", "{n:,} events", n=done.events),
        partitions=plural("{n:,} partition", "{n:,} partitions", n=len(done.partitions)),
        duplicates=plural("{n:,} duplicate", "{n:,} duplicates", n=done.duplicates),
    )


def _warn(root: Context, message: Message) -> None:
    print_paragraph(root.notes, redact(root.translate(message)), mark="! ", style="yellow")
