"""CPU time of a full build with and without the comparison of checksums.

    python bench/checksums.py --events 4 --repeat 3

The builds are those of `cube_build.py`; both kinds alternate, each in its own process. Without
checksums, files of events are not compared, and facts get 0 as theirs. On a busy machine builds
differ by more than checksums cost, so these are measured alone too: one for each file.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from cube_build import DAYS, FIRST, CountingSink, Folder, Generator, measured
from cube_build import _build as build

from wxcube.beijing import day_number
from wxcube.cube.incremental import fact_files
from wxcube.events.store.checksums import checksum, damage


class Checked(Folder):
    """Days whose files are compared with their checksums once, as those of the event store."""

    def __init__(self, folder: Path, days: range) -> None:
        super().__init__(folder, days)
        self._sums = {p: checksum(p) for p in folder.glob("*/g*/*.parquet")}

    def files(self, family: str, day: date, group: int) -> list[Path]:
        paths = super().files(family, day, group)
        for path in paths:
            if path in self._sums and damage(path, *self._sums.pop(path)):
                raise ValueError(f"{path} was changed")
        return paths


FIRST_DAY = day_number(FIRST)
BUILT = range(FIRST_DAY, FIRST_DAY + DAYS)
MEMORY = "1.5GiB"


def with_checksums(events: str, facts: str) -> dict[str, Any]:
    """A build that compares checksums."""
    return build(Checked(Path(events), BUILT), Path(facts), CountingSink(), MEMORY)


def without(events: str, facts: str) -> dict[str, Any]:
    """A build that compares none; those of events are computed before, as for the other."""
    fact_files.checksum = lambda _path: (0, 0)  # type: ignore[assignment]
    fact_files.fact_damage = lambda _path: ""  # type: ignore[assignment]
    Checked(Path(events), BUILT)
    return build(Folder(Path(events), BUILT), Path(facts), CountingSink(), MEMORY)


def alone(*folders: Path) -> str:
    """CPU time of one checksum for each file below some folders."""
    files = [path for folder in folders for path in folder.rglob("*.parquet")]
    start = time.process_time()
    size = sum(checksum(path)[0] for path in files)
    seconds = time.process_time() - start
    return f"{len(files)} files, {size / 1e6:.0f} MB: {seconds:.3f} s of CPU"


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="wxcube-bench-") as name:
        events = Path(name) / "events"
        generator = Generator(int(options.events * 1e6) // DAYS, options.accounts)
        Folder(events, BUILT).make(generator)
        cpu: dict[str, list[float]] = {}
        for _ in range(options.repeat):
            for measurement in (with_checksums, without):
                facts = Path(name) / "facts"
                result = measured(measurement, str(events), str(facts))
                cpu.setdefault(measurement.__name__, []).append(result["cpu"])
                if measurement is with_checksums:
                    print("checksums alone,", alone(Path(events), facts))
                shutil.rmtree(facts)
    for kind, seconds in cpu.items():
        print(kind, [round(one, 2) for one in seconds], "s of CPU")
    ratios = [a / b for a, b in zip(*cpu.values(), strict=True)]
    print(f"ratio: {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=float, default=4, help="millions of events")
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
