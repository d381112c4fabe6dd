"""One day of one endpoint: its state, the reason, the next request, and what was answered when."""

from __future__ import annotations

from datetime import date

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wxcube import contract
from wxcube.contract.window import Window, parse_day
from wxcube.errors import WxcubeError
from wxcube.pages.rendering import render
from wxcube.pages.site import site_of
from wxcube.warehouse.coverage import DayState
from wxcube.warehouse.day_groups import day_groups
from wxcube.warehouse.explanation import STATE_LABELS, explain_group


def day_page(request: Request) -> Response:
    """The day that the query names; the calendar if it names none."""
    source, query = site_of(request).source, request.query_params
    names, appid = source.accounts(), query.get("account", "")
    try:
        endpoint = contract.named(query.get("endpoint", ""))
        day = endpoint.label(parse_day(query.get("day", "")))
    except WxcubeError:
        return RedirectResponse("/data", 303)
    if appid not in names:
        return RedirectResponse("/data", 303)
    warehouse, now = source.warehouse, source.clock.now()
    params = [of for name, of in warehouse.known_series(appid) if name == endpoint.name] or [{}]
    window = Window.day(day)
    groups, asks = [], []
    for some in params:
        entries: dict[date, DayState] = warehouse.coverage(
            appid, endpoint, params=some, window=window
        )
        standing = warehouse.standing(appid, endpoint, now, params=some)
        groups += [
            (group, explain_group(endpoint, group))
            for group in day_groups(endpoint, {day: entries.get(day)}, now, standing)
        ]
        asks += warehouse.history(appid, endpoint, window, params=some)
    return render(
        request,
        "day.html",
        path="/data",
        account=appid,
        name=names[appid],
        endpoint=endpoint,
        day=day,
        groups=groups,
        states=STATE_LABELS,
        asks=sorted(asks, key=lambda ask: ask.asked_at, reverse=True),
        days=str(endpoint.period(day)) if endpoint.has_labels else str(window),
        can_ask=source.sync is not None,
    )


ROUTES = [Route("/data/day", day_page)]
