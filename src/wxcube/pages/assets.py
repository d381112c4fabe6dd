"""Files that pages need; each has an address with a hash of its content."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass
class Asset:
    """A file in memory."""

    name: str
    content: bytes = field(repr=False)

    @cached_property
    def hash(self) -> str:
        """The first characters of the content's hash."""
        return hashlib.sha256(self.content).hexdigest()[:12]

    @cached_property
    def compressed(self) -> bytes:
        """The content compressed with gzip."""
        return gzip.compress(self.content, mtime=0)

    @property
    def address(self) -> str:
        """Where browsers find it."""
        return f"/static/{self.name}?h={self.hash}"


class Assets:
    """The files of some folders, by name."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._assets = {
            path.name: Asset(path.name, path.read_bytes())
            for folder in folders
            for path in sorted(folder.iterdir())
            if path.suffix in _TYPES
        }

    def address(self, name: str) -> str:
        """The address of a file."""
        return self._assets[name].address

    def respond(self, request: Request) -> Response:
        """The file that is requested; browsers keep it if the address has its hash."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return Response(status_code=404)
        is_current = request.query_params.get("h") == asset.hash
        headers = {
            "cache-control": "public, max-age=31536000, immutable" if is_current else "no-cache",
            "vary": "accept-encoding",
        }
        content = asset.content
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            content = asset.compressed
        return Response(content, headers=headers, media_type=_TYPES[Path(asset.name).suffix])
