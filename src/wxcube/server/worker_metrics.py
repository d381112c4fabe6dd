"""Metrics of a server with several workers: each stores its counts, and any of them adds them up.

The counts of a worker outlive it: one that is started in its place goes on from them, so that no
counter goes back.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from wxcube.server.metrics import Counts, Metrics

STORE_SECONDS = 1.0
"""How old the counts of other workers are at most."""


def counts_before(folder: Path, number: int) -> Counts | None:
    """What an earlier worker of a number had counted."""
    return _read(folder / str(number))


class WorkerMetrics:
    """The metrics of one of several workers, stored every second inside its `with` block.

    `folder` is one that only the workers of this server use.
    """

    def __init__(self, folder: Path, number: int, metrics: Metrics) -> None:
        self._folder = folder
        self._number = number
        self._metrics = metrics
        self._storing = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wxcube-metrics", daemon=True)

    def __enter__(self) -> Self:
        self.store()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self.store()

    def store(self) -> None:
        """Store what was counted so far."""
        draft = self._folder / f"{self._number}.new"
        # the folder is gone when the server ends
        with self._storing, suppress(FileNotFoundError):
            draft.write_bytes(msgspec.json.encode(self._metrics.counts()))
            draft.replace(self._folder / str(self._number))

    def text(self) -> str:
        """The metrics of all workers."""
        self.store()
        counts = {file.name: _read(file) for file in self._folder.iterdir() if not file.suffix}
        return self._metrics.text({name: one for name, one in counts.items() if one})

    def _run(self) -> None:
        while not self._stopped.wait(STORE_SECONDS):
            self.store()


def _read(file: Path) -> Counts | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Counts)
    except (OSError, msgspec.DecodeError):
        return None
