"""`python -m wxcube.contract json` prints the contract, `… openapi` the protocol."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from wxcube.contract import export, openapi

_FORMS = {"json": export.as_json, "openapi": openapi.as_json}


def main(words: Sequence[str]) -> int:
    """Print the form asked for; 0 when it did, 2 when it knows no such form."""
    if len(words) != 1 or words[0] not in _FORMS:
        sys.stderr.write(f"usage: python -m wxcube.contract {'|'.join(_FORMS)}\n")
        return 2
    sys.stdout.write(_FORMS[words[0]]())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
