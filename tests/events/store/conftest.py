"""A new store for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.event_files import open_store
from wxcube.events.store.store import EventStore


@pytest.fixture
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[EventStore]:
    """A store; a module's `SEGMENT_BYTES` is the size of the segments of its log."""
    options = {"segment_bytes": getattr(request.module, "SEGMENT_BYTES", None)}
    given = {name: value for name, value in options.items() if value}
    with open_store(tmp_path / "events", **given) as one:
        yield one
