"""`wxcube serve` as a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.command_line import Site
from support.polling import eventually

MOMENT = "2026-03-10T09:00"


@contextmanager
def serving(site: Site, log: Path) -> Iterator[str]:
    """Run `wxcube serve` until the end of the block, at the address given."""
    words = site.launch(MOMENT, "--log-level", "debug", "serve", "--port", "0")
    with log.open("wb") as file:
        process = subprocess.Popen(words, cwd=site.folder, stdout=file, stderr=file)
        try:
            eventually(lambda: "Ctrl-C" in log.read_text("utf-8") or process.poll() is not None)
            url = re.search(r"http://[0-9.:]+", log.read_text("utf-8"))
            assert url, log.read_text("utf-8")
            yield url[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)
        assert process.returncode == 0
