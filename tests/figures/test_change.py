"""Changes: in percent only where both periods are whole and the base is large enough."""

from __future__ import annotations

from datetime import date

import pytest

from wxcube.contract.window import Window
from wxcube.figures.change import Change, change
from wxcube.figures.state import Coverage
from wxcube.i18n import verbatim

WHOLE = Coverage(7, 7)
MOVING = Coverage(7, 7, moving=1)
LACKING = Coverage(6, 7)
SHORTER = Coverage(6, 6)


def changed(
    now: float | None,
    before: float | None,
    now_coverage: Coverage = WHOLE,
    before_coverage: Coverage = WHOLE,
    *,
    is_rate: bool = False,
) -> Change:
    window = Window.day(date(2026, 3, 1))
    return change(
        verbatim("before"), window, now, now_coverage, before, before_coverage, is_rate=is_rate
    )


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (changed(120, 100), "↑ +20%"),
        (changed(80, 100), "↓ −20%"),
        (changed(100, 100), "→ 0%"),
        (changed(100_010, 100_000), "↑ +0.01%"),
        (changed(1_000_010, 1_000_000), "↑ <0.01%"),
        (changed(-50, -100), "↑ +50%"),
        (changed(5, 0), "new"),
        (changed(0, 0), "before: 0"),
        (changed(40, 19), "before: 19"),
        (changed(0.05, 0.03, is_rate=True), "↑ +2 percentage points"),
        (changed(120, 100, MOVING), "before: 100; can still change"),
        (changed(120, 100, WHOLE, MOVING), "before: 100; can still change"),
        (changed(120, 100, LACKING), "before: 100 (7 of 7 days)"),
        (changed(120, 100, WHOLE, LACKING), "before: 100 (6 of 7 days)"),
        (changed(120, 100, WHOLE, SHORTER), "before: 100 (6 of 6 days)"),
        (changed(None, 100), "nothing to compare with"),
        (changed(100, None), "nothing to compare with"),
    ],
)
def test_what_a_change_says(one: Change, text: str) -> None:
    assert one.text == text
