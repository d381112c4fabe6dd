"""The reader's language: Chinese or English, for everything a person sees."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Language:
    """Chooses between the Chinese and the English of a text."""

    chinese: bool = False

    @property
    def code(self) -> Literal["zh", "en"]:
        """The language's code."""
        return "zh" if self.chinese else "en"

    def __call__(self, zh: str, en: str) -> str:
        """The text in the reader's language."""
        return zh if self.chinese else en


def language(wanted: str = "", environment: Mapping[str, str] | None = None) -> Language:
    """The language asked for, else the one of the environment (LC_ALL, LC_MESSAGES, LANG)."""
    if wanted:
        return Language(wanted == "zh")
    environment = os.environ if environment is None else environment
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((environment[n] for n in names if environment.get(n)), "")
    return Language(locale.lower().startswith("zh"))
