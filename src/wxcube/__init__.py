"""wxcube: own your WeChat Official Account statistics.

`Client` and `AsyncClient` ask WeChat's datacube API; `contract` says what it promises. The command
`wxcube` syncs, serves and emulates it. Names are loaded when first used, so that importing wxcube
costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wxcube.contract import ENDPOINTS as ENDPOINTS
    from wxcube.contract import Endpoint as Endpoint
    from wxcube.contract import Window as Window
    from wxcube.contract import named as named
    from wxcube.errors import Remedy as Remedy
    from wxcube.errors import WxcubeError as WxcubeError
    from wxcube.wechat.client import AsyncClient as AsyncClient
    from wxcube.wechat.client import Client as Client

__version__ = "0.1.0"

_HOME = {
    "ENDPOINTS": "wxcube.contract",
    "AsyncClient": "wxcube.wechat.client",
    "Client": "wxcube.wechat.client",
    "Endpoint": "wxcube.contract",
    "Remedy": "wxcube.errors",
    "Window": "wxcube.contract",
    "WxcubeError": "wxcube.errors",
    "named": "wxcube.contract",
}

__all__ = [  # noqa: PLE0604 - the names of _HOME
    "__version__",
    *_HOME,
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'wxcube' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
