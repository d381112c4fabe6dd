"""The warehouse as a backend of WeChat's protocol, used by `wxcube serve`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wxcube.contract.answer_order import in_answer_order
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window
from wxcube.server.apps import LocalApp
from wxcube.server.backend import App, RowSet
from wxcube.warehouse.coverage import State

if TYPE_CHECKING:
    from wxcube.warehouse.store import Warehouse

_UNSETTLED = {State.NEVER, State.WAITING, State.FAILED}


class Gateway:
    """Gives each local app the stored rows of its account.

    Withdrawn rows, which WeChat's last answer lacked, are among them, with the further member
    `withdrawn_at`; if `strict`, they are left out.
    """

    def __init__(
        self, warehouse: Warehouse, apps: Iterable[LocalApp], *, strict: bool = False
    ) -> None:
        self._warehouse = warehouse
        self._apps = {app.appid: _as_app(app) for app in apps}
        self._strict = strict

    def app(self, appid: str) -> App | None:
        """The local app with this appid."""
        return self._apps.get(appid)

    def rows(
        self, app: App, endpoint: Endpoint[RowT], window: Window, params: Mapping[str, object]
    ) -> RowSet[Any]:
        """The stored rows of a window; delayed if a day of it is not settled."""
        rows = self._warehouse.read_members(
            app.account, endpoint, window, params=params, with_withdrawn=not self._strict
        )
        delayed = endpoint.has_delay_flag and self._unsettled(app, endpoint, window)
        return RowSet(in_answer_order(endpoint, rows), is_delay=delayed)

    def _unsettled(self, app: App, endpoint: Endpoint[RowT], window: Window) -> bool:
        days = self._warehouse.coverage(app.account, endpoint, window=window)
        return any(
            label not in days or days[label].state in _UNSETTLED
            for label in endpoint.labels(window)
        )


def _as_app(app: LocalApp) -> App:
    return App(
        appid=app.appid,
        secret=app.secret,
        account=app.account,
        permission_sets=frozenset(app.permission_sets),
        daily_limit=app.daily_limit,
    )
