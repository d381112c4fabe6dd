"""The maintenance thread of a server: an error is logged, and the next run takes place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from support.event_files import count_events, open_store, sample_events, store_events
from support.polling import eventually
from wxcube.errors import EventStoreError
from wxcube.i18n import verbatim
from wxcube.server.events_intake import _Maintenance
from wxcube.settings import EventsSettings

ERRORS = [
    ValueError("a fault"),
    UnicodeError("a bad byte"),
    EventStoreError(verbatim("the disk")),
    OSError(5),
]


def test_any_error_is_logged_and_the_next_run_takes_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(tmp_path / "events") as store:
        store_events(store, sample_events(50))
        compact, errors = store.compact, list(ERRORS)

        def failing(**options: Any) -> Any:
            if errors:
                raise errors.pop()
            return compact(**options)

        monkeypatch.setattr(store, "compact", failing)
        with capture_logs() as logs, _Maintenance(store, EventsSettings(compact_minutes=0.0002)):
            eventually(lambda: count_events(store))
        assert count_events(store) == 50
    reasons = [one["reason"] for one in logs if one["event"] == "events.not_compacted"]
    assert len(reasons) == len(ERRORS)
    assert "ValueError: a fault" in reasons
