"""Questions about an account and some days, as SQL on the views for BI tools.

They use columns that are the same in every database. `{account}`, `{first}`, `{last}` and `{time}`
stand for what differs between tools, `{lang}` for the reader's language, zh or en.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from wxcube.i18n import Meaning, Message, _
from wxcube.i18n.language import Language
from wxcube.warehouse.analysis_views import analysis_views
from wxcube.warehouse.views import View, ViewColumn

_SCOPE = "appid = {account} AND ref_date BETWEEN {first} AND {last}"


class Chart(StrEnum):
    """How the answer is shown best."""

    LINE = "line"
    BARS = "bars"
    STACK = "stack"
    """Bars on top of each other: only for figures that may be added up."""
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its SQL; a column `metric` names the series, if there are several."""

    name: str
    title: Message
    chart: Chart
    view: str
    figures: tuple[str, ...]
    template: str

    def sql(self, places: Mapping[str, str], translate: Language) -> str:
        """The SQL for a tool; `places` has its account, first, last and time."""
        return self.template.format_map({**places, "lang": translate.code})

    @property
    def has_series(self) -> bool:
        """Whether the answer has several series, named by its column `metric`."""
        return " AS metric" in self.template

    @property
    def columns(self) -> dict[str, ViewColumn]:
        """The columns of the view, by name."""
        return {column.name: column for column in _view(self.view).columns}

    @property
    def unit(self) -> str:
        """Unit of the figures; empty if they have several."""
        units = {self.columns[name].unit for name in self.figures}
        return units.pop() if len(units) == 1 else ""

    def meaning(self, name: str) -> Meaning:
        """The meaning of a column."""
        return self.columns[name].meaning


QUESTIONS = (
    Question(
        "followers",
        _("Followers at the end of each day"),
        Chart.LINE,
        "v_follower_day",
        ("cumulate_user",),
        f"SELECT {{time}} AS time, cumulate_user\nFROM v_follower_day\nWHERE {_SCOPE}\nORDER BY 1",
    ),
    Question(
        "follower_changes",
        _("Followers gained and lost"),
        Chart.BARS,
        "v_follower_day",
        ("new_user", "cancel_user", "net_user"),
        "SELECT {time} AS time, new_user, cancel_user, net_user\n"
        f"FROM v_follower_day\nWHERE {_SCOPE}\nORDER BY 1",
    ),
    Question(
        "follow_channels",
        _("New followers by channel"),
        Chart.STACK,
        "v_channel_day",
        ("new_user",),
        "SELECT {time} AS time, channel_{lang} AS metric, new_user\n"
        f"FROM v_channel_day\nWHERE {_SCOPE} AND activity = 'follow'\nORDER BY 1, 2",
    ),
    Question(
        "readers",
        _("Readers by day, each counted once"),
        Chart.LINE,
        "v_channel_day",
        ("read_user",),
        "SELECT {time} AS time, read_user\n"
        f"FROM v_channel_day\nWHERE {_SCOPE} AND activity = 'read' AND is_total = 1\nORDER BY 1",
    ),
    Question(
        "read_channels",
        _("Readers by channel; a reader may come through several"),
        Chart.LINE,
        "v_channel_day",
        ("read_user",),
        "SELECT {time} AS time, channel_{lang} AS metric, read_user\n"
        f"FROM v_channel_day\nWHERE {_SCOPE} AND activity = 'read' AND is_total = 0\nORDER BY 1, 2",
    ),
    Question(
        "articles",
        _("Articles 7 days after publishing, most readers first"),
        Chart.TABLE,
        "v_article_curve",
        ("read_user", "share_user", "collection_user"),
        "SELECT publish_date, title, read_user, share_user, collection_user, state\n"
        "FROM v_article_curve\n"
        "WHERE appid = {account} AND publish_date BETWEEN {first} AND {last}"
        " AND days_since_publishing = 6\n"
        "ORDER BY read_user DESC",
    ),
    Question(
        "messages",
        _("Messages from users by hour and type"),
        Chart.STACK,
        "v_message_hour",
        ("msg_count",),
        "SELECT {time} AS time, msg_type_{lang} AS metric, msg_count\n"
        f"FROM v_message_hour\nWHERE {_SCOPE}\nORDER BY 1, 2",
    ),
    Question(
        "replies",
        _("Replies of the account's server, and failures"),
        Chart.BARS,
        "v_interface_day",
        ("callback_count", "fail_count"),
        "SELECT {time} AS time, callback_count, fail_count\n"
        f"FROM v_interface_day\nWHERE {_SCOPE}\nORDER BY 1",
    ),
    Question(
        "waits",
        _("Mean and longest wait for a reply"),
        Chart.LINE,
        "v_interface_day",
        ("mean_time_cost", "max_time_cost"),
        "SELECT {time} AS time, mean_time_cost, max_time_cost\n"
        f"FROM v_interface_day\nWHERE {_SCOPE}\nORDER BY 1",
    ),
)


@cache
def _view(name: str) -> View:
    return next(view for view in analysis_views() if view.name == name)
