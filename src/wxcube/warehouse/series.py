"""Series of days: the key of the ledger and the rows of an account and endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin

SERIES = ("appid", "origin", "endpoint", "params")
"""The columns of a series key."""
SeriesKey = Mapping[str, object]
"""Values of appid, origin, endpoint and params."""


def series(
    appid: str, origin: Origin, endpoint: Endpoint[Any], params: Mapping[str, object] | None
) -> dict[str, object]:
    """The key of a series."""
    return {
        "appid": appid,
        "origin": origin.value,
        "endpoint": endpoint.name,
        "params": params_text(endpoint, params or {}),
    }


def params_text(endpoint: Endpoint[Any], params: Mapping[str, object]) -> str:
    """Params of a call as text, with the defaults of the missing ones: `card_id=p1&cond_source=1`.

    Answers to different params are stored as different series.
    """
    if not (endpoint.params or params):
        return ""
    defaults = {p.name: p.default for p in endpoint.params if p.default is not None}
    return "&".join(f"{name}={value}" for name, value in sorted({**defaults, **params}.items()))


def params_of(text: str) -> dict[str, str]:
    """The params of a text that `params_text` made, all of them as text."""
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return {name: value for name, _equals, value in pairs}


def scope_values(endpoint: Endpoint[Any], key: SeriesKey) -> tuple[object, ...]:
    """The values of a series key that are columns of the endpoint's table."""
    names = ("appid", "origin", "params") if endpoint.params else ("appid", "origin")
    return tuple(key[name] for name in names)


def scope_of(
    appid: str,
    endpoint: Endpoint[Any],
    origin: Origin | None,
    params: Mapping[str, object] | None,
) -> dict[str, list[str]]:
    """The values that a reader's rows may have in the columns wxcube adds.

    Without params, the endpoint's default ones, or all where they have no default.
    """
    scope = {"appid": [appid], "origin": [o.value for o in ([origin] if origin else Origin)]}
    open_ended = any(p.required and p.default is None for p in endpoint.params)
    if endpoint.params and not (params is None and open_ended):
        scope["params"] = [params_text(endpoint, params or {})]
    return scope
