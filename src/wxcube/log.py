"""Logging: one line per event, with secrets, tokens and openids redacted."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

import structlog

from wxcube.errors import SettingsError
from wxcube.i18n import Listing, _

HIDDEN = "***"
_SECRET_KEYS = re.compile(
    r"token|secret|openid|password|authorization|\buser\b|ticket", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"((?:access_token|refresh_token|secret|appsecret|openid|component_verify_ticket)"
    r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]*@")
_OPENID = re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])")

LEVELS = ("debug", "info", "warning", "error")


def redact(text: str) -> str:
    """The text without secrets, tokens, openids and the passwords of URLs."""
    text = _URL_PASSWORD.sub(rf"\g<1>:{HIDDEN}@", text)
    return _OPENID.sub(HIDDEN, _SECRET_VALUE.sub(rf"\g<1>{HIDDEN}", text))


def redact_entry(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> Any:
    """A log entry with secret values redacted, as a processor of structlog."""
    for name, value in entry.items():
        if name != "event" and _SECRET_KEYS.search(name):
            entry[name] = HIDDEN
        elif not isinstance(value, int | float | bool | None):
            entry[name] = redact(str(value))
    return entry


def configure(level: str = "warning", *, as_json: bool = False) -> None:
    """Log to standard error from a level on, as text or JSON lines.

    Raises:  SettingsError for an unknown level.
    """
    if level.lower() not in LEVELS:
        raise SettingsError(
            _("log_level {level!r} is unknown", level=level),
            hint=_("use one of {values}", values=Listing(LEVELS)),
        )
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            redact_entry,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # a progress bar temporarily replaces sys.stderr
        logger_factory=lambda *_: _Printer(sys.stderr),
    )
    logging.getLogger("wxcube").handlers = [_Forward()]


class _Printer(structlog.PrintLogger):
    """Prints entries; what cannot be printed, as to a closed pipe, ends nothing."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


class _Forward(logging.Handler):
    """Forwards records of Python's logging module; an exception is one line."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        fields = {"error": f"{type(error).__name__}: {error}"} if error else {}
        structlog.get_logger().log(record.levelno, record.getMessage(), **fields)
