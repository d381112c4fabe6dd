"""The server as the one place for WeChat's tokens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from support.documented import NOW, content
from support.shared import KEY, SECRET, SharedServer, stored_app
from wxcube.beijing import ManualClock
from wxcube.cli.serving import giver_of
from wxcube.errors import TransportError, WxcubeError
from wxcube.i18n import verbatim
from wxcube.jobs.token_giver import AccountTokens
from wxcube.server.messages import Request
from wxcube.server.shared_access import SharedAccess
from wxcube.server.token_calls import TOKENS_A_DAY
from wxcube.server.wechat_tokens import WECHAT_TOKEN_PATH, GivenToken, TokenGiver
from wxcube.settings import Settings, SyncSettings
from wxcube.testing import RunningEmulator
from wxcube.warehouse.store import Warehouse


class Source:
    """Gives a token of its own for each account; raises an error instead, if there is one."""

    def __init__(self) -> None:
        self.error: WxcubeError | None = None
        self.refused: list[str] = []

    def token(self, account: str, refused: str) -> GivenToken | None:
        self.refused.append(refused)
        if self.error:
            raise self.error
        return GivenToken(f"wechat-{account}", 7000) if account != "gone" else None


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("apps") / "wxcube.db"
    with Warehouse.open(path) as warehouse:
        warehouse.apps.add(
            [
                stored_app("entitled", gets_wechat_token=True),
                stored_app("gone", account="gone", gets_wechat_token=True),
                stored_app("other"),
            ]
        )
    return path


@pytest.fixture
def warehouse(template: Path, tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse.open(shutil.copyfile(template, tmp_path / "wxcube.db")) as opened:
        yield opened


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def server(warehouse: Warehouse, source: Source) -> Iterator[SharedServer]:
    clock = ManualClock(NOW)
    noted: list[Any] = []
    giver = TokenGiver(source, lambda call, app, errcode: noted.append((app.appid, errcode)))
    running = SharedServer(warehouse, clock, giver)
    running.noted = noted  # type: ignore[attr-defined]
    yield running
    running.close()


def ask(server: SharedServer, method: str = "GET", **members: str) -> dict[str, Any]:
    if method == "POST":
        body = msgspec.json.encode(members)
        return content(server.api.handle(Request("POST", WECHAT_TOKEN_PATH, body=body)))
    query = "&".join(f"{name}={value}" for name, value in members.items())
    return content(server.api.handle(Request(method, WECHAT_TOKEN_PATH, query)))


def test_an_entitled_app_gets_the_token_of_its_account(
    server: SharedServer, source: Source
) -> None:
    expected = {"access_token": "wechat-account", "expires_in": 7000}
    own = server.token("entitled")["access_token"]
    assert ask(server, appid="entitled", secret=SECRET) == expected
    assert ask(server, "POST", appid="entitled", secret=SECRET, refused="old") == expected
    assert ask(server, access_token=own, account="other") == expected
    assert source.refused == ["", "old", ""]
    assert server.noted == [("entitled", 0)] * 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("members", "errcode"),
    [
        ({"appid": "other", "secret": SECRET}, 48001),
        ({"appid": "gone", "secret": SECRET}, 48001),
        ({"appid": "entitled", "secret": "wrong"}, 40125),
        ({"appid": "nobody", "secret": SECRET}, 40013),
        ({}, 41002),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_else_gets_one(
    server: SharedServer, method: str, members: dict[str, str], errcode: int
) -> None:
    answer = ask(server, method, **members)
    assert answer["errcode"] == errcode
    assert "wechat-" not in str(answer)


def test_an_app_asks_as_often_as_for_its_own_token(server: SharedServer, source: Source) -> None:
    answers = [ask(server, appid="entitled", secret=SECRET) for _call in range(TOKENS_A_DAY + 1)]
    assert all("access_token" in one for one in answers[:-1])
    assert answers[-1]["errcode"] == 45009
    assert len(source.refused) == TOKENS_A_DAY


def test_a_token_that_nobody_issued_gets_none(server: SharedServer) -> None:
    assert ask(server, access_token="guess")["errcode"] == 40001


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_get_none(server: SharedServer, method: str) -> None:
    assert ask(server, method, appid="entitled", secret=SECRET)["errcode"] == 43001


def test_without_a_giver_there_is_no_such_call(warehouse: Warehouse) -> None:
    server = SharedServer(warehouse, ManualClock(NOW))
    assert server.api.handle(Request("GET", WECHAT_TOKEN_PATH)).status == 404
    server.close()


def test_trouble_with_wechat_is_an_errcode_and_is_noted(
    server: SharedServer, source: Source
) -> None:
    source.error = TransportError(verbatim("the name cannot be resolved: secret-host"))
    with structlog.testing.capture_logs() as entries:
        answer = ask(server, appid="entitled", secret=SECRET)
    assert answer["errcode"] == -1
    assert "secret-host" not in answer["errmsg"]
    assert "wechat_token.failed" in [one["event"] for one in entries]
    assert server.noted == [("entitled", -1)]  # type: ignore[attr-defined]


# --- with an emulator as WeChat -------------------------------------------------------------------


def test_tokens_of_the_accounts_in_the_settings_are_good_at_wechat(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningEmulator(accounts=1, days=3) as running:
        [account] = running.emulator.accounts
        monkeypatch.setenv("WXCUBE_SECRET_SHOP", account.secret)
        section = {"appid": account.appid, "name": "shop", "base_url": running.url}
        settings = msgspec.convert({"accounts": [section]}, Settings)
        clock = running.emulator.clock
        tokens = AccountTokens(lambda: settings, clock)
        given = tokens.token(account.appid, "")
        assert given
        assert given.expires_in == 7200
        assert running.emulator.api.tokens.owner(given.token) == account.appid
        assert tokens.token(account.appid, "") == given
        assert tokens.token("nobody", "") is None
        assert len(running.emulator.journal) == 1
        # a changed time limit of calls, or another proxy, holds for the next call
        settings = msgspec.structs.replace(settings, sync=SyncSettings(timeout_seconds=5))
        assert tokens.token(account.appid, "") == given
        assert len(running.emulator.journal) == 2
        tokens.close()


def test_who_asked_is_stored_and_shown(warehouse: Warehouse) -> None:
    class Serving:
        settings = Settings()

    with (
        SharedAccess(warehouse.apps, KEY, ManualClock(NOW)) as access,
        giver_of(Serving(), access, ManualClock(NOW)) as giver,  # type: ignore[arg-type]
    ):
        server = SharedServer(warehouse, ManualClock(NOW), giver)
        assert ask(server, appid="entitled", secret=SECRET)["errcode"] == 48001
        server.close()
    [request] = warehouse.apps.requests(10)
    assert (request.appid, request.account, request.client) == ("entitled", "account", "127.0.0.1")
    assert (request.asked_at, request.errcode) == (NOW, 48001)
