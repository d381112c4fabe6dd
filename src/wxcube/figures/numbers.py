"""Numbers as people read them: 1.2万 and 12.3k, percent, points, milliseconds and money. Pure.

`charts/static/runtime.js` has the same rules; a shared table of cases holds both to them.
"""

from __future__ import annotations

import math

from wxcube.i18n import Meaning

MISSING = "–"
MINUS = "−"
STEPS = {
    "zh": (
        (1_000_000, 10_000, 1, "万"),
        (100_000_000, 10_000, 0, "万"),
        (1_000_000_000, 100_000_000, 2, "亿"),
        (10_000_000_000, 100_000_000, 1, "亿"),
        (math.inf, 100_000_000, 0, "亿"),
    ),
    "en": (
        (100_000, 1_000, 1, "k"),
        (1_000_000, 1_000, 0, "k"),
        (10_000_000, 1_000_000, 2, "M"),
        (100_000_000, 1_000_000, 1, "M"),
        (1_000_000_000, 1_000_000, 0, "M"),
        (10_000_000_000, 1_000_000_000, 2, "B"),
        (100_000_000_000, 1_000_000_000, 1, "B"),
        (math.inf, 1_000_000_000, 0, "B"),
    ),
}
"""How numbers are written: those below a limit, in a unit with so many decimals and a name."""
_SMALLEST_SHORT = 10_000
"""Smaller numbers are written out."""
SHORT_FROM = 1_000_000
"""Smaller numbers are written out in large type too: a phone has no tooltip for their digits."""
_ONE_DECIMAL_FROM = 0.995
"""Percent from which one decimal is enough; failure rates are smaller, and differ in the second."""


def count(value: float | None) -> Meaning:
    """A number, short where it is large.

    >>> str(count(12_345)), count(12_345).zh
    ('12.3k', '1.2万')
    """
    return Meaning(short(value, "en"), short(value, "zh"))


def exact(value: float | None) -> Meaning:
    """A number with all its digits; one decimal where it is not whole.

    >>> str(exact(-12.5))
    '−12.5'
    """
    text = _written_out(value)
    return Meaning(text, text)


def exact_in_unit(value: float | None, unit: str) -> Meaning:
    """A number with all its digits; a fraction in percent, never rounded to 0.

    >>> str(exact_in_unit(0.00123456789, "fraction")), str(exact_in_unit(1234, "people"))
    ('0.123457%', '1,234')
    """
    if value is None or unit not in _OF_UNIT:
        return exact(value)
    if unit == "fraction":
        text = f"{value * 100:,.6f}".rstrip("0").rstrip(".")
        if float(value) and not float(text.replace(",", "")):
            text = f"{value * 100:.3g}"
        text = f"{text}%".replace("-", MINUS)
        return Meaning(text, text)
    if unit == "fen":
        return yuan(value)
    text = f"{value:,.10g}".replace("-", MINUS)
    names = _EXACT_UNITS[unit]
    return Meaning(f"{text} {names[0]}", f"{text} {names[1]}")


def written(value: float | None, unit: str) -> Meaning:
    """A number in a sentence: counts with all their digits, rates and durations rounded.

    >>> str(written(46_507, "people")), str(written(0.1234, "fraction"))
    ('46,507', '12.3%')
    """
    return _OF_UNIT.get(unit, exact)(value)


def headline(value: float | None, unit: str) -> Meaning:
    """A number in large type: with all its digits as far as they are read at a glance.

    >>> str(headline(46_507, "people")), str(headline(1_234_567, "people"))
    ('46,507', '1.23M')
    """
    return (written if abs(value or 0) < SHORT_FROM else in_unit)(value, unit)


def percent(fraction: float | None) -> Meaning:
    """A fraction in percent with one decimal, below 1% with two.

    >>> str(percent(0.1234)), str(percent(0.0014)), str(percent(0.00004)), str(percent(0))
    ('12.3%', '0.14%', '<0.01%', '0%')
    """
    text = _percent(fraction)
    return Meaning(text, text)


