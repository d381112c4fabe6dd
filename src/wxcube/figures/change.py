"""How much a number changed: in percent only where that is honest. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from wxcube.contract.window import Window
from wxcube.figures import numbers
from wxcube.figures.state import Coverage
from wxcube.i18n import Message, _

SMALLEST_BASE = 20
"""From a smaller number, a change is not given in percent."""


class ChangeKind(StrEnum):
    """How a change may be given."""

    PERCENT = "percent"
    POINTS = "points"
    """Rates differ in percentage points."""
    NUMBERS = "numbers"
    """The base is small: the two numbers say it."""
    NEW = "new"
    """There was nothing before."""
    MOVING = "moving"
    """One of the two periods can still change."""
    INCOMPLETE = "incomplete"
    """Days are missing, or the periods differ in length."""
    UNKNOWN = "unknown"
    """One of the two numbers is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A number compared with an earlier one; `window` has the days of the earlier one."""

    title: Message
    window: Window
    kind: ChangeKind
    before: float | None
    difference: float | None = None
    share: float | None = None
    """The difference as a fraction of the number before; only of kind PERCENT."""
    before_coverage: Coverage

    @property
    def arrow(self) -> str:
        """`↑`, `↓` or `→`; empty if the difference is not known."""
        if self.difference is None:
            return ""
        return "↑" if self.difference > 0 else "↓" if self.difference < 0 else "→"

    @property
    def text(self) -> Message:
        """The change in words, such as `↑ +12.3%`."""
        return _TEXTS[self.kind](self)


def change(  # noqa: PLR0913 - two numbers with what is known of them
    title: Message,
    window: Window,
    now: float | None,
    now_coverage: Coverage,
    before: float | None,
    before_coverage: Coverage,
    *,
    is_rate: bool = False,
) -> Change:
    """The change between two periods, in the kind that their coverage and size allow."""
    kind = _kind(now, now_coverage, before, before_coverage, is_rate=is_rate)
    difference = None if now is None or before is None else now - before
    share = (
        difference / abs(before) if kind is ChangeKind.PERCENT and difference and before else None
    )
    if kind is ChangeKind.PERCENT and difference == 0:
        share = 0.0
    return Change(
        title=title,
        window=window,
        kind=kind,
        before=before,
        difference=difference,
        share=share,
        before_coverage=before_coverage,
    )


def _kind(
    now: float | None,
    now_coverage: Coverage,
    before: float | None,
    before_coverage: Coverage,
    *,
    is_rate: bool,
) -> ChangeKind:
    if now is None or before is None:
        return ChangeKind.UNKNOWN
    both = (now_coverage, before_coverage)
    if any(one.days < one.of_days for one in both) or both[0].of_days != both[1].of_days:
        return ChangeKind.INCOMPLETE
    if any(one.moving for one in both):
        return ChangeKind.MOVING
    if is_rate:
        return ChangeKind.POINTS
    if before == 0:
        return ChangeKind.NEW if now else ChangeKind.NUMBERS
    return ChangeKind.NUMBERS if abs(before) < SMALLEST_BASE else ChangeKind.PERCENT


def _of_percent(one: Change) -> Message:
    return _("{arrow} {change}", arrow=one.arrow, change=numbers.signed_percent(one.share or 0))


def _of_points(one: Change) -> Message:
    points = numbers.signed_points(one.difference or 0)
    return _("{arrow} {change} percentage points", arrow=one.arrow, change=points)


def _of_numbers(one: Change) -> Message:
    return _("before: {before}", before=numbers.exact(one.before))


def _of_moving(one: Change) -> Message:
    return _("before: {before}; can still change", before=numbers.exact(one.before))


def _of_incomplete(one: Change) -> Message:
    days = one.before_coverage
    return _(
        "before: {before} ({days} of {of_days} days)",
        before=numbers.exact(one.before),
        days=days.days,
        of_days=days.of_days,
    )


_TEXTS: Mapping[ChangeKind, Callable[[Change], Message]] = {
    ChangeKind.PERCENT: _of_percent,
    ChangeKind.POINTS: _of_points,
    ChangeKind.NUMBERS: _of_numbers,
    ChangeKind.NEW: lambda _one: _("new"),
    ChangeKind.MOVING: _of_moving,
    ChangeKind.INCOMPLETE: _of_incomplete,
    ChangeKind.UNKNOWN: lambda _one: _("nothing to compare with"),
}
