"""A series of days: what the ledger and the rows of one account and endpoint are found by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin

Keys = Mapping[str, object]
"""appid, origin, endpoint and params, by these names."""


def series(
    appid: str, origin: Origin, endpoint: Endpoint[Any], params: Mapping[str, object] | None
) -> dict[str, object]:
    """What the ledger knows a series of days by: account, origin, endpoint and params."""
    return {
        "appid": appid,
        "origin": origin.value,
        "endpoint": endpoint.name,
        "params": params_text(endpoint, params or {}),
    }


def params_text(endpoint: Endpoint[Any], given: Mapping[str, object]) -> str:
    """Params as text, the defaults filled in: `card_id=p1&cond_source=1`.

    Different params are asked and kept side by side, so each has days of its own.
    """
    defaults = {p.name: p.default for p in endpoint.params if p.default is not None}
    return "&".join(f"{name}={value}" for name, value in sorted({**defaults, **given}.items()))


def scope_of(
    appid: str,
    endpoint: Endpoint[Any],
    origin: Origin | None,
    params: Mapping[str, object] | None,
) -> dict[str, list[str]]:
    """The values a reader's rows may have in the columns wxcube adds.

    Without params, the endpoint's default ones, or all where they have no default.
    """
    scope = {"appid": [appid], "origin": [o.value for o in ([origin] if origin else Origin)]}
    open_ended = any(p.required and p.default is None for p in endpoint.params)
    if endpoint.params and not (params is None and open_ended):
        scope["params"] = [params_text(endpoint, params or {})]
    return scope
