"""Compare every pinned package with the known vulnerabilities of osv.dev: `audit.py STAMP`.

Ends with 1 if a package has one. Where osv.dev cannot be reached it says loudly that nothing was
compared, and ends with 0: a check must also pass on a machine without a network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

PINS = Path(__file__).parents[1] / "constraints.txt"
DATA = "https://api.osv.dev/v1/vulns/PYSEC-2021-66"
"""An entry that is known to be there."""
SECONDS = 5
COMMAND = (
    *(sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv", "--disable-pip"),
    *("--require-hashes", "--progress-spinner", "off", "--format", "json", "--requirement"),
)


def main(stamp: Path) -> int:
    """Audit the pins; the exit code. A clean audit touches the file `stamp`."""
    try:
        with urlopen(DATA, timeout=SECONDS) as answer:
            answer.read()
    except (URLError, OSError) as error:
        return not_run(f"api.osv.dev cannot be reached ({error})")
    done = subprocess.run([*COMMAND, str(PINS)], capture_output=True, text=True, check=False)  # noqa: S603 - constants
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return not_run(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no answer")
    lines, is_clean = report(packages)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if is_clean:
        stamp.touch()
    return 0 if is_clean else 1


def report(packages: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """Lines about packages, and whether no vulnerability is known."""
    skipped = [one for one in packages if "skip_reason" in one]
    found = [(one, known) for one in packages for known in one.get("vulns", ())]
    lines = [f"NOT AUDITED: {one['name']}: {one['skip_reason']}" for one in skipped]
    for one, known in found:
        fixed = ", ".join(known["fix_versions"]) or "no release yet"
        lines.append(f"{one['name']} {one['version']}: {known['id']}, fixed in {fixed}")
    audited = len(packages) - len(skipped)
    return [*lines, f"{audited} packages audited, {len(found)} vulnerabilities"], not found


def not_run(reason: str) -> int:
    """Say that nothing was audited, and why."""
    line = "!" * 72
    sys.stderr.write(f"{line}\n! DEPENDENCIES NOT AUDITED: {reason}\n{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
