"""Which engine a build runs on, from settings and options; its memory, and its chunks' size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wxcube.cube.engines.choice import OpenEngine, engine
from wxcube.cube.engines.clickhouse import IN_PROCESS, split_url
from wxcube.errors import SettingsError
from wxcube.jobs.cube_build import chunk_bytes, memory_bytes
from wxcube.settings import CubeSettings, EngineName, cube_password

ENGINE_TENTHS = 6
"""Tenths of the memory that an engine inside this process may use; Python takes the rest."""
SPARK_CHUNK_SHARE = 10
"""A chunk's event files are at most this part of the memory where only Python works here: it is
what `chunk_bytes` leaves to Python beside an engine."""
SPARK_PARTITION_BYTES = 32 << 20
"""Event files of a chunk for each of Spark's partitions.

A chunk costs Spark about a minute for starting jobs, however small it is, and a core computes some
0.4 MiB of event files a second: with two or three partitions for a core, computing such a chunk
takes three minutes beside that one.
"""
OWN_OPTIONS = {"spark": ("master", "folder", "partitions"), "clickhouse": ("url",)}
"""Options of the command line that are of one engine only."""
TABLES = "spark"
"""Folder below the event store's where Spark keeps its tables, unless another is named."""

_SECRET = re.compile(r"(?!.*file$).*(secret|password|token|access[.]?key)", re.IGNORECASE)
"""What Spark itself takes for a secret (spark.redaction.regex), but not the name of a file."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine not yet opened, and how many bytes of event files it computes at once."""

    name: EngineName
    chunk_bytes: int
    # not shown: a password may be among them
    options: Mapping[str, Any] = field(repr=False)

    def open(self) -> OpenEngine:
        """The engine, to be closed.

        Raises:  SettingsError without its packages; EngineError when it does not start.
        """
        return engine(self.name, **self.options)


def check_options(name: EngineName, given: Mapping[str, object]) -> None:
    """Refuse options of the command line that are another engine's.

    Raises:  SettingsError that names the option and its engine.
    """
    for other, options in OWN_OPTIONS.items():
        wrong = [option for option in options if given.get(option) is not None]
        if wrong and other != name:
            raise SettingsError(
                f"--{wrong[0]} is for the engine {other}, not for {name}",
                hint=f"leave it out, or choose --engine {other}",
            )


def choose(
    cube: CubeSettings,
    events_folder: Path,
    *,
    machine_memory: str = "",
    environment: Mapping[str, str] | None = None,
) -> EngineChoice:
    """The engine of the settings, for events in a folder.

    `machine_memory` is the limit for this process where the settings of the cube have none.

    Raises:  SettingsError if it lacks an address, or a secret stands where others see it.
    """
    memory = memory_bytes(cube.memory_limit or machine_memory)
    if cube.engine == "spark":
        return _spark(cube, events_folder, memory)
    if cube.engine == "clickhouse":
        return _clickhouse(cube, memory, environment)
    limit = f"{_engines_part(memory) // 2**20}MiB"
    return EngineChoice("duckdb", chunk_bytes(memory), {"memory_limit": limit})


def _spark(cube: CubeSettings, events_folder: Path, memory: int) -> EngineChoice:
    if not cube.master:
        raise SettingsError(
            "the engine spark needs a master",
            hint="give --master spark://host:7077, yarn, k8s://… or local[2], "
            "or master in the section [cube]",
        )
    wrong = next((name for name in cube.spark if _SECRET.match(name)), None)
    if wrong:
        raise SettingsError(
            f"{wrong} is a secret and would be seen among the arguments of Spark's process",
            hint="put it into spark-defaults.conf in a folder named by SPARK_CONF_DIR",
        )
    folder = Path(cube.folder).expanduser() if cube.folder else events_folder / TABLES
    options = {
        "master": cube.master,
        "folder": folder,
        "partitions": cube.partitions,
        "settings": {name: _spark_text(value) for name, value in cube.spark.items()},
    }
    return EngineChoice("spark", spark_chunk_bytes(cube.partitions, memory), options)


def _spark_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clickhouse(
    cube: CubeSettings, memory: int, environment: Mapping[str, str] | None
) -> EngineChoice:
    if not cube.url:
        raise SettingsError(
            "the engine clickhouse needs the URL of a server",
            hint="give --url https://user@host:8443, or chdb: for one inside this process, "
            "or url in the section [cube]",
        )
    options: dict[str, Any] = {"url": cube.url}
    if cube.url == IN_PROCESS:
        options["memory_limit"] = _engines_part(memory)
        return EngineChoice("clickhouse", chunk_bytes(memory), options)
    if split_url(cube.url).password:
        raise SettingsError(
            "the URL of ClickHouse has a password in it, where others can see it",
            hint="leave it out of the URL; put it into the environment variable "
            "WXCUBE_CUBE_PASSWORD, or name a file with password_file in the section [cube]",
        )
    options["password"] = cube_password(cube, environment).reveal() or None
    if cube.memory_limit:
        options["memory_limit"] = memory
    return EngineChoice("clickhouse", chunk_bytes(memory), options)


def _engines_part(memory: int) -> int:
    return memory * ENGINE_TENTHS // 10


def spark_chunk_bytes(partitions: int, memory: int) -> int:
    """How many bytes of event files Spark computes together, this process having so much memory."""
    return min(partitions * SPARK_PARTITION_BYTES, memory // SPARK_CHUNK_SHARE)
