"""Documents through an installed Chromium: HTML as PDF, or as one long picture."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from wxcube.errors import SettingsError
from wxcube.i18n import _

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
"""Programs that are looked for on the PATH."""
SECONDS = 120
"""The longest time that a document may take."""
PICTURE_WIDTH = 1080
_LARGEST = 16_384
"""The most pixels of a side of a picture that Chromium can paint."""
_TITLE = re.compile(r"<title>(\d+)</title>")


def find_browser(wanted: str = "") -> Path:
    """The browser that a setting names, or one that is installed.

    Raises:  SettingsError if there is none.
    """
    found = next(filter(None, map(shutil.which, (wanted,) if wanted else NAMES)), None)
    if found:
        return Path(found)
    if wanted:
        message = _("the browser {name} of the settings does not exist", name=wanted)
    else:
        message = _("PDF files and pictures need Chromium or Chrome, which is not installed")
    raise SettingsError(
        message,
        hint=_(
            "install one, such as the Debian package chromium, or name it as `browser` in "
            "[report]; or use --format html, and print that file from your browser"
        ),
    )


def as_pdf(html: str, browser: Path) -> bytes:
    """An HTML document as PDF.

    Raises:  SettingsError if the browser fails.
    """
    with TemporaryDirectory(prefix="wxcube-", ignore_cleanup_errors=True) as folder:
        target = Path(folder) / "report.pdf"
        _run(browser, folder, html, f"--print-to-pdf={target}", "--no-pdf-header-footer")
        return _written(target, browser)


def as_picture(html: str, browser: Path) -> bytes:
    """An HTML document as one PNG picture.

    Raises:  SettingsError if the browser fails, or the document is too long for a picture.
    """
    with TemporaryDirectory(prefix="wxcube-", ignore_cleanup_errors=True) as folder:
        size = f"--window-size={PICTURE_WIDTH},800"
        measured = _TITLE.search(_run(browser, folder, _measuring(html), size, "--dump-dom"))
        height = int(measured[1]) if measured else 0
        if not 0 < height <= _LARGEST:
            raise SettingsError(
                _("the report is too long for one picture"),
                hint=_("name one account with --account, or use --format pdf"),
            )
        target = Path(folder) / "report.png"
        scale = 2 if 2 * height <= _LARGEST else 1
        size = f"--window-size={PICTURE_WIDTH},{height}"
        options = (size, f"--force-device-scale-factor={scale}", f"--screenshot={target}")
        _run(browser, folder, html, *options)
        return _written(target, browser)


def _measuring(html: str) -> str:
    """The document with a script, the only one that it lets run, that writes its height."""
    nonce = secrets.token_urlsafe()
    script = "document.title = document.documentElement.scrollHeight"
    allowed = html.replace(
        "default-src 'none'", f"default-src 'none'; script-src 'nonce-{nonce}'", 1
    )
    return f'{allowed}<script nonce="{nonce}">{script}</script>'


def _run(browser: Path, folder: str, html: str, *options: str) -> str:
    """Open a document in a browser with a profile of its own; its standard output."""
    page = Path(folder) / "report.html"
    page.write_text(html, encoding="utf-8")
    command = [str(browser), *_OPTIONS, *_sandbox(), f"--user-data-dir={folder}/profile"]
    try:
        done = subprocess.run(  # noqa: S603 - the program is that of the settings
            [*command, *options, page.as_uri()],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(browser, type(error).__name__) from None
    return done.stdout


_OPTIONS: Sequence[str] = (
    "--headless",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
)


def _sandbox() -> Sequence[str]:
    """Chromium refuses to start with its sandbox as root, as in a container."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return ("--no-sandbox",) if is_root else ()


def _written(target: Path, browser: Path) -> bytes:
    if not target.exists():
        raise _failed(browser, "no file")
    return target.read_bytes()


def _failed(browser: Path, reason: str) -> SettingsError:
    return SettingsError(
        _("the browser {name} made no document ({reason})", name=browser.name, reason=reason),
        hint=_("try whether it starts, or use --format html"),
    )
