"""A TCP proxy that cuts the connection of a client at its COMMIT, on threads of its own."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self

_COMMIT = re.compile(rb"COMMIT(?!TED)")


class Cut(Enum):
    """Where a connection is cut."""

    BEFORE = "before"
    """The server never sees the COMMIT."""
    AFTER = "after"
    """The server commits, and its answer is lost."""


class CuttingProxy:
    """Forwards to a port of this machine, and cuts connections when it is told to."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._choose: Callable[[int], Cut | None] = lambda _commit: None
        self.commits = 0
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._listener.close()

    @contextmanager
    def cutting(self, choose: Callable[[int], Cut | None]) -> Iterator[None]:
        """Cut the COMMITs that are chosen by their number, from 1 on."""
        with self._lock:
            self.commits = self.cuts = 0
            self._choose = choose
        try:
            yield
        finally:
            self._choose = lambda _commit: None

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                pair = _Pair(client, server, self._cut)
                for work in (pair.forward_client, pair.forward_server):
                    threading.Thread(target=work, daemon=True).start()

    def _cut(self) -> Cut | None:
        with self._lock:
            self.commits += 1
            cut = self._choose(self.commits)
            self.cuts += cut is not None
            return cut


@dataclass
class _Pair:
    """Both ends of a connection."""

    client: socket.socket
    server: socket.socket
    cut: Callable[[], Cut | None]
    is_cut: bool = False
    answered: threading.Event = field(default_factory=threading.Event)

    def forward_client(self) -> None:
        with self._ended():
            while data := self.client.recv(1 << 16):
                cut = self.cut() if _COMMIT.search(data) else None
                if cut is Cut.BEFORE:
                    return
                if cut is Cut.AFTER:
                    # the client learns of it before the server has committed
                    self.is_cut = True
                    _shut_down(self.client)
                    self.server.sendall(data)
                    self.answered.wait(30)
                    return
                self.server.sendall(data)

    def forward_server(self) -> None:
        with self._ended():
            while data := self.server.recv(1 << 16):
                if self.is_cut:
                    self.answered.set()
                else:
                    self.client.sendall(data)

    @contextmanager
    def _ended(self) -> Iterator[None]:
        """End both connections afterwards, also for the other thread."""
        with suppress(OSError):
            yield
        for end in (self.client, self.server):
            _shut_down(end)
            end.close()


def _shut_down(end: socket.socket) -> None:
    # without it, a thread that waits for the other side would keep the connection open
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
