"""Files that only their user can read, as files with secrets must be."""

from __future__ import annotations

from pathlib import Path


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file with the mode 0600."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
