"""One request and its answer per endpoint, as WeChat documents them."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from wxcube.contract.endpoint import Endpoint, Param
from wxcube.contract.field import Row

_FILE = Path(__file__).with_name("examples.json")


def example_answer(endpoint: Endpoint[Row]) -> dict[str, Any]:
    """The answer in WeChat's documents."""
    return _answers()[endpoint.name]


def example_request(endpoint: Endpoint[Row], newest: date | None = None) -> dict[str, Any]:
    """A request for the newest rows of one day, week or month.

    They are those that end with the day `newest` or before it, by default those of the documented
    answer.
    """
    row = example_answer(endpoint)["list"][0]
    day = str(newest_label(endpoint, newest)) if newest else row["ref_date"]
    return {"begin_date": day, "end_date": day} | {p.name: _value(p, row) for p in endpoint.params if p.required}


def newest_label(endpoint: Endpoint[Row], newest: date) -> date:
    """The ref_date of the last period that is over on a day.

    >>> from wxcube.contract import named
    >>> newest_label(named("getupstreammsgmonth"), date(2026, 3, 30))
    datetime.date(2026, 2, 1)
    """
    label = endpoint.label(newest)
    return label if endpoint.period(label).last <= newest else endpoint.label(label - timedelta(days=1))


def _value(param: Param, row: dict[str, Any]) -> object:
    """The default, or the value of the row's column, whose name may lack the underscore."""
    columns = {name.replace("_", ""): value for name, value in row.items()}
    return columns[param.name.replace("_", "")] if param.default is None else param.default


@cache
def _answers() -> dict[str, dict[str, Any]]:
    return msgspec.json.decode(_FILE.read_bytes(), type=dict[str, dict[str, Any]])
