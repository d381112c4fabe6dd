"""Which changed settings a running server takes in, and which need a restart.

A key, or a whole section, says so where it is defined. One without a mark needs a restart, so that
a new key cannot be forgotten: until it is taken in, a change of it is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from operator import attrgetter
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec


class Mark(Enum):
    """What a changed setting means to a running server; put into the `Annotated` type of a key."""

    RESTART = auto()
    """It is taken in by a restart only; this is so without a mark."""
    RELOADED = auto()
    """It is taken in when the settings are read again."""
    PAGES = auto()
    """It is used by the pages of `wxcube up`, which take it in by a restart only."""
    ELSEWHERE = auto()
    """No server uses it for longer than a moment: other commands do, or each use reads it again."""


def marks(section: type[msgspec.Struct]) -> dict[str, Mark]:
    """The mark of every key of the settings, by its name with that of its section before it."""
    return dict(_marks(section, Mark.RESTART))


def _marks(section: type[msgspec.Struct], default: Mark) -> Iterator[tuple[str, Mark]]:
    for name, hint in get_type_hints(section, include_extras=True).items():
        kind, mark = _kind_and_mark(hint, default)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from ((f"{name}.{key}", one) for key, one in _marks(kind, mark))
        else:
            yield name, mark


def _kind_and_mark(hint: Any, default: Mark) -> tuple[Any, Mark]:
    if get_origin(hint) is not Annotated:
        return hint, default
    kind, *metadata = get_args(hint)
    return kind, next((one for one in metadata if isinstance(one, Mark)), default)


def needing_restart(
    before: msgspec.Struct, after: msgspec.Struct, *, with_pages: bool = False
) -> list[str]:
    """The keys that differ, and that a running server, maybe with pages, does not take in."""
    needing = {Mark.RESTART, Mark.PAGES} if with_pages else {Mark.RESTART}
    return [
        name
        for name, mark in marks(type(before)).items()
        if mark in needing and attrgetter(name)(before) != attrgetter(name)(after)
    ]
