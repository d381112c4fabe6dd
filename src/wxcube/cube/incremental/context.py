"""What the parts of a build work with: events in, facts and ledger beside, and who computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental.events import Events
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.ledger import Ledger
from wxcube.cube.incremental.progress import Progress
from wxcube.cube.incremental.row_writer import Handing
from wxcube.cube.incremental.strategy import Strategy


@dataclass(frozen=True)
class Kit:
    """What one build was given, and what it opened."""

    events: Events
    ledger: Ledger
    facts: Facts
    engine: OpenEngine
    handing: Handing
    steps: Strategy
    """The steps as they are written, for what does not fit the fast strategy."""
    fast: Strategy
    budget: int
    """About so many bytes of files are computed together."""
    tell: Callable[[Progress], None]

    def strategy_for(self, sizes: Iterable[int]) -> Strategy:
        """The fast strategy if the parts fit in memory, else the SQL steps."""
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
