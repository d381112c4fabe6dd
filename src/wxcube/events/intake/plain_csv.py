"""Columns of plain CSV as positions in its bytes: only few cells ever become Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from wxcube.events.intake.siphash import Strings, byte_windows

MAX_DIGITS = 18
"""Every integer of this many digits fits into 64 bits."""
ABSENT, INVALID = -1, -2
"""Stand for an integer that is missing or not valid; a valid one is never negative."""
_ZERO, _NINE = ord("0"), 9
_POWERS = 10 ** np.arange(MAX_DIGITS, dtype="i8")[::-1]


class Cells(Sequence[str]):
    """The cells of a column, in ASCII."""

    def __init__(
        self, text: str, content: NDArray[Any], starts: NDArray[Any], lengths: NDArray[Any]
    ) -> None:
        self._text = text
        self._content = content
        self._starts = starts
        self.lengths = lengths
        """The number of characters of each cell."""

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Cells: ...
    def __getitem__(self, place: int | slice) -> str | Cells:
        if isinstance(place, slice):
            return Cells(self._text, self._content, self._starts[place], self.lengths[place])
        start = int(self._starts[place])
        return self._text[start : start + int(self.lengths[place])]

    def __iter__(self) -> Iterator[str]:
        return iter(self.strings())

    def select(self, rows: NDArray[Any]) -> Cells:
        """The cells of some rows."""
        return Cells(self._text, self._content, self._starts[rows], self.lengths[rows])

    def strings(self) -> list[str]:
        """The cells as Python strings."""
        text, ends = self._text, self._starts + self.lengths
        bounds = zip(self._starts.tolist(), ends.tolist(), strict=True)
        return [text[start:end] for start, end in bounds]

    def concatenated(self) -> Strings:
        """The cells as strings to hash."""
        if self._have_equal_lengths():
            return Strings(self._windows(int(self.lengths[0])).tobytes(), self.lengths)
        shifts = self._starts - (np.cumsum(self.lengths) - self.lengths)
        positions = np.arange(self.lengths.sum()) + np.repeat(shifts, self.lengths)
        return Strings(self._content[positions].tobytes(), self.lengths)

    def integers(self) -> NDArray[Any]:
        """The cells as integers; `ABSENT` for an empty one, `INVALID` for any other text."""
        if self._have_equal_lengths() and 0 < self.lengths[0] <= MAX_DIGITS:
            digits = self._windows(int(self.lengths[0])) - _ZERO
            values: NDArray[Any] = digits @ _POWERS[-digits.shape[1] :]
            has_others = (digits > _NINE).any(axis=1)
            first = digits[:, 0]
        else:
            values, has_others, first = self._integers_of_any_length()
        has_leading_zero = (first == 0) & (self.lengths > 1)
        values[has_others | has_leading_zero | (self.lengths > MAX_DIGITS)] = INVALID
        values[self.lengths == 0] = ABSENT
        return values

    def _integers_of_any_length(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """The values of the digits, whether there are other characters, and the first digits."""
        values = np.zeros(len(self), "i8")
        has_others = np.zeros(len(self), "?")
        first = self._digits(0, self.lengths > 0)
        for place in range(min(int(self.lengths.max(initial=0)), MAX_DIGITS)):
            has_digit = self.lengths > place
            digits = self._digits(place, has_digit)
            has_others |= has_digit & (digits > _NINE)
            values = np.where(has_digit, values * 10 + digits, values)
        return values, has_others, first

    def _digits(self, place: int, where: NDArray[Any]) -> NDArray[Any]:
        positions = np.where(where, self._starts + place, 0)
        digits: NDArray[Any] = self._content[positions] - _ZERO
        return digits

    def _have_equal_lengths(self) -> bool:
        return len(self) > 0 and bool((self.lengths == self.lengths[0]).all())

    def _windows(self, length: int) -> NDArray[Any]:
        return byte_windows(self._content, self._starts, length)


def cell_columns(text: str, content: NDArray[Any], ends: NDArray[Any]) -> tuple[Cells, ...]:
    """The columns of an ASCII text; `ends` holds the position of each cell's separator, by row."""
    starts = np.concatenate(([0], ends.ravel()[:-1] + 1)).reshape(ends.shape)
    bounds = zip(starts.T.copy(), ends.T.copy(), strict=True)
    return tuple(Cells(text, content, start, end - start) for start, end in bounds)
