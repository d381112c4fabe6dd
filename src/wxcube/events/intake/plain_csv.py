"""Columns of plain CSV as places in its text: few cells ever become objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from wxcube.events.arrays import NDArray, np
from wxcube.events.intake.siphash import Texts, at_places

MOST_DIGITS = 18
"""A whole number of so many digits fits 64 bits in any case."""
ABSENT, REFUSED = -1, -2
"""In place of a number, of which none is negative."""
_ZERO, _NINE = ord("0"), 9
_POWERS = 10 ** np.arange(MOST_DIGITS, dtype="i8")[::-1]


class Cells(Sequence[str]):
    """The cells of a column, in ASCII."""

    def __init__(
        self, text: str, letters: NDArray[Any], starts: NDArray[Any], sizes: NDArray[Any]
    ) -> None:
        self._text = text
        self._letters = letters
        self._starts = starts
        self.sizes = sizes
        """How many letters each cell has."""

    def __len__(self) -> int:
        return len(self.sizes)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Cells: ...
    def __getitem__(self, place: int | slice) -> str | Cells:
        if isinstance(place, slice):
            return Cells(self._text, self._letters, self._starts[place], self.sizes[place])
        start = int(self._starts[place])
        return self._text[start : start + int(self.sizes[place])]

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts())

    def only(self, places: NDArray[Any]) -> Cells:
        """Some of the cells."""
        return Cells(self._text, self._letters, self._starts[places], self.sizes[places])

    def texts(self) -> list[str]:
        """The cells as texts."""
        text, ends = self._text, self._starts + self.sizes
        bounds = zip(self._starts.tolist(), ends.tolist(), strict=True)
        return [text[start:end] for start, end in bounds]

    def joined(self) -> Texts:
        """The cells one behind the other."""
        if self._are_as_long():
            return Texts(self._rows(int(self.sizes[0])).tobytes(), self.sizes)
        shifts = self._starts - (np.cumsum(self.sizes) - self.sizes)
        places = np.arange(self.sizes.sum()) + np.repeat(shifts, self.sizes)
        return Texts(self._letters[places].tobytes(), self.sizes)

    def whole_numbers(self) -> NDArray[Any]:
        """What the cells say as whole numbers; `ABSENT` of empty ones, `REFUSED` of others."""
        if self._are_as_long() and 0 < self.sizes[0] <= MOST_DIGITS:
            digits = self._rows(int(self.sizes[0])) - _ZERO
            found: NDArray[Any] = digits @ _POWERS[-digits.shape[1] :]
            has_others = (digits > _NINE).any(axis=1)
            first = digits[:, 0]
        else:
            found, has_others, first = self._of_any_length()
        found[has_others | ((first == 0) & (self.sizes > 1)) | (self.sizes > MOST_DIGITS)] = REFUSED
        found[self.sizes == 0] = ABSENT
        return found

    def _of_any_length(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """What the digits are worth, where there is something else, and the first digits."""
        found = np.zeros(len(self), "i8")
        has_others = np.zeros(len(self), "?")
        first = self._digits(0, self.sizes > 0)
        for place in range(min(int(self.sizes.max(initial=0)), MOST_DIGITS)):
            has_one = self.sizes > place
            digits = self._digits(place, has_one)
            has_others |= has_one & (digits > _NINE)
            found = np.where(has_one, found * 10 + digits, found)
        return found, has_others, first

    def _digits(self, place: int, where: NDArray[Any]) -> NDArray[Any]:
        places = np.where(where, self._starts + place, 0)
        digits: NDArray[Any] = self._letters[places] - _ZERO
        return digits

    def _are_as_long(self) -> bool:
        return len(self) > 0 and bool((self.sizes == self.sizes[0]).all())

    def _rows(self, length: int) -> NDArray[Any]:
        return at_places(self._letters, self._starts, length)


def columns(text: str, letters: NDArray[Any], ends: NDArray[Any]) -> tuple[Cells, ...]:
    """The columns of a text whose cells, row by row, end at these places; each end is a letter."""
    starts = np.concatenate(([0], ends.ravel()[:-1] + 1)).reshape(ends.shape)
    bounds = zip(starts.T.copy(), ends.T.copy(), strict=True)
    return tuple(Cells(text, letters, start, end - start) for start, end in bounds)
