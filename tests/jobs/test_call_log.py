"""What the log says about answers that do not match the contract."""

from __future__ import annotations

from datetime import date
from typing import Any

import structlog

from wxcube.contract.source import UnreadableRow
from wxcube.contract.window import Window
from wxcube.i18n import verbatim
from wxcube.jobs.accounts import _CallLog
from wxcube.wechat.client import CallEvent

DAY = Window.parse("2026-03-01")


def logged(*events: CallEvent) -> list[Any]:
    log = _CallLog("wx")
    with structlog.testing.capture_logs() as entries:
        for event in events:
            log(event)
    return [entry for entry in entries if entry["log_level"] == "warning"]


def event(endpoint: str = "getusersummary", **more: Any) -> CallEvent:
    return CallEvent("/datacube/x", endpoint, DAY, 1, 1.0, errcode=0, **more)


def test_a_missing_column_is_logged_once_per_endpoint() -> None:
    lacks = event(missing_columns=frozenset({"new_user"}))
    other = event("getusercumulate", missing_columns=frozenset({"new_user"}))
    entries = logged(lacks, lacks, other)
    assert [(e["event"], e["endpoint"], e["name"]) for e in entries] == [
        ("contract.missing_column", "getusersummary", "new_user"),
        ("contract.missing_column", "getusercumulate", "new_user"),
    ]


def test_unreadable_rows_are_logged_with_the_reason_of_the_first() -> None:
    bad = UnreadableRow(3, date(2026, 3, 1), verbatim("no key"))
    (entry,) = logged(event(unreadable=(bad, bad)))
    assert (entry["event"], entry["rows"], entry["position"]) == ("window.rows_unreadable", 2, 3)
    assert entry["reason"] == "no key"
