"""One engine for all tests of a worker, and a new story for each test."""

from collections.abc import Iterator

import pytest

from support.story import Story
from wxcube.cube.engines.duckdb import DuckDbEngine


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDbEngine]:
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        yield engine


@pytest.fixture
def story(engine: DuckDbEngine) -> Story:
    return Story(engine)
