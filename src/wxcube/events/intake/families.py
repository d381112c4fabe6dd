"""Accepted events as columns by family, in memory and as the bytes of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wxcube.events.columns import FAMILIES, Columns

ID_COLUMNS = {"id_high": "i8", "id_low": "i8"}
"""The keyed hash of an event's id, in two halves."""
STORED: dict[str, dict[str, str]] = {
    family: {**columns, **ID_COLUMNS} for family, columns in FAMILIES.items()
}
"""The stored columns of each family, with their numpy types."""

Chunk = dict[str, Columns]
"""Events by family; a family without events may be absent."""


def count(chunk: Chunk) -> int:
    """The number of events of a chunk."""
    return sum(len(columns["at"]) for columns in chunk.values())


def string_array(values: Sequence[str]) -> NDArray[Any]:
    """An array of Python strings."""
    array = np.empty(len(values), "O")
    array[:] = values
    return array


def encode(chunk: Chunk) -> bytes:
    """A chunk as bytes that name their own columns and types."""
    return msgspec.msgpack.encode(
        {
            family: {name: _packed(array) for name, array in columns.items()}
            for family, columns in chunk.items()
        }
    )


def decode(payload: bytes) -> Chunk:
    """The chunk of bytes that `encode` wrote."""
    families = _DECODER.decode(payload)
    return {
        family: {name: _unpacked(*packed) for name, packed in columns.items()}
        for family, columns in families.items()
    }


def concatenate(chunks: Sequence[Chunk]) -> Chunk:
    """The events of several chunks as one, in their order."""
    return {
        family: {
            name: np.concatenate([chunk[family][name] for chunk in chunks if family in chunk])
            for name in columns
        }
        for family, columns in STORED.items()
        if any(family in chunk for chunk in chunks)
    }


def pick(columns: Columns, rows: NDArray[Any] | slice) -> Columns:
    """Some rows of a family."""
    return {name: array[rows] for name, array in columns.items()}


_DECODER = msgspec.msgpack.Decoder(dict[str, dict[str, tuple[str, bytes]]])


def _packed(array: NDArray[Any]) -> tuple[str, bytes]:
    if array.dtype == object:
        return "O", msgspec.json.encode(array.tolist())
    return array.dtype.str, array.tobytes()


def _unpacked(dtype: str, packed: bytes) -> NDArray[Any]:
    if dtype == "O":
        return string_array(msgspec.json.decode(packed))
    return np.frombuffer(packed, dtype)
