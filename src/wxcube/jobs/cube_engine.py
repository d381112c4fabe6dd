"""The engine of a build, from settings and options, with its memory limit and chunk size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wxcube.cube.engines.choice import OpenEngine, engine
from wxcube.cube.engines.clickhouse import IN_PROCESS, split_url
from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.jobs.cube_build import chunk_bytes, memory_bytes
from wxcube.settings import CubeSettings, EngineName, cube_password

ENGINE_TENTHS = 6
"""Tenths of the memory that an engine inside this process may use; the rest is for Python."""
SPARK_CHUNK_SHARE = 10
"""A chunk's event files are at most this fraction of the memory if the engine runs elsewhere."""
SPARK_PARTITION_BYTES = 32 << 20
"""The size of a chunk's event files per partition of Spark.

For every chunk, Spark spends about a minute on starting jobs, and a core computes about 0.4 MiB of
event files per second. With two or three partitions per core, a chunk takes three more minutes.
"""
OWN_OPTIONS = {"spark": ("master", "folder", "partitions"), "clickhouse": ("url",)}
"""The command-line options of each engine."""
TABLES = "spark"
"""The folder in the event store where Spark stores its tables by default."""

_SECRET = re.compile(r"(?!.*file$).*(secret|password|token|access[.]?key)", re.IGNORECASE)
"""Names that Spark treats as secrets (spark.redaction.regex), except names of files."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine that is not opened yet, and the size of its chunks."""

    name: EngineName
    chunk_bytes: int
    # may contain a password
    options: Mapping[str, Any] = field(repr=False)

    def open(self) -> OpenEngine:
        """Open the engine; it must be closed.

        Raises:  SettingsError if its packages are not installed; EngineError if it does not start.
        """
        return engine(self.name, **self.options)


def check_options(name: EngineName, option_values: Mapping[str, object]) -> None:
    """Refuse command-line options of another engine.

    Raises:  SettingsError with the option and its engine.
    """
    for other, options in OWN_OPTIONS.items():
        foreign = [option for option in options if option_values.get(option) is not None]
        if foreign and other != name:
            raise SettingsError(
                _(
                    "--{option} is an option of the engine {other}, not of {name}",
                    option=foreign[0],
                    other=other,
                    name=name,
                ),
                hint=_("leave it out, or choose --engine {other}", other=other),
            )


def choose(
    cube: CubeSettings,
    events_folder: Path,
    *,
    machine_memory: str = "",
    environment: Mapping[str, str] | None = None,
) -> EngineChoice:
    """The engine of the settings, for events in a folder.

    `machine_memory` is the memory limit of this process if the section [cube] has none.

    Raises:  SettingsError if an address is missing, or a secret is where others can see it.
    """
    memory = memory_bytes(cube.memory_limit or machine_memory)
    if cube.engine == "spark":
        return _spark(cube, events_folder, memory)
    if cube.engine == "clickhouse":
        return _clickhouse(cube, memory, environment)
    limit = f"{_engine_share(memory) // 2**20}MiB"
    return EngineChoice("duckdb", chunk_bytes(memory), {"memory_limit": limit})


def _spark(cube: CubeSettings, events_folder: Path, memory: int) -> EngineChoice:
    if not cube.master:
        raise SettingsError(
            _("the engine spark needs a master"),
            hint=_(
                "use --master with spark://host:7077, yarn, k8s://… or local[2], or set master in "
                "the section [cube]"
            ),
        )
    secret = next((name for name in cube.spark if _SECRET.match(name)), None)
    if secret:
        raise SettingsError(
            _(
                "{name} is a secret and would be visible in the arguments of Spark's process",
                name=secret,
            ),
            hint=_("put it into spark-defaults.conf, in the folder that SPARK_CONF_DIR points to"),
        )
    folder = Path(cube.folder).expanduser() if cube.folder else events_folder / TABLES
    options = {
        "master": cube.master,
        "folder": folder,
        "partitions": cube.partitions,
        "settings": {name: _spark_value(value) for name, value in cube.spark.items()},
    }
    return EngineChoice("spark", spark_chunk_bytes(cube.partitions, memory), options)


def _spark_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clickhouse(
    cube: CubeSettings, memory: int, environment: Mapping[str, str] | None
) -> EngineChoice:
    if not cube.url:
        raise SettingsError(
            _("the engine clickhouse needs the URL of a server"),
            hint=_(
                "use --url https://user@host:8443, or --url chdb: for one inside this process, or "
                "set url in the section [cube]"
            ),
        )
    options: dict[str, Any] = {"url": cube.url}
    if cube.url == IN_PROCESS:
        options["memory_limit"] = _engine_share(memory)
        return EngineChoice("clickhouse", chunk_bytes(memory), options)
    if split_url(cube.url).password:
        raise SettingsError(
            _("the URL of ClickHouse contains a password, which others can see"),
            hint=_(
                "leave it out of the URL; put it into the environment variable "
                "WXCUBE_CUBE_PASSWORD, or into a file set as password_file in the section [cube]"
            ),
        )
    options["password"] = cube_password(cube, environment).reveal() or None
    if cube.memory_limit:
        options["memory_limit"] = memory
    return EngineChoice("clickhouse", chunk_bytes(memory), options)


def _engine_share(memory: int) -> int:
    return memory * ENGINE_TENTHS // 10


def spark_chunk_bytes(partitions: int, memory: int) -> int:
    """The size of the event files that Spark computes together; the memory is of this process."""
    return min(partitions * SPARK_PARTITION_BYTES, memory // SPARK_CHUNK_SHARE)
