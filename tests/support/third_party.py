"""An unmodified public SDK, wechatpy, with its base URLs changed and nothing else.

The base URLs of its datacube calls and its API calls can be set. The URL of its token call is
hard-coded; for that one, requests to WeChat's host are redirected to the other server, as an entry
in the hosts file would do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from wechatpy import WeChatClient  # type: ignore[import-untyped]  # it has no types

WECHAT = "https://api.weixin.qq.com"


class Rehost(HTTPAdapter):
    """Redirects requests for WeChat's host to another base URL."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        request.url = cast("str", request.url).replace(WECHAT, self._base_url)
        return super().send(request, *args, **kwargs)


@contextmanager
def third_party(url: str, appid: str, secret: str) -> Iterator[Any]:
    """The SDK's client for an account of another server."""
    client = WeChatClient(appid, secret)
    client.API_BASE_URL = f"{url}/cgi-bin/"
    client.datacube.API_BASE_URL = f"{url}/datacube/"
    client._http.trust_env = False  # ignore a proxy of the environment: the server is on loopback
    client._http.mount(WECHAT, Rehost(url))
    try:
        yield client
    finally:
        client._http.close()
