"""`wxcube serve` as a process: it answers WeChat's protocol from synced data."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from support.command_line import Synced
from support.serving import serving
from support.third_party import third_party
from wxcube.contract import ENDPOINTS, Window, named
from wxcube.contract.answer_order import in_answer_order
from wxcube.contract.endpoint import Endpoint
from wxcube.emulator.emulator import Emulator
from wxcube.errors import CredentialError, NotReadyError, TokenError
from wxcube.wechat.client import AsyncClient


@dataclass(frozen=True)
class Served:
    """A running server, and its apps."""

    url: str
    apps: dict[str, str]
    """Secret by appid."""


@pytest.fixture(scope="module")
def served(synced: Synced, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    with serving(synced.site, log) as url:
        file = synced.site.folder / "wxcube-apps.toml"
        apps = tomllib.loads(file.read_text(encoding="utf-8"))["apps"]
        assert file.stat().st_mode & 0o077 == 0
        yield Served(url, {app["appid"]: app["secret"] for app in apps})
    result = log.read_text(encoding="utf-8")
    assert "Traceback" not in result
    assert not [app["secret"] for app in apps if app["secret"] in result]


def truth(
    emulator: Emulator, appid: str, endpoint: Endpoint[Any]
) -> list[tuple[dict[str, Any], list[Any]]]:
    """Parameters of the calls, and the rows of their answers."""
    if endpoint.name != "getcardmembercarddetail":
        return [({}, emulator.rows(appid, endpoint))]
    cards = [c.card_id for c in emulator.simulation.accounts[appid].cards if c.is_membership]
    return [({"card_id": c}, emulator.rows(appid, endpoint, {"card_id": c})) for c in cards]


async def test_every_endpoint_answers_as_the_emulator(synced: Synced, served: Served) -> None:
    emulator = synced.running.emulator
    rows = 0
    for app in emulator.accounts:
        async with AsyncClient(
            app.appid, served.apps[app.appid], base_url=served.url, clock=emulator.clock
        ) as client:
            for endpoint in ENDPOINTS:
                if endpoint.permission_set not in app.permission_sets:
                    # WeChat refused it, so that nothing was ever loaded
                    continue
                first = endpoint.label(emulator.simulation.first_day)
                for given, expected in truth(emulator, app.appid, endpoint):
                    actual = await client.fetch(endpoint, first, emulator.last_day, **given)
                    assert actual == expected, (app.appid, endpoint.name)
                    rows += len(actual)
    assert rows > 9_000


async def test_a_day_before_the_first_sync_is_not_answered_as_a_day_without_data(
    synced: Synced, served: Served
) -> None:
    app, emulator = synced.running.account(), synced.running.emulator
    day = emulator.simulation.first_day - timedelta(days=1)
    async with AsyncClient(
        app.appid, served.apps[app.appid], base_url=served.url, clock=emulator.clock
    ) as client:
        with pytest.raises(NotReadyError, match="1 of 2 days were never loaded"):
            await client.fetch(named("getusersummary"), day, day + timedelta(days=1))


async def test_days_without_data_yet_are_answered_as_delayed(
    synced: Synced, served: Served
) -> None:
    """A day that is waiting is not answered like a day without readers."""
    endpoint, emulator = named("getarticletotaldetail"), synced.running.emulator
    for app in emulator.accounts:
        filled = {row.ref_date for row in emulator.rows(app.appid, endpoint)}
        async with AsyncClient(
            app.appid, served.apps[app.appid], base_url=served.url, clock=emulator.clock
        ) as client:
            for day in Window(emulator.last_day.replace(day=5), emulator.last_day):
                answer = await client.ask(endpoint, Window.day(day))
                # one answer without rows does not confirm that a day has none
                assert answer.is_delay == (day not in filled), (app.appid, day)


async def test_the_secret_of_wechat_is_not_accepted(synced: Synced, served: Served) -> None:
    app, clock = synced.running.account(), synced.running.emulator.clock
    async with AsyncClient(app.appid, app.secret, base_url=served.url, clock=clock) as client:
        with pytest.raises((CredentialError, TokenError)):
            await client.fetch(named("getusersummary"), "2026-03-01", "2026-03-01")


def test_an_unmodified_sdk_works_for_retired_endpoints_too(synced: Synced, served: Served) -> None:
    app, emulator = synced.running.account(), synced.running.emulator
    with third_party(served.url, app.appid, served.apps[app.appid]) as sdk:
        for method, name in (
            ("get_user_summary", "getusersummary"),
            ("get_upstream_msg_week", "getupstreammsgweek"),
            ("get_interface_summary_hour", "getinterfacesummaryhour"),
            ("get_article_summary", "getarticlesummary"),
            ("get_article_total", "getarticletotal"),
            ("get_user_read", "getuserread"),
            ("get_user_read_hour", "getuserreadhour"),
            ("get_user_share", "getusershare"),
            ("get_user_share_hour", "getusersharehour"),
        ):
            rows = in_answer_order(named(name), emulator.rows(app.appid, named(name)))
            day = rows[-1].ref_date
            expected = msgspec.to_builtins([row for row in rows if row.ref_date == day])
            assert getattr(sdk.datacube, method)(day, day) == expected, name
