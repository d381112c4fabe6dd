"""wxcube: own your WeChat Official Account statistics.

`Client` and `AsyncClient` call WeChat's datacube API; `contract` describes it; `open` reads the
database for pandas, polars and Arrow. The command `wxcube` syncs, serves and emulates it. Names
are imported on first use, which keeps `import wxcube` fast.
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
    from wxcube.export.database import open as open  # noqa: A004 - used as wxcube.open
    from wxcube.export.dlt_source import dlt_source as dlt_source
    from wxcube.wechat.client import AsyncClient as AsyncClient
    from wxcube.wechat.client import Client as Client

__version__ = "0.1.0"

_MODULES = {
    "ENDPOINTS": "wxcube.contract",
    "AsyncClient": "wxcube.wechat.client",
    "Client": "wxcube.wechat.client",
    "Endpoint": "wxcube.contract",
    "Remedy": "wxcube.errors",
    "Window": "wxcube.contract",
    "WxcubeError": "wxcube.errors",
    "dlt_source": "wxcube.export.dlt_source",
    "named": "wxcube.contract",
    "open": "wxcube.export.database",
}

__all__ = [  # noqa: PLE0604 - the names of _MODULES
    "__version__",
    *_MODULES,
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'wxcube' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
