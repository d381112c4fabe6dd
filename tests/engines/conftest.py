"""Every engine but DuckDB, started once: ClickHouse in this process, Spark on a small cluster."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from support.spark_cluster import SETTINGS, WORKERS, SparkCluster, missing
from wxcube.sources.engine import DuckDbEngine
from wxcube.sources.engines import OpenEngine, engine


@pytest.fixture(scope="session")
def duckdb_engine() -> Iterator[DuckDbEngine]:
    with DuckDbEngine(threads=1, memory_limit="512MB") as duckdb:
        yield duckdb


@pytest.fixture(scope="session")
def clickhouse_engine() -> Iterator[OpenEngine]:
    if find_spec("chdb") is None:
        pytest.skip("ClickHouse is not installed: pip install --group engines")
    with engine("clickhouse", url="chdb:") as clickhouse:
        yield clickhouse


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    with SparkCluster(tmp_path_factory.mktemp("spark-cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def spark_engine(
    spark_cluster: SparkCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenEngine]:
    options = {
        "master": spark_cluster.url,
        "folder": tmp_path_factory.mktemp("shared folder, isn't it"),
        "partitions": WORKERS,
        "settings": SETTINGS,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        with engine("spark", **options) as spark:
            yield spark


@pytest.fixture(
    scope="session",
    params=[
        "clickhouse",
        pytest.param(
            "spark",
            marks=[pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("spark")],
        ),
    ],
)
def other_engine(request: pytest.FixtureRequest) -> OpenEngine:
    """Each engine in turn that has to agree with DuckDB."""
    found: OpenEngine = request.getfixturevalue(f"{request.param}_engine")
    return found
