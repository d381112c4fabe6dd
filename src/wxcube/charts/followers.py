"""Charts of followers."""

from __future__ import annotations

from wxcube.charts.chart import Chart
from wxcube.charts.layouts import account_lines, one_or_panels, ranking
from wxcube.charts.parts import Part, bars, day_axes, earlier_lines, gaps, seam_line
from wxcube.contract import codes
from wxcube.figures.figure import Figure
from wxcube.i18n import Meaning
from wxcube.i18n.language import Language


def daily(figure: Figure, language: Language) -> Chart:
    """New followers upwards, unfollows downwards; a panel per account."""
    names = ("new_user", "cancel_user")

    def of_account(appid: str) -> list[Part]:
        up = bars(figure, appid, "new_user", "@c1", language, stack=appid)
        down = bars(figure, appid, "cancel_user", "@c2", language, stack=appid, down=True)
        before = earlier_lines(figure, appid, "new_user", "@c1", language)
        hatch = gaps(figure, appid, names, language)
        return [up | seam_line(figure, language), down, *before, *hatch]

    axes = day_axes(figure, "@count")
    series = [of_account(appid) for appid in figure.accounts]
    return one_or_panels(figure, series, axes)


def total_followers(figure: Figure, language: Language) -> Chart:
    """Followers as a line per account; the axis need not begin with 0."""
    return account_lines(figure, "cumulate_user", language, from_zero=False)


def sources(figure: Figure, language: Language) -> Chart:
    """New followers by source, the largest at the top."""
    table = codes.USER_SOURCE_FOLLOW
    return ranking(
        figure, "user_source", "new_user", lambda code: Meaning.of(table[code]), language
    )
