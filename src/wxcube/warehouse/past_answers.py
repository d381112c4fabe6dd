"""What WeChat answered for a day, and when: the log of asks with what each answer changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Row
from wxcube.contract.window import Window
from wxcube.warehouse.answer_changes import AnswerChanges, answer_changes
from wxcube.warehouse.asks import Ask
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.stored_answer import stored_answer


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """An ask for a day, and what its answer said about that day."""

    ask: Ask
    rows: int | None = None
    """Rows of the day; None if there is no answer, or none that can be read."""
    is_first: bool = False
    """Whether it is the first answer with rows of the day."""
    changes: AnswerChanges | None = None
    """What changed against the answer with rows before it; None without rows, or for the first."""


def past_answers(
    warehouse: Warehouse,
    appid: str,
    endpoint: Endpoint[Any],
    day: date,
    *,
    params: Mapping[str, object] | None = None,
) -> list[PastAnswer]:
    """The asks for a day, oldest outcome first.

    Raises:  WarehouseError.
    """
    found: list[PastAnswer] = []
    before: list[Row] | None = None
    for ask in warehouse.history(appid, endpoint, Window(day, day), params=params):
        answer = stored_answer(ask, warehouse.reply(ask))
        if answer is None:
            found.append(PastAnswer(ask))
            continue
        rows = [row for row in answer.rows if row.ref_date == day]
        is_first = before is None and bool(rows)
        changes = answer_changes(endpoint, before, rows) if rows and before is not None else None
        found.append(PastAnswer(ask, len(rows), is_first, changes))
        before = rows or before
    return found
