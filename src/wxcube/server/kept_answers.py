"""Answers kept in memory, each as long as nobody stores other figures of its days."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.server.messages import Reply
from wxcube.warehouse.changes import Changed, Changes, Progress

_RECENT = 1_000
"""Changes that are remembered, for answers that were being read meanwhile."""
LIFE_SECONDS = 60.0
"""How long an answer is kept: not every change of a database is by an answer or a build."""
_OVERHEAD = 1_000
"""Bytes of memory that an answer takes beside its body."""


class Asked(NamedTuple):
    """What an answer answers."""

    account: str
    endpoint: Endpoint[Any]
    window: Window
    params: tuple[tuple[str, object], ...] = ()

    def is_concerned(self, changed: Sequence[Changed] | None) -> bool:
        """Whether an answer may be another one after changes; None: of everything."""
        name, window = self.endpoint.name, self.window
        return changed is None or any(one.concerns(name, window) for one in changed)


@dataclass(slots=True)
class _Account:
    version: Hashable
    progress: Progress
    stage: int
    keys: defaultdict[str, set[Asked]] = field(default_factory=lambda: defaultdict(set))
    """What is kept, by endpoint."""
    recent: deque[tuple[int, Sequence[Changed] | None]] = field(
        default_factory=lambda: deque(maxlen=_RECENT)
    )
    """The last outcome before a change, and what changed; None: everything."""


class KeptAnswers:
    """Answers by what they answer, in a limited memory; the one that was not used longest goes."""

    def __init__(self, limit_bytes: int, now: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit_bytes
        """The memory that they may take, which may change."""
        self._now = now
        self._bytes = 0
        self._answers: OrderedDict[Asked, tuple[Reply, float]] = OrderedDict()
        self._accounts: dict[str, _Account] = {}
        self._stages = count(1)

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def bytes(self) -> int:
        """The memory that the answers take, about."""
        return self._bytes

    def get(self, asked: Asked) -> Reply | None:
        """The answer, if it is kept."""
        kept = self._answers.get(asked)
        if kept is None:
            return None
        reply, ends_at = kept
        if self._now() >= ends_at:
            self._remove(asked)
            return None
        self._answers.move_to_end(asked)
        return reply

    def version(self, account: str) -> Hashable:
        """The version of the database that an account's answers are of; None: not known."""
        known = self._accounts.get(account)
        return known.version if known else None

    def progress(self, account: str) -> Progress | None:
        """How far the account was when it was looked at; None: never."""
        known = self._accounts.get(account)
        return known.progress if known else None

    def stage(self, account: str) -> int:
        """A number of the account's progress, which is never used again; 0: not known."""
        known = self._accounts.get(account)
        return known.stage if known else 0

    def notice(self, account: str, version: Hashable, changes: Changes) -> None:
        """Drop the answers that changes concern; the others are of this version now."""
        known = self._accounts.get(account)
        if known is None:
            self._accounts[account] = _Account(version, changes.progress, next(self._stages))
            return
        if changes.progress != known.progress:
            known.stage = next(self._stages)
        if changes.days is None or changes.days:
            known.recent.append((known.progress.finished, changes.days))
            self._drop(known, changes.days)
        known.version, known.progress = version, changes.progress

    def clear(self) -> None:
        """Drop everything: the database is another one."""
        self._answers.clear()
        self._accounts.clear()
        self._bytes = 0

    def put(self, asked: Asked, reply: Reply, since: Progress | None) -> None:
        """Keep an answer that was read after the account was as far as `since`.

        It is not kept if something changed since then that concerns it.
        """
        known, size = self._accounts.get(asked.account), _size(reply)
        if known is None or since is None or _is_late(known, asked, since):
            return
        self._remove(asked)
        is_kept = size <= self.limit
        # the limit may be lower than it was
        while self._answers and self._bytes + size * is_kept > self.limit:
            self._remove(next(iter(self._answers)))
        if not is_kept:
            return
        self._answers[asked] = (reply, self._now() + LIFE_SECONDS)
        self._bytes += size
        known.keys[asked.endpoint.name].add(asked)

    def _drop(self, account: _Account, days: Sequence[Changed] | None) -> None:
        changed = set(account.keys) if days is None else {n for one in days for n in one.endpoints}
        for keys in [account.keys[name] for name in changed & account.keys.keys()]:
            for asked in [one for one in keys if one.is_concerned(days)]:
                self._remove(asked)

    def _remove(self, asked: Asked) -> None:
        kept = self._answers.pop(asked, None)
        if kept is not None:
            self._bytes -= _size(kept[0])
            self._accounts[asked.account].keys[asked.endpoint.name].discard(asked)


def _is_late(account: _Account, asked: Asked, since: Progress) -> bool:
    """Whether a change that concerns an answer was noticed while it was read."""
    if since == account.progress:
        return False
    missed = [days for before, days in account.recent if before >= since.finished]
    is_complete = bool(missed) and account.recent[0][0] <= since.finished
    return not is_complete or any(asked.is_concerned(days) for days in missed)


def _size(reply: Reply) -> int:
    # twice, because a compressed one may be kept with it
    return 2 * len(reply.body) + _OVERHEAD
