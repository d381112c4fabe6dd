"""The Date header of a reply: the time of the server's clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from wxcube.beijing import in_beijing

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIRST_TWO_DIGIT_YEAR = 70
"""70 … 99 are years of the 20th century, 00 … 69 of the 21st."""

_MONTH = r"(?P<month>[a-z]{3})[a-z]*"
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:\.\d+)?"
_ZONE = r"(?P<zone>gmt|utc|ut|z|[+-]\d{4})?"
_DAY_FIRST = rf"(?P<day>\d{{1,2}})[ -]+{_MONTH}[ -]+(?P<year>\d{{4}}|\d{{2}}) +{_TIME} *{_ZONE}"
_MONTH_FIRST = rf"{_MONTH} +(?P<day>\d{{1,2}}) +{_TIME} +(?P<year>\d{{4}}) *{_ZONE}"
# WECHAT: replies of 2018 have hyphens, `Thu, 22-Feb-2018 08:00:00 GMT`
_FORMS = [
    re.compile(rf" *(?:[a-z]+[, ] *)?{form} *", re.ASCII | re.IGNORECASE)
    for form in (_DAY_FIRST, _MONTH_FIRST)
]


def parse_http_date(text: str) -> datetime | None:
    """The time of a Date header in Beijing time; None if the text is no such time.

    Reads the three forms of HTTP, also with hyphens or a two-digit year. The name of the weekday is
    ignored, and a time without a zone is in GMT.

    >>> parse_http_date("Thu, 22-Feb-2018 08:00:00 GMT").isoformat()
    '2018-02-22T16:00:00+08:00'
    """
    matches = (form.fullmatch(text) for form in _FORMS)
    parts = next((match.groupdict() for match in matches if match), None)
    if parts is None or parts["month"].lower() not in _MONTHS:
        return None
    try:
        time = datetime(
            _year(parts["year"]),
            _MONTHS.index(parts["month"].lower()) + 1,
            int(parts["day"]),
            int(parts["hour"]),
            int(parts["minute"]),
            int(parts["second"]),
            tzinfo=UTC,
        )
        return in_beijing(time - _offset(parts["zone"] or ""))
    except (ValueError, OverflowError):
        return None


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:  # noqa: PLR2004
        return year
    return year + (1900 if year >= _FIRST_TWO_DIGIT_YEAR else 2000)


def _offset(zone: str) -> timedelta:
    """The offset of a zone such as +0800 from GMT."""
    if not zone.startswith(("+", "-")):
        return timedelta()
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    return -offset if zone[0] == "-" else offset
