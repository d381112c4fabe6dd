"""A Spark cluster of one master and two workers, each a process of its own, on loopback only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, chdir
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import pytest

from wxcube.cube.engines.choice import OpenEngine, engine

_Test = TypeVar("_Test", bound=Callable[..., None])

ON_SPARK = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("spark")]
"""Marks of every test on the cluster: they run in one process, one after the other."""
WORKERS = 2
LOOPBACK = "127.0.0.1"
_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Java's quick compiler only: a run of a minute never gets back what the other one costs."""
SETTINGS = {
    "spark.driver.host": LOOPBACK,
    "spark.driver.bindAddress": LOOPBACK,
    "spark.driver.memory": "768m",
    "spark.executor.memory": "512m",
    "spark.executor.cores": "1",
    "spark.driver.extraJavaOptions": _QUICK,
    "spark.executor.extraJavaOptions": _QUICK,
    "spark.cores.max": str(WORKERS),
    "spark.scheduler.minRegisteredResourcesRatio": "1",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "60s",
}
"""What a driver on this machine sets, so that it gets one core of each worker."""

_START_SECONDS = 60
_ENVIRONMENT = {
    "SPARK_LOCAL_IP": LOOPBACK,
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_DAEMON_JAVA_OPTS": _QUICK,
    "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
}


def missing() -> str:
    """Why there can be no cluster here and what to do about it; "" if there can."""
    if find_spec("pyspark") is None:
        return "Spark is not installed: pip install --group engines"
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        return "Spark needs Java 17 or newer: apt-get install openjdk-17-jre-headless"
    return ""


def on_spark(test: _Test) -> _Test:
    """Mark a test as one on the cluster."""
    for mark in ON_SPARK:
        test = mark(test)
    return test


class SparkCluster:
    """Master and workers; `url` is what a driver connects to. Ends its own processes only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.url = ""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def busy_workers(self) -> list[str]:
        """Workers that have run an executor."""
        return [path.name for path in self._folder.glob("worker-*") if any(path.glob("app-*/*"))]

    def _start(self) -> None:
        log = self._daemon("master", "master.Master")
        self.url = self._wait(log, r"Starting Spark master at (spark://\S+)")
        names = [f"worker-{n}" for n in range(WORKERS)]
        logs = [self._daemon(name, "worker.Worker", *self._worker(name)) for name in names]
        for worker_log in logs:
            self._wait(worker_log, r"Successfully registered with master (\S+)")

    def _worker(self, name: str) -> list[str]:
        limits = ["--cores", "1", "--memory", "600m"]
        return [*limits, "--work-dir", str(self._folder / name), self.url]

    def _daemon(self, name: str, kind: str, *arguments: str) -> Path:
        found = find_spec("pyspark")
        assert found is not None
        assert found.origin is not None
        home = Path(found.origin).parent
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}"]
        place = ["--host", LOOPBACK, "--port", "0", "--webui-port", "0"]
        log = self._folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*command, *place, *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={**os.environ, **_ENVIRONMENT, "SPARK_HOME": str(home)},
            )
        self._stack.callback(_end, process)
        return log

    def _wait(self, log: Path, pattern: str) -> str:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            found = re.search(pattern, log.read_text("utf-8", "replace"))
            if found:
                return found[1]
            time.sleep(0.1)
        raise TimeoutError(f"Spark did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")


class SparkApplications:
    """The application that tests share on a cluster; closed while a test needs the cores itself."""

    def __init__(self, url: str, folder: Path) -> None:
        self._folder = folder
        self._options = {"master": url, "folder": folder, "partitions": WORKERS}
        self._shared: OpenEngine | None = None

    def shared(self) -> OpenEngine:
        """The shared engine, started where it does not run."""
        if self._shared is None:
            # Java keeps the current folder in which it is started, as long as this process lives
            with chdir(self._folder):
                self._shared = engine("spark", **self._options, settings=SETTINGS)
        return self._shared

    def close(self) -> None:
        """End it."""
        if self._shared is not None:
            self._shared.close()
            self._shared = None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
