"""Logging: one line per thing that happened, with secrets, tokens and openids blacked out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from wxcube.errors import SettingsError

HIDDEN = "***"
_SECRET_NAMES = re.compile(
    r"token|secret|openid|password|authorization|\buser\b|ticket", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"((?:access_token|refresh_token|secret|appsecret|openid|component_verify_ticket)"
    r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+",
    re.IGNORECASE,
)
_OPENID = re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])")

LEVELS = ("debug", "info", "warning", "error")


def redact(text: str) -> str:
    """The text without secrets, tokens and openids."""
    return _OPENID.sub(HIDDEN, _SECRET_TEXT.sub(rf"\g<1>{HIDDEN}", text))


def redact_entry(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> Any:
    """A log entry whose secret values are blacked out, for structlog's chain."""
    for name, value in entry.items():
        if name != "event" and _SECRET_NAMES.search(name):
            entry[name] = HIDDEN
        elif not isinstance(value, int | float | bool | None):
            entry[name] = redact(str(value))
    return entry


def configure(level: str = "warning", *, as_json: bool = False) -> None:
    """Log to standard error from `level` on, for people or as JSON lines.

    Raises:  SettingsError for an unknown level.
    """
    if level.lower() not in LEVELS:
        raise SettingsError(
            f"log_level {level!r} is unknown", hint=f"use one of {', '.join(LEVELS)}"
        )
    last = (
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
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # a progress bar puts its own stream in the place of sys.stderr for a while
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    logging.getLogger("wxcube").handlers = [_Forward()]


class _Forward(logging.Handler):
    """Takes what is logged with Python's own module into the same lines; errors in one line."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        about = {"error": f"{type(error).__name__}: {error}"} if error else {}
        structlog.get_logger().log(record.levelno, record.getMessage(), **about)
