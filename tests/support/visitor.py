"""A visitor of the pages, over HTTP: keeps cookies, sends forms as a browser does."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit


@dataclass
class Page:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


@dataclass
class Visitor:
    url: str
    language: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Page:
        return self._send("GET", path, None, headers)

    def post(self, path: str, /, origin: str | None = "", **fields: str) -> Page:
        """Send a form; its token is that of the page, unless `form_token` is given."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if origin is not None:
            headers["origin"] = origin or self.url
        if "form_token" not in fields:
            fields["form_token"] = self.form_token()
        return self._send("POST", path, urlencode(fields).encode(), headers)

    def form_token(self) -> str:
        token = re.search(r'name="form_token" value="(\w+)"', self.get("/accounts").text)
        return token[1] if token else ""

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Page:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        sent = {"accept-language": self.language} | headers
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, path, body, sent)
            reply = connection.getresponse()
            self._keep_cookies(reply.headers.get_all("set-cookie") or [])
            names = {name.lower(): value for name, value in reply.getheaders()}
            return Page(reply.status, names, reply.read())
        finally:
            connection.close()

    def _keep_cookies(self, lines: list[str]) -> None:
        for line in lines:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
