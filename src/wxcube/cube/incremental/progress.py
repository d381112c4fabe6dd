"""The progress of a build."""

from __future__ import annotations

from dataclasses import dataclass

from wxcube.i18n import Message


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of partitions built, of all to be built, and what is being computed."""

    done: int
    total: int
    task: Message
