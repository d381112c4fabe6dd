"""The rows visible on a day: none of later days or incomplete periods, totals up to the day."""

from datetime import date, timedelta

import pytest

from support.story import Story
from wxcube import contract
from wxcube.contract.article import getarticletotal
from wxcube.contract.content import getarticletotaldetail
from wxcube.contract.field import nested
from wxcube.contract.message import getupstreammsgmonth, getupstreammsgweek
from wxcube.contract.user import UserCumulate, getusercumulate
from wxcube.contract.visible import visible
from wxcube.events.kinds import Message, Publish, Read


def test_rows_of_days_up_to_the_last_one_are_shown() -> None:
    days = [date(2026, 3, day) for day in (1, 2, 3)]
    rows = [UserCumulate(ref_date=day, cumulate_user=1) for day in days]
    assert visible(getusercumulate, rows, date(2026, 3, 2)) == rows[:2]
    assert visible(getusercumulate, rows, date(2026, 2, 28)) == []


@pytest.mark.parametrize(
    ("endpoint", "over"),
    [(getupstreammsgweek, date(2026, 2, 8)), (getupstreammsgmonth, date(2026, 2, 28))],
)
def test_weeks_and_months_are_shown_once_they_are_over(
    story: Story, endpoint: contract.Endpoint[contract.Row], over: date
) -> None:
    story.add("2026-02-03 10:00", Message, "a", msg_type=1)
    rows = story.rows(endpoint, "2026-03-31")
    assert len(rows) == 1
    assert visible(endpoint, rows, over - timedelta(days=1)) == []
    assert visible(endpoint, rows, over) == rows


@pytest.mark.parametrize("endpoint", [getarticletotal, getarticletotaldetail])
def test_running_totals_end_with_the_last_day_and_other_columns_are_unchanged(
    story: Story, endpoint: contract.Endpoint[contract.Row]
) -> None:
    story.add("2026-03-02 08:00", Publish, title="题", target_user=4)
    story.add("2026-03-04 09:00", Read, "a")
    [row] = story.rows(endpoint, "2026-03-08")
    [shown] = visible(endpoint, [row], date(2026, 3, 3))
    name = next(part.name for part in nested(endpoint.row))
    assert getattr(shown, name) == getattr(row, name)[:2]
    assert [getattr(shown, c.name) for c in endpoint.columns] == [
        getattr(row, c.name) for c in endpoint.columns
    ]
    assert visible(endpoint, [row], date(2026, 3, 1)) == []


def test_a_row_that_is_not_cut_is_the_same_object(story: Story) -> None:
    story.add("2026-03-02 08:00", Publish)
    [row] = story.rows(getarticletotal, "2026-03-03")
    assert visible(getarticletotal, [row], date(2026, 3, 9))[0] is row
