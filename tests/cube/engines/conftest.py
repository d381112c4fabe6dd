"""All engines, each started once: ClickHouse in this process, Spark on a small cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec

import pytest

from support.spark_cluster import ON_SPARK, SparkApplications, SparkCluster, missing
from wxcube.cube.engines.choice import OpenEngine, engine
from wxcube.cube.engines.duckdb import DuckDbEngine


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the tests on the cluster in one process, so that there is one cluster.

    xdist 3.8 sets the group where pytest 9.2 no longer reads it (pytest-xdist issue 1386).
    """
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        group = item.get_closest_marker("xdist_group")
        if group and hasattr(item, "_id") and "@" not in item.name:
            item._id = type(item._id).parse(f"{item.nodeid}@{group.args[0]}")


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
def spark_applications(
    spark_cluster: SparkCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SparkApplications]:
    folder = tmp_path_factory.mktemp("shared folder, isn't it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        with closing(SparkApplications(spark_cluster.url, folder)) as applications:
            yield applications


@pytest.fixture
def spark_engine(spark_applications: SparkApplications) -> OpenEngine:
    """The engine that most tests use."""
    return spark_applications.shared()


@pytest.fixture
def free_cluster(
    spark_cluster: SparkCluster, spark_applications: SparkApplications
) -> SparkCluster:
    """The cluster, for an application that a test starts."""
    spark_applications.close()
    return spark_cluster


@pytest.fixture(params=["clickhouse", pytest.param("spark", marks=ON_SPARK)])
def other_engine(request: pytest.FixtureRequest) -> OpenEngine:
    """Each engine that is compared with DuckDB."""
    other: OpenEngine = request.getfixturevalue(f"{request.param}_engine")
    return other
