"""A build killed at any moment: the next one ends in the rows of one that was not."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path
from random import Random

import pytest

from support.killable_build import KEY, build, events_in, history, run
from wxcube.contract.source import Origin
from wxcube.contract.window import Window, parse_day
from wxcube.sources.batch import to_batch
from wxcube.sources.cube import CUBE_ENDPOINTS, compute
from wxcube.warehouse.store import Warehouse

MOMENTS = int(os.environ.get("WXCUBE_TEST_KILLS", "4"))
"""How many moments are tried; 30 for the whole proof."""
SECONDS = 4.0
EVER = Window(parse_day("2010-01-01"), parse_day("2040-01-01"))


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_build_goes_on_and_ends_in_the_same_rows(tmp_path: Path, moment: int) -> None:
    dice = Random(moment)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run, args=(str(tmp_path), moment, theirs))
    process.start()
    assert ours.recv() == "begun"
    time.sleep(dice.uniform(0.05, SECONDS))
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
