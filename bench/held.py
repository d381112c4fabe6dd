"""`wxcube serve` while another process holds its database so that nobody can read or write.

python bench/held.py demo/wxcube.db
python bench/held.py demo/wxcube.db --seconds 10

Four callers ask all the time: for a kept answer, for a stable token, for a new token, and for days
that are not kept. The times are in seconds.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.client import HTTPConnection
from pathlib import Path

import msgspec
from strangers import SECRET, Target, served

CALLERS = ("kept", "stable token", "new token", "not kept")


@dataclass
class Caller:
    """What a caller asked, and what came of it."""

    target: Target
    name: str
    seconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Ask until it is over."""
        with closing(HTTPConnection("127.0.0.1", self.target.port, timeout=60)) as connection:
            while not is_over():
                started = time.monotonic()
                connection.request(*self.request())
                content = msgspec.json.decode(connection.getresponse().read())
                self.seconds.append(time.monotonic() - started)
                self.outcomes[str(content.get("errcode", "answered"))] += 1
                time.sleep(0.02)

    def request(self) -> tuple[str, str, bytes]:
        """The next request."""
        target, words = self.target, f"appid={self.target.appid}&secret={SECRET}"
        if self.name == "new token":
            return "GET", f"/cgi-bin/token?grant_type=client_credential&{words}", b""
        if self.name == "stable token":
            members = {"grant_type": "client_credential", "appid": target.appid, "secret": SECRET}
            return "POST", "/cgi-bin/stable_token", msgspec.json.encode(members)
        path = f"/datacube/getusersummary?access_token={target.token}"
        if self.name == "kept":
            return "POST", path, target.body
        last = date.fromisoformat(msgspec.json.decode(target.body)["end_date"])
        day = str(last - timedelta(days=10 + len(self.seconds) % 50))
        return "POST", path, msgspec.json.encode({"begin_date": day, "end_date": day})


def main() -> None:
    """Hold the database, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.db"
        shutil.copyfile(options.database, plain)
        inside = Path(folder) / "served"
        inside.mkdir(mode=0o700)
        # in WAL mode a writer holds up no reader: only another mode lets one hold everything
        with served(str(plain), inside, is_wal=False) as target:
            callers = [Caller(target, name) for name in CALLERS]
            for caller in callers[:2]:
                caller.run(lambda caller=caller: len(caller.seconds) > 3)  # type: ignore[misc]
                caller.seconds.clear()
                caller.outcomes.clear()
            end = time.monotonic() + options.seconds
            with closing(sqlite3.connect(inside / "wxcube.db", isolation_level=None)) as holder:
                holder.execute("PRAGMA busy_timeout=5000")
                holder.execute("BEGIN EXCLUSIVE")
                threads = [
                    threading.Thread(target=one.run, args=[lambda: time.monotonic() > end])
                    for one in callers
                ]
                for thread in threads:
                    thread.start()
                time.sleep(options.seconds)
                holder.execute("ROLLBACK")
            for thread in threads:
                thread.join()
    print(f"{'':14}{'asked':>7}{'median':>9}{'longest':>9}  outcomes")
    for one in callers:
        print(
            f"{one.name:14}{len(one.seconds):7}{statistics.median(one.seconds):9.3f}"
            f"{max(one.seconds):9.3f}  {dict(one.outcomes)}"
        )


if __name__ == "__main__":
    main()
