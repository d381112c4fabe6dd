"""User-facing messages, and the catalogue of their translations.

A message is an English template and its values: `_("{path} is empty", path=path)`. It is a `str`,
in English, for logs, JSON and Python; `Language` translates it for the reader. `make messages`
extracts the templates from the source into `locale/zh/LC_MESSAGES/wxcube.po` and compiles that.
"""

from wxcube.i18n.message import (
    COLON,
    COMMA,
    NOTHING,
    SEMICOLON,
    HasMessage,
    Listing,
    Meaning,
    Message,
    _,
    joined,
    plural,
    verbatim,
)

__all__ = [
    "COLON",
    "COMMA",
    "NOTHING",
    "SEMICOLON",
    "HasMessage",
    "Listing",
    "Meaning",
    "Message",
    "_",
    "joined",
    "plural",
    "verbatim",
]
