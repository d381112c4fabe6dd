"""What the tap has seen, in numbers by name; names never come from users."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import structlog

from wxcube.tap.mapping import UNNAMED, Mapped
from wxcube.tap.refused import RefusedError

MAX_NAMES = 200
"""Different names that are counted; further ones are counted together."""

_log = structlog.get_logger()


@dataclass
class Tally:
    """Counts of callbacks by kind, of refusals by reason, and of replies."""

    kinds: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    events: int = 0
    replies: int = 0
    failed: int = 0
    verifications: int = 0

    def add(self, meaning: Mapped, attempt: int = 1) -> None:
        """Count a push; of several attempts the first counts as a push."""
        if attempt > 1:
            self.repeats += 1
            return
        counter = self.kinds if meaning.is_known else self.unknown
        kind = meaning.kind if meaning.kind in counter or len(counter) < MAX_NAMES else UNNAMED
        counter[kind] += 1
        if not meaning.is_known and counter[kind] == 1:
            _log.warning("tap.unknown_kind", kind=kind, counted="as a reply only")

    def refuse(self, error: RefusedError) -> None:
        """Count a refusal; the first, tenth, hundredth … of each reason is logged."""
        reason = error.reason.value
        self.refused[reason] += 1
        count = self.refused[reason]
        if count == 10 ** (len(str(count)) - 1):
            _log.warning("tap.refused", reason=reason, detail=error.detail, count=count)

    def as_dict(self) -> dict[str, object]:
        """All counts."""
        return {
            "callbacks": dict(sorted(self.kinds.items())),
            "unknown": dict(sorted(self.unknown.items())),
            "refused": dict(sorted(self.refused.items())),
            "repeats": self.repeats,
            "replies": self.replies,
            "failed": self.failed,
            "verifications": self.verifications,
            "events": self.events,
        }
