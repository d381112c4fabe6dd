"""A server's upkeep: whatever goes wrong in a turn is logged, and the next turn comes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from support.event_files import opened, put, some, total
from wxcube.errors import EventStoreError
from wxcube.server.events_intake import _Upkeep
from wxcube.settings import EventsSettings

ERRORS = [
    ValueError("a fault"),
    UnicodeError("a bad byte"),
    EventStoreError("the disk"),
    OSError(5),
]


def test_any_error_is_logged_and_the_next_turn_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "events") as store:
        put(store, some(50))
        compact, left = store.compact, list(ERRORS)

        def failing(**options: Any) -> Any:
            if left:
                raise left.pop()
            return compact(**options)

        monkeypatch.setattr(store, "compact", failing)
        with capture_logs() as logs, _Upkeep(store, EventsSettings(compact_minutes=0.0002)):
            ends = time.monotonic() + 20
            while not total(store) and time.monotonic() < ends:
                time.sleep(0.01)
        assert total(store) == 50
    reasons = [one["reason"] for one in logs if one["event"] == "events.not_compacted"]
    assert len(reasons) == len(ERRORS)
    assert "ValueError: a fault" in reasons
