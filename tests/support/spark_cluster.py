"""A Spark cluster of one master and two workers, each in its own process, on loopback only."""

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
"""The markers of every test on the cluster: they run in one process, sequentially."""
WORKERS = 2
LOOPBACK = "127.0.0.1"
_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Only Java's fast compiler: in a run of a minute, the optimizing one costs more than it saves."""
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
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "300s",
}
"""The settings of a driver on this machine that give it one core of each worker."""

_START_SECONDS = 300
_ENVIRONMENT = {
    "SPARK_LOCAL_IP": LOOPBACK,
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_DAEMON_JAVA_OPTS": _QUICK,
    "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
}


def missing() -> str:
    """The reason why a cluster cannot run here, with a hint; empty if it can."""
    if find_spec("pyspark") is None:
        return "Spark is not installed: pip install --group engines"
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        return "Spark needs Java 17 or newer: apt-get install openjdk-17-jre-headless"
    return ""


def on_spark(test: _Test) -> _Test:
    """Add the markers of tests on the cluster."""
    for mark in ON_SPARK:
        test = mark(test)
    return test


class SparkCluster:
    """A master and workers; a driver connects to `url`. Only its own processes are ended."""

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
        """The workers that have run an executor."""
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
        spec = find_spec("pyspark")
        assert spec is not None
        assert spec.origin is not None
        home = Path(spec.origin).parent
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
            match = re.search(pattern, log.read_text("utf-8", "replace"))
            if match:
                return match[1]
            time.sleep(0.1)
        raise TimeoutError(f"Spark did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")


class SparkApplications:
    """The application that tests share; it is closed when a test needs the cluster's cores."""

    def __init__(self, url: str, folder: Path) -> None:
        self._folder = folder
        self._options = {"master": url, "folder": folder, "partitions": WORKERS}
        self._shared: OpenEngine | None = None

    def shared(self) -> OpenEngine:
        """The shared engine, which is started if it is not running."""
        if self._shared is None:
            # Java keeps the current folder in which it was started until this process ends
            with chdir(self._folder):
                self._shared = engine("spark", **self._options, settings=SETTINGS)
        return self._shared

    def close(self) -> None:
        """End the shared application."""
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
