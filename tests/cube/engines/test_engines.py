"""Engines by name: wrong options, missing packages, and lazy imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wxcube.cube.engines import dialect
from wxcube.cube.engines.choice import ENGINES, engine
from wxcube.errors import SettingsError

HEAVY = ("duckdb", "pyspark", "pyarrow", "chdb", "clickhouse_connect", "sqlglot")


def test_an_engine_is_created_by_name() -> None:
    with engine("duckdb", threads=1, memory_limit="100MB") as duckdb:
        duckdb.load("numbers", {"acct": np.arange(3, dtype="i4")})
        assert duckdb.fetch("numbers", ["acct"])["acct"].tolist() == [0, 1, 2]


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=", ".join(ENGINES)):
        engine("postgres")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("duckdb", {"master": "local"}, "no option master; its options are threads"),
        ("spark", {"folder": "."}, "needs the option master"),
        ("clickhouse", {}, "needs the option url"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        engine(name, **options)


@pytest.mark.parametrize("package", ["pyspark.sql", "pyarrow"])
def test_without_its_packages_the_error_of_spark_names_the_extra(
    package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError, match=r"wxcube\[spark\]"):
        engine("spark", master="local[1]", folder=tmp_path)


def test_without_sqlglot_the_error_names_both_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    dialect.translated.cache_clear()
    with pytest.raises(SettingsError, match=r"wxcube\[spark\].*wxcube\[clickhouse\]"):
        dialect.translated("SELECT 1 AS n", dialect.Dialect.SPARK)


def test_without_java_the_error_says_so(tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="Spark is not installed: pip install --group engines")
    output = _python(
        f"engine('spark', master='local[1]', folder={str(tmp_path)!r})",
        JAVA_HOME=str(tmp_path / "no-java"),
    )
    assert "EngineError" in output
    assert "Java 17" in output
    assert list(tmp_path.iterdir()) == []


def test_no_large_package_is_imported_before_an_engine_is_created() -> None:
    output = _python(f"import sys; print([n for n in {HEAVY} if n in sys.modules])")
    assert output.strip() == "[]"


def _python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"from wxcube.cube.engines.choice import engine; {code}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    return done.stdout + done.stderr.strip().rpartition("\n")[2]
