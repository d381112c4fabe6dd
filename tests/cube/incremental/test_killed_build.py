"""A build killed at any moment: the next one ends in the rows of one that was not."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path
from random import Random

import pytest

from support.killable_build import KEY, build, events_in, history, run
from wxcube.contract.source import Origin
from wxcube.contract.window import Window, parse_day
from wxcube.cube.compute import CUBE_ENDPOINTS, compute
from wxcube.events.columns import to_batch
from wxcube.warehouse.store import Warehouse

MOMENTS = int(os.environ.get("WXCUBE_KILLS", "4"))
"""How many moments are tried; 30 for the whole proof."""
EVER = Window(parse_day("2010-01-01"), parse_day("2040-01-01"))


@pytest.fixture(scope="module")
def seconds(tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long a build takes that nobody kills."""
    process = begun(tmp_path_factory.mktemp("whole"), 0)
    start = time.monotonic()
    process.join()
    return time.monotonic() - start


def begun(folder: Path, moment: int) -> SpawnProcess:
    """A process in which a build begins now."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run, args=(str(folder), moment, theirs))
    process.start()
    assert ours.recv() == "begun"
    return process


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_build_goes_on_and_ends_in_the_same_rows(
    tmp_path: Path, moment: int, seconds: float
) -> None:
    process = begun(tmp_path, moment)
    time.sleep(Random(moment).uniform(0.01, 0.9) * seconds)
    process.kill()
    process.join()
    happened, through = history(moment)
    build(events_in(tmp_path, happened, 2), tmp_path, through)
    batch = to_batch(happened, KEY)
    expected = compute(batch, through)
    with Warehouse.open(tmp_path / "wxcube.db", read_only=True) as warehouse:
        for account in batch.accounts:
            for endpoint in CUBE_ENDPOINTS:
                found = warehouse.read(account, endpoint, EVER, Origin.CUBE)
                assert found == expected.rows(account, endpoint), endpoint.name
