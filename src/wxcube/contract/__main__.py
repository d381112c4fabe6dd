"""`python -m wxcube.contract json` prints the contract, `… openapi` the OpenAPI document."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from wxcube.contract import export, openapi

_FORMATS = {"json": export.as_json, "openapi": openapi.as_json}


def main(arguments: Sequence[str]) -> int:
    """Print the requested format; exit code 2 for wrong arguments."""
    if len(arguments) != 1 or arguments[0] not in _FORMATS:
        sys.stderr.write(f"usage: python -m wxcube.contract {'|'.join(_FORMATS)}\n")
        return 2
    sys.stdout.write(_FORMATS[arguments[0]]())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
