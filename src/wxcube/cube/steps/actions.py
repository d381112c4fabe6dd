"""What is counted of the things people do with articles: as SQL, and for arrays of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Action, Columns


@dataclass(frozen=True, slots=True)
class Done:
    """An action; where it says so, only through some channels, in one scene, or left at a place."""

    action: Action
    channels: tuple[int, ...] | None = None
    scene: int | None = None
    position: int | None = None

    @property
    def sql(self) -> str:
        """The condition that a line of `activity` is this."""
        parts = [f"action = {self.action.value}"]
        if self.scene is not None:
            parts.append(f"scene = {self.scene}")
        if self.channels is not None:
            parts.append(f"source IN ({', '.join(map(str, self.channels))})")
        if self.position is not None:
            parts.append(f"position = {self.position}")
        return " AND ".join(parts)

    def holds(self, activity: Columns) -> NDArray[Any]:
        """Which lines of `activity` are this."""
        found: NDArray[Any] = activity["action"] == self.action.value
        if self.scene is not None:
            found &= activity["scene"] == self.scene
        if self.channels is not None:
            found &= np.isin(activity["source"], self.channels)
        if self.position is not None:
            found &= activity["position"] == self.position
        return found
