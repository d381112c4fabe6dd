"""The evidence in tests/evidence, read once."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent.parent / "evidence"


@cache
def facts() -> dict[str, Any]:
    """Endpoints, enums and rules of the fact sheet."""
    return _read("contract.json")


@cache
def errors() -> dict[str, Any]:
    """Errcodes of the fact sheet."""
    return _read("errors.json")


@cache
def seeds() -> dict[str, Any]:
    """Tables of the three pages the project began with."""
    return _read("seeds.json")


@cache
def webhook() -> dict[str, Any]:
    """Test vectors, kinds of messages and rules of callbacks."""
    return _read("webhook.json")


def documented(name: str) -> bytes:
    """The documented answer of an endpoint, as text on the wire."""
    return (HERE / "documented" / f"{name}.json").read_bytes()


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return found
