"""How far a build is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Cells of days done, of how many, and what is being computed."""

    done: int
    total: int
    what: str
