"""The days that the warehouse should have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window

Params = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class WantedDays:
    """Days of one account that the warehouse should have."""

    appid: str
    window: Window
    endpoints: Sequence[Endpoint[Any]] = ENDPOINTS
    params: Mapping[str, Params] = field(default_factory=dict)
    """Parameters of the calls besides the dates, by endpoint name."""
