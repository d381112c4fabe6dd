"""Filters of activity events, as SQL conditions and for arrays of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.events.columns import Action, Columns


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Events of one action; if given, only those of some channels, one scene or one position."""

    action: Action
    channels: tuple[int, ...] | None = None
    scene: int | None = None
    position: int | None = None

    @property
    def sql(self) -> str:
        """The condition on a row of `activity`."""
        parts = [f"action = {self.action.value}"]
        if self.scene is not None:
            parts.append(f"scene = {self.scene}")
        if self.channels is not None:
            parts.append(f"source IN ({', '.join(map(str, self.channels))})")
        if self.position is not None:
            parts.append(f"position = {self.position}")
        return " AND ".join(parts)

    def matches(self, activity: Columns) -> NDArray[Any]:
        """Whether each row of `activity` passes the filter."""
        is_match: NDArray[Any] = activity["action"] == self.action.value
        if self.scene is not None:
            is_match &= activity["scene"] == self.scene
        if self.channels is not None:
            is_match &= np.isin(activity["source"], self.channels)
        if self.position is not None:
            is_match &= activity["position"] == self.position
        return is_match
