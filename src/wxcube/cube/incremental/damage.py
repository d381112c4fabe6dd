"""Errors of damaged or missing files of one group, for which only that group must wait."""

from __future__ import annotations

from pathlib import Path

from wxcube.errors import EngineError
from wxcube.i18n import Message, _


class DamagedFileError(EngineError):
    """A file of a group differs from what was written."""

    def __init__(self, path: Path, group: int, reason: Message, hint: Message) -> None:
        super().__init__(_("{path}: {reason}", path=path, reason=reason), hint=hint)
        self.path = path
        self.group = group
        self.reason = reason


class DamagedEventsError(DamagedFileError):
    """A file of events: it must be restored, or removed and its events sent again."""


class DamagedFactError(DamagedFileError):
    """A file of a fact: it can be recomputed from events, if these are still there."""
