"""What decides who may call: tokens, call counts, and failed logins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wxcube.beijing import Clock
from wxcube.server.call_quota import CallQuota
from wxcube.server.failures import Failures
from wxcube.server.tokens import Tokens, TokenStore


class Access(Protocol):
    """Tokens, call counts and failed logins of a server."""

    @property
    def tokens(self) -> Tokens:
        """Issues tokens and finds their owners."""
        ...

    @property
    def calls(self) -> CallQuota:
        """Counts calls."""
        ...

    @property
    def failures(self) -> Failures | None:
        """Counts wrong secrets and tokens; None where nobody is slowed down."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryAccess:
    """Tokens and call counts of this process only, as in an emulator."""

    tokens: TokenStore
    calls: CallQuota
    failures: Failures | None = None

    @classmethod
    def on(cls, clock: Clock, seed: int | None = None) -> MemoryAccess:
        """New ones on a clock; a seed makes the tokens predictable."""
        return cls(TokenStore(clock, seed), CallQuota(clock))
