"""The font of pictures: one that has Chinese, so that no text becomes boxes."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wxcube.errors import SettingsError
from wxcube.i18n import _

NEEDED = "关注万"
"""Characters that a font must have."""
_FOLDERS = {
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": ("C:/Windows/Fonts",),
}
_OTHER_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
_LIKELY = ("noto", "wqy", "pingfang", "msyh", "source", "cjk", "simhei", "hiragino", "droid")
"""Parts of names of font files that are looked at first."""


@dataclass(frozen=True, slots=True)
class Font:
    """A font file, and the name of its family."""

    path: Path
    family: str


def chinese_font(files: tuple[Path, ...] = ()) -> Font:
    """A font that has Chinese: the first of `files`, or one of the system.

    Raises:  SettingsError if there is none.
    """
    found = _first_with_chinese(files) if files else _of_system()
    if found is None:
        raise SettingsError(
            _("there is no font with Chinese characters, so charts cannot be made as PNG"),
            hint=_(
                "install one, such as the Debian package fonts-wqy-microhei, or use SVG or the "
                "HTML report"
            ),
        )
    return found


@cache
def _of_system() -> Font | None:
    folders = [Path(f).expanduser() for f in _FOLDERS.get(sys.platform, _OTHER_FOLDERS)]
    files = sorted({file for folder in folders for file in _font_files(folder)}, key=_rank)
    return _first_with_chinese(files)


def _font_files(folder: Path) -> Iterator[Path]:
    for place, _folders, names in os.walk(folder):
        yield from (Path(place, n) for n in names if n.lower().endswith((".ttf", ".ttc", ".otf")))


def _rank(file: Path) -> tuple[bool, str]:
    return not any(part in file.name.lower() for part in _LIKELY), str(file)


def _first_with_chinese(files: Iterable[Path]) -> Font | None:
    for file in files:
        try:
            data = file.read_bytes()
            tables = _tables(data)
            if all(_has(data, tables["cmap"], ord(character)) for character in NEEDED):
                return Font(file, _family(data, tables["name"]))
        except (OSError, KeyError, struct.error, IndexError):
            continue  # not a font that can be read
    return None


def _tables(data: bytes) -> dict[str, int]:
    """Where the tables of the first font of a file begin."""
    start = struct.unpack_from(">I", data, 12)[0] if data[:4] == b"ttcf" else 0
    (count,) = struct.unpack_from(">H", data, start + 4)
    entries = (struct.unpack_from(">4sIII", data, start + 12 + 16 * n) for n in range(count))
    return {tag.decode("latin-1"): offset for tag, _sum, offset, _length in entries}


def _has(data: bytes, cmap: int, code: int) -> bool:
    (count,) = struct.unpack_from(">H", data, cmap + 2)
    for n in range(count):
        (offset,) = struct.unpack_from(">I", data, cmap + 4 + 8 * n + 4)
        start = cmap + offset
        (form,) = struct.unpack_from(">H", data, start)
        if form == 4 and _in_segments(data, start, code):  # noqa: PLR2004 - format 4 of cmap
            return True
        if form == 12 and _in_groups(data, start, code):  # noqa: PLR2004 - format 12 of cmap
            return True
    return False


def _in_segments(data: bytes, start: int, code: int) -> bool:
    (twice,) = struct.unpack_from(">H", data, start + 6)
    count = twice // 2
    ends = struct.unpack_from(f">{count}H", data, start + 14)
    starts = struct.unpack_from(f">{count}H", data, start + 16 + twice)
    return any(first <= code <= last for first, last in zip(starts, ends, strict=True))


def _in_groups(data: bytes, start: int, code: int) -> bool:
    (count,) = struct.unpack_from(">I", data, start + 12)
    groups = struct.iter_unpack(">III", data[start + 16 : start + 16 + 12 * count])
    return any(first <= code <= last for first, last, _glyph in groups)


def _family(data: bytes, name: int) -> str:
    _form, count, texts = struct.unpack_from(">HHH", data, name)
    records = [struct.unpack_from(">6H", data, name + 6 + 12 * n) for n in range(count)]
    platform_windows, family = 3, 1
    for platform, _encoding, language, kind, length, offset in records:
        if (platform, kind) == (platform_windows, family) and language == 0x409:  # noqa: PLR2004
            start = name + texts + offset
            return data[start : start + length].decode("utf-16-be")
    raise KeyError(family)
