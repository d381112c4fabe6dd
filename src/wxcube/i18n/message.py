"""User-facing messages: a template with named placeholders, and their values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, Protocol, Self, TypeAlias, runtime_checkable

Code: TypeAlias = Literal["en", "zh"]
"""The languages of the catalogue, by their ISO 639 codes."""
ENGLISH: Final = "en"
NUMBER: Final = "n"
"""The name of the value that selects singular or plural."""


class Message(str):
    """A user-facing text. As a `str` it is English; `in_language` returns it in any language.

    >>> message = Message("{n} call", {"n": 2}, "{n} calls")
    >>> message
    '2 calls'
    >>> message.template, message.values
    ('{n} call', {'n': 2})
    """

    __slots__ = ("plural", "template", "values")

    template: str
    values: Mapping[str, Any]
    plural: str

    def __new__(
        cls, template: str, values: Mapping[str, Any] | None = None, plural: str = ""
    ) -> Self:
        """The message; `values` must have a value for every placeholder of the template."""
        values = values or {}
        pattern = plural if plural and values[NUMBER] != 1 else template
        self = super().__new__(cls, filled(pattern, values, ENGLISH))
        self.template, self.values, self.plural = template, values, plural
        return self

    def in_language(self, code: Code) -> str:
        """The text in a language; English where the catalogue has no translation."""
        if code == ENGLISH:
            return str(self)
        from wxcube.i18n.catalogue import translated

        pattern = translated(self.template, self.plural, self.values.get(NUMBER, 1), code)
        return filled(pattern, self.values, code)

    def __reduce__(self) -> tuple[Any, ...]:
        return Message, (self.template, self.values, self.plural)


@runtime_checkable
class HasMessage(Protocol):
    """A value with a message of its own, such as an error."""

    def as_message(self) -> Message:
        """The message."""
        ...


class Listing(tuple[object, ...]):
    """Values with the commas of the reader's language between them.

    >>> f"{Listing(['a', 'b'])}"
    'a, b'
    """

    __slots__ = ()

    def __str__(self) -> str:
        return self.in_language(ENGLISH)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def in_language(self, code: Code) -> str:
        """The values in a language."""
        return (", " if code == ENGLISH else "、").join(map(str, _shown_all(self, code)))


class Bilingual(Protocol):
    """Data with a text in both languages, such as a column or code of the contract."""

    @property
    def zh(self) -> str:
        """The Chinese text."""
        ...

    @property
    def en(self) -> str:
        """The English text."""
        ...


class Meaning(str):
    """The text of data in both languages. As a `str` it is English.

    >>> Meaning("followers", "关注用户").in_language("zh")
    '关注用户'
    """

    __slots__ = ("zh",)

    zh: str

    def __new__(cls, en: str, zh: str) -> Self:
        """The text in English and in Chinese."""
        self = super().__new__(cls, en)
        self.zh = zh
        return self

    @classmethod
    def of(cls, data: Bilingual) -> Meaning:
        """The text of an entry of the contract."""
        return cls(data.en, data.zh)

    def in_language(self, code: Code) -> str:
        """The text in a language."""
        return str(self) if code == ENGLISH else self.zh

    def __reduce__(self) -> tuple[Any, ...]:
        return Meaning, (str(self), self.zh)


def _(template: str, /, **values: Any) -> Message:
    """A message: the English template, and the values of its placeholders.

    >>> _("{path} is empty", path="wxcube.db")
    'wxcube.db is empty'
    """
    return Message(template, values)


def plural(one: str, many: str, /, **values: Any) -> Message:
    """A message that depends on the number `n`.

    >>> plural("{n} day", "{n} days", n=1)
    '1 day'
    """
    return Message(one, values, many)


def verbatim(text: str) -> Message:
    """A message that is the same in every language, such as the output of another program."""
    return text if isinstance(text, Message) else Message("{text}", {"text": text})


def joined(parts: Iterable[Message], separator: Message) -> Message:
    """Messages joined with a separator; empty messages are omitted.

    >>> joined([_("a"), NOTHING, _("b")], SEMICOLON)
    'a; b'
    """
    nonempty = [part for part in parts if part]
    whole = nonempty[0] if nonempty else NOTHING
    for part in nonempty[1:]:
        whole = Message(
            "{first}{separator}{second}", {"first": whole, "separator": separator, "second": part}
        )
    return whole


_DIRECTIONS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""The characters that change the direction of the text after them."""


def filled(template: str, values: Mapping[str, Any], code: Code) -> str:
    """A template of a language, with its values inserted."""
    return template.format_map({name: shown(value, code) for name, value in values.items()})


def shown(value: Any, code: Code) -> Any:
    """A value as it is shown in a language."""
    # PERF: to ask whether a value has a message of its own takes longer than all else
    if type(value) is int or (type(value) is str and value.isascii()):
        return value
    if isinstance(value, Message | Listing | Meaning):
        return value.in_language(code)
    if isinstance(value, HasMessage):
        return value.as_message().in_language(code)
    # a title must not turn round the sentence that it is in
    return value.translate(_DIRECTIONS) if type(value) is str else value


def _shown_all(values: Iterable[object], code: Code) -> Iterator[object]:
    return (shown(value, code) for value in values)


NOTHING: Final = verbatim("")
COMMA: Final = _(", ")
SEMICOLON: Final = _("; ")
COLON: Final = _(": ")
