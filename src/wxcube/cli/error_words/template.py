"""A text with placeholders in English, and the same in Chinese."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property

WHOLE = frozenset({"known"})
"""What stands here must be a text that has Chinese itself."""
FREE = frozenset({"why", "asked", "rest"})
"""What stands here may be any text; it is turned where it has Chinese itself."""
NUMBERS = frozenset({"number", "other", "most"})
ENDPOINTS = frozenset({"endpoint"})
WORDS = frozenset({"member", "word", "day", "code", "last"})
"""One word each, without white space."""
LISTS = frozenset({"names"})
"""Words with commas between them, which become those of Chinese."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_SPACED = re.compile(r"( ?)\{([a-z_]+)\}( ?)")
_CHINESE = re.compile("[\u3000-\u9fff\uff00-\uffef]")


class Template:
    """An English text to compare with, and its Chinese; taken apart when first compared."""

    def __init__(self, english: str, chinese: str) -> None:
        self.english = english
        self.chinese = chinese

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The placeholders in the order of the English text."""
        return tuple(_PLACEHOLDER.findall(self.english))

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """What stands before, between and behind the placeholders."""
        return tuple(_PLACEHOLDER.split(self.english)[::2])

    @cached_property
    def weight(self) -> int:
        """How many characters of a text that fits are known."""
        return sum(map(len, self.literals))

    def fit(self, text: str) -> dict[str, str] | None:
        """What stands in the placeholders, each as short as it can be; None if it does not fit.

        Cost:    one look at the text.
        """
        first, *between = self.literals
        if not between:
            return {} if text == first else None
        end = between.pop()
        if not (text.startswith(first) and text.endswith(end)):
            return None
        values, place, stop = [], len(first), len(text) - len(end)
        for literal in between:
            found = text.find(literal, place + 1, stop)
            if found < 0:
                return None
            values.append(text[place:found])
            place = found + len(literal)
        values.append(text[place:stop])
        told = dict(zip(self.names, values, strict=True))
        return told if place < stop and all(map(_may_stand, told, values)) else None

    def filled(self, values: Mapping[str, str]) -> str:
        """The Chinese text with these values; beside Chinese ones no space is left."""

        def value(found: re.Match[str]) -> str:
            text = values[found[2]]
            text = text.replace(", ", "、") if found[2] in LISTS else text
            before = "" if _CHINESE.match(text) else found[1]
            return before + text + ("" if _CHINESE.match(text[-1:]) else found[3])

        return _SPACED.sub(value, self.chinese)


def _may_stand(name: str, value: str) -> bool:
    """Whether a value is of the kind its placeholder wants."""
    return _KINDS.get(name, _is_plain)(value)


def _is_number(value: str) -> bool:
    return value.replace(".", "", 1).isdecimal()


def _is_word(value: str) -> bool:
    return len(value.split()) == 1


def _is_endpoint(value: str) -> bool:
    return value.startswith("get") and _is_word(value)


def _are_words(value: str) -> bool:
    return all(map(_is_word, value.split(", ")))


def _is_plain(value: str) -> bool:
    return bool(value) and "\n" not in value and "; " not in value


_KINDS: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(WHOLE | FREE, bool),
    **dict.fromkeys(NUMBERS, _is_number),
    **dict.fromkeys(ENDPOINTS, _is_endpoint),
    **dict.fromkeys(WORDS, _is_word),
    **dict.fromkeys(LISTS, _are_words),
}