def signed_percent(fraction: float) -> Meaning:
    """A change in percent, with its sign.

    >>> str(signed_percent(0.5)), str(signed_percent(-0.0014))
    ('+50%', '−0.14%')
    """
    text = _percent(fraction)
    sign = "+" if fraction > 0 and not text.startswith("<") else ""
    return Meaning(sign + text, sign + text)


def signed_points(difference: float) -> Meaning:
    """A difference of two fractions in percentage points, with its sign.

    >>> str(signed_points(0.012)), str(signed_points(-0.00004)), str(signed_points(0))
    ('+1.2', '<−0.01', '0')
    """
    text = str(signed_percent(difference)).removesuffix("%")
    return Meaning(text, text)


def milliseconds(value: float | None) -> Meaning:
    """A duration: milliseconds below a second, then seconds.

    >>> str(milliseconds(340)), milliseconds(1_240).zh
    ('340 ms', '1.2 秒')
    """
    if value is None:
        return Meaning(MISSING, MISSING)
    if value < 999.5:  # noqa: PLR2004 - rounds to a second
        text = _rounded(value, 0)
        return Meaning(f"{text} ms", f"{text} 毫秒")
    text = _rounded(value / 1000, 1)
    return Meaning(f"{text} s", f"{text} 秒")


def minutes(value: float | None) -> Meaning:
    """A duration in minutes, with one decimal."""
    if value is None:
        return Meaning(MISSING, MISSING)
    text = _rounded(value, 1)
    return Meaning(f"{text} min", f"{text} 分钟")


def yuan(fen: float | None) -> Meaning:
    """An amount of money.

    >>> str(yuan(1250))
    '¥12.50'
    """
    text = MISSING if fen is None else f"¥{fen / 100:,.2f}"
    return Meaning(text, text)


def in_unit(value: float | None, unit: str) -> Meaning:
    """A number of a unit of the contract, short where it is large."""
    return _OF_UNIT.get(unit, count)(value)


_EXACT_UNITS = {"ms": ("ms", "毫秒"), "minutes": ("min", "分钟")}
_OF_UNIT = {"ms": milliseconds, "fraction": percent, "minutes": minutes, "fen": yuan}


def short(value: float | None, language: str) -> str:
    """A number, short where it is large, in `zh` or `en`.

    It is rounded before its unit is chosen.
    """
    if value is None:
        return MISSING
    size, sign = abs(value), MINUS if value < 0 else ""
    if int(size + 0.5) < _SMALLEST_SHORT:
        return _written_out(value)
    fitting = (
        f"{sign}{text}{name}"
        for limit, unit, places, name in STEPS[language]
        if float((text := _rounded(size / unit, places)).replace(",", "")) * unit < limit
    )
    return next(fitting)


def _written_out(value: float | None) -> str:
    if value is None:
        return MISSING
    size = abs(value)
    text = _rounded(size, 0 if size == int(size) or size >= 100 else 1)  # noqa: PLR2004
    return (MINUS if value < 0 and text != "0" else "") + text


def _percent(fraction: float | None) -> str:
    if fraction is None:
        return MISSING
    size = abs(fraction) * 100
    if 0 < size < 0.005:  # noqa: PLR2004 - rounds to nothing
        return f"<{MINUS}0.01%" if fraction < 0 else "<0.01%"
    sign = MINUS if fraction < 0 else ""
    return f"{sign}{_rounded(size, 1 if size >= _ONE_DECIMAL_FROM else 2)}%"


def _rounded(value: float, places: int) -> str:
    """Half up, without zeros at the end."""
    scaled = int(value * 10**places + 0.5 + 1e-9)
    integer, fraction = divmod(scaled, 10**places)
    digits = str(fraction).rjust(places, "0").rstrip("0") if places else ""
    return f"{integer:,}" + (f".{digits}" if digits else "")
