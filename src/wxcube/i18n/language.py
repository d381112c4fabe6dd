"""The reader's language."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from wxcube.i18n.message import Code, Listing, Meaning, Message


@dataclass(frozen=True, slots=True)
class Language:
    """Gives messages in the reader's language.

    >>> Language("zh")(Meaning("followers", "关注用户"))
    '关注用户'
    """

    code: Code = "en"

    @property
    def is_chinese(self) -> bool:
        """Whether the reader reads Chinese."""
        return self.code == "zh"

    def __call__(self, message: Message | Meaning | Listing) -> str:
        """The text in the reader's language."""
        return message.in_language(self.code)


def language(wanted: str = "", environment: Mapping[str, str] | None = None) -> Language:
    """The language asked for, else the one of the environment (LC_ALL, LC_MESSAGES, LANG)."""
    environment = os.environ if environment is None else environment
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = wanted or next((environment[n] for n in names if environment.get(n)), "")
    return Language("zh" if locale.lower().startswith("zh") else "en")
