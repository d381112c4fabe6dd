"""Problems of Spark only: leftovers of failed writes, folders that its machines do not share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import numpy as np
import pytest

from support.spark_cluster import on_spark
from wxcube.cube.engines.choice import OpenEngine, engine
from wxcube.cube.engines.spark import SparkEngine
from wxcube.cube.steps import Step
from wxcube.errors import EngineError, SettingsError

ROOT = Path(__file__).parents[3]
NUMBERS = {"acct": np.arange(4, dtype="i4"), "n": np.arange(4, dtype="i8") * 2**61}
TWICE = Step("sums", ("numbers",), "SELECT acct, n + n + n AS n FROM numbers")
ONCE = Step("sums", ("numbers",), "SELECT acct, n FROM numbers")


@pytest.mark.parametrize("master", ["", "localhost:7077", "http://localhost:7077", "local[2"])
def test_an_invalid_master_is_refused_before_java_starts(master: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"spark://host:7077"):
        engine("spark", master=master, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@on_spark
def test_the_name_of_a_table_that_failed_can_be_used_again(spark_engine: OpenEngine) -> None:
    spark_engine.load("numbers", NUMBERS)
    try:
        with pytest.raises(EngineError, match=r"computing sums failed: .*OVERFLOW"):
            spark_engine.run(TWICE)
        leave_half_a_table(cast("SparkEngine", spark_engine), "sums")
        spark_engine.run(ONCE)
        actual = spark_engine.fetch("sums", ["acct"])
        assert actual["n"].tolist() == NUMBERS["n"].tolist()
        leave_half_a_table(cast("SparkEngine", spark_engine), "query_result")
        assert spark_engine.query("SELECT COUNT(*) AS n FROM sums")["n"].tolist() == [4]
    finally:
        spark_engine.drop("numbers")
        spark_engine.drop("sums")


@on_spark
def test_an_existing_table_is_not_deleted_as_leftovers(spark_engine: OpenEngine) -> None:
    spark_engine.load("numbers", NUMBERS)
    try:
        with pytest.raises(EngineError, match="numbers"):
            spark_engine.load("numbers", NUMBERS)
        assert spark_engine.fetch("numbers", ["acct"])["n"].tolist() == NUMBERS["n"].tolist()
    finally:
        spark_engine.drop("numbers")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@on_spark
def test_a_folder_that_executors_do_not_share_is_refused(
    spark_engine: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    spark = cast("SparkEngine", spark_engine)
    # this path is the same folder for this process and its Java process, another for executors
    monkeypatch.chdir(current_folder(spark))
    assert Path.cwd() != ROOT
    with pytest.raises(EngineError, match="not the same folder"):
        spark._check_shared(Path("/proc/self/cwd") / f"unshared-{uuid4().hex}")


def current_folder(spark: SparkEngine) -> Path:
    """The current folder of the Java process that this process started for Spark."""
    java: Any = spark._spark.sparkContext._jvm
    return Path(java.java.lang.System.getProperty("user.dir"))


def leave_half_a_table(spark: SparkEngine, name: str) -> None:
    """Leave the files of a task that was still writing when the job had failed."""
    attempt = spark._folder / name / "_temporary" / "0" / "_temporary" / "attempt_1"
    attempt.mkdir(parents=True, exist_ok=True)
    (attempt / "part-00001.parquet").write_bytes(b"PAR1")
