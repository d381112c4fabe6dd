"""A build killed at random points: the next one gives the rows of a build that was not killed."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest

from support.killable_build import KEY, build, events_in, history, run
from wxcube.contract.source import Origin
from wxcube.contract.window import Window, parse_day
from wxcube.cube.compute import CUBE_ENDPOINTS, compute
from wxcube.events.columns import to_batch
from wxcube.warehouse.store import Warehouse

KILLS = int(os.environ.get("WXCUBE_KILLS", "4"))
"""The number of builds that are killed; 30 for the complete proof."""
EVER = Window(parse_day("2010-01-01"), parse_day("2040-01-01"))


@contextmanager
def running_build(folder: Path, seed: int) -> Iterator[Connection]:
    """A build in a process that is killed at the end of the block, and its reports."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run, args=(str(folder), seed, theirs))
    process.start()
    theirs.close()
    try:
        with ours:
            yield ours
    finally:
        process.kill()
        process.join()
        process.close()


@pytest.fixture(scope="module")
def batch_count(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The number of batches of a build that is not killed."""
    with running_build(tmp_path_factory.mktemp("complete"), 0) as reports:
        return sum(1 for _ in iter(reports.recv, "end"))


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_build_resumes_and_gives_the_same_rows(
    tmp_path: Path, seed: int, batch_count: int
) -> None:
    with running_build(tmp_path, seed) as reports:
        for _ in range(Random(seed).randint(1, batch_count - 1)):
            if reports.recv() == "end":
                break
    events, through = history(seed)
    build(events_in(tmp_path, events, 2), tmp_path, through)
    batch = to_batch(events, KEY)
    expected = compute(batch, through)
    with Warehouse.open(tmp_path / "wxcube.db", read_only=True) as warehouse:
        for account in batch.accounts:
            for endpoint in CUBE_ENDPOINTS:
                rows = warehouse.read(account, endpoint, EVER, Origin.CUBE)
                assert rows == expected.rows(account, endpoint), endpoint.name
