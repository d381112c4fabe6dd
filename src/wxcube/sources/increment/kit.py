"""What the parts of a build work with: events in, facts and ledger beside, and who computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wxcube.sources.engines import OpenEngine
from wxcube.sources.increment.events import Events
from wxcube.sources.increment.files import Facts
from wxcube.sources.increment.handing import Handing
from wxcube.sources.increment.ledger import Ledger
from wxcube.sources.increment.progress import Progress
from wxcube.sources.increment.way import Way


@dataclass(frozen=True)
class Kit:
    """What one build was given, and what it opened."""

    events: Events
    ledger: Ledger
    facts: Facts
    engine: OpenEngine
    handing: Handing
    steps: Way
    """The steps as they are written, for what does not fit the fast way."""
    fast: Way
    budget: int
    """About so many bytes of files are computed together."""
    tell: Callable[[Progress], None]

    def way_for(self, sizes: Iterable[int]) -> Way:
        """The fast way for what fits: the least it takes at once is a day or month of a group."""
        return self.fast if max(sizes, default=0) <= self.budget // 2 else self.steps

    def group_of(self, account: int) -> int:
        """The group an account is in."""
        return account % self.events.group_count

    def settle(self) -> None:
        """Let facts that were written count.

        They need not be on the disk yet: the work they are for is pending until they are.
        """
        with self.ledger.changing():
            self.ledger.keep(self.facts.news())
        self.facts.settled()
