"""`/docs` and `/openapi.json`: what they describe is what the servers do, and they ask nobody else."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from playwright.sync_api import Browser, Page, expect

import wxcube.server
from support.browser import Seen, chromium, context
from support.documented import DocumentedServer
from support.emulated import Caller, content, small_emulator
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import ENDPOINTS
from wxcube.contract.openapi import openapi
from wxcube.contract.openapi_parts import Schema
from wxcube.emulator.own_calls import emulator_description
from wxcube.server.documentation import (
    CSP,
    DOCUMENT,
    Description,
    _Documentation,
    described,
    with_documentation,
)
from wxcube.server.health import with_health
from wxcube.server.http import RunningServer, asgi
from wxcube.server.own_calls import gateway_description
from wxcube.testing import RunningEmulator

STATIC = Path(wxcube.server.__file__).with_name("static")
DESCRIPTIONS = {
    "emulate": emulator_description(),
    "serve": gateway_description(has_health=True, accepts_events=False),
    "serve with events": gateway_description(has_health=True, accepts_events=True),
    "demo": gateway_description(has_health=False, accepts_events=False),
}
of_each = pytest.mark.parametrize("name", DESCRIPTIONS)


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with RunningEmulator(accounts=1, days=40) as running:
        yield running


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningServer]:
    server = DocumentedServer()
    app = with_health(asgi(server.api, server.clock), partial(asyncio.sleep, 0))
    described_app = with_documentation(app, DESCRIPTIONS["serve"], server.clock)
    with RunningServer(described_app) as running:
        yield running


def get(url: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        named = {key.lower(): value for key, value in response.getheaders()}
        return response.status, named, response.read()
    finally:
        connection.close()


@of_each
def test_the_document_of_each_server_is_valid(name: str) -> None:
    OpenAPIV31SpecValidator(described(DESCRIPTIONS[name], date(2026, 3, 9))).validate()


@of_each
def test_own_calls_replace_none_of_wechat(name: str) -> None:
    document, own = openapi(), DESCRIPTIONS[name].calls
    assert not own["paths"].keys() & document["paths"].keys()
    for kind, components in own["components"].items():
        assert not components.keys() & document["components"][kind].keys()
    merged = described(DESCRIPTIONS[name], date(2026, 3, 9))
    operations = [one["operationId"] for item in merged["paths"].values() for one in item.values()]
    assert len(operations) == len(set(operations))


def test_exactly_the_admin_calls_are_described() -> None:
    emulator = small_emulator()
    real = {(method, f"/_wxcube/{name}") for method, name in emulator._admin._handlers}
    real |= {("DELETE", "/_wxcube/faults/{number}")}
    paths = DESCRIPTIONS["emulate"].calls["paths"]
    assert {(m.upper(), path) for path, item in paths.items() for m in item} == real


def test_the_examples_of_admin_calls_work() -> None:
    caller = Caller(small_emulator())
    for path, item in DESCRIPTIONS["emulate"].calls["paths"].items():
        for method, operation in item.items():
            body = operation.get("requestBody", {"content": {"application/json": {}}})
            example = body["content"]["application/json"].get("example")
            name = path.removeprefix("/_wxcube/").replace("{number}", "1")
            reply = caller.admin(method.upper(), name, example)
            assert reply.status == 200 or (name, content(reply)) == (
                "faults/1",
                {"error": "there is no fault 1"},
            )


def test_the_document_has_the_servers_url_and_examples_of_its_newest_day(
    emulator: RunningEmulator,
) -> None:
    document = msgspec.json.decode(get(emulator.url, "/openapi.json")[2])
    assert document["servers"] == [{"url": emulator.url}]
    daily = document["paths"]["/datacube/getusersummary"]["post"]["requestBody"]["content"]
    newest = str(emulator.emulator.last_day)
    assert daily["application/json"]["example"] == {"begin_date": newest, "end_date": newest}
    emulator.emulator.clock.advance(timedelta(days=1))
    document = msgspec.json.decode(get(emulator.url, "/openapi.json")[2])
    daily = document["paths"]["/datacube/getusersummary"]["post"]["requestBody"]["content"]
    assert daily["application/json"]["example"]["end_date"] > newest


@pytest.mark.parametrize("host", ["a<script>", "x y", "a" * 300, "http://x"])
def test_a_strange_host_is_not_repeated(emulator: RunningEmulator, host: str) -> None:
    status, _headers, body = get(emulator.url, "/openapi.json", Host=host)
    assert status in {200, 400}
    assert host.encode() not in body


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Get a token"),
        ("zh-CN", "获取"),
        ("en", "printed by `wxcube app add`"),
        ("zh-CN", "<h1>wxcube serve：按微信 datacube 接口提供你的数据</h1>"),
    ],
)
def test_the_page_is_in_the_readers_language(
    gateway: RunningServer, language: str, words: str
) -> None:
    status, headers, body = get(gateway.url, "/docs", **{"Accept-Language": language})
    assert status == 200
    assert words in body.decode()
    assert headers["content-security-policy"] == CSP
    assert headers["cache-control"] == "no-cache"
    again = get(
        gateway.url, "/docs", **{"Accept-Language": language, "If-None-Match": headers["etag"]}
    )
    assert (again[0], again[2]) == (304, b"")


def test_files_of_the_page_are_kept_by_browsers(gateway: RunningServer) -> None:
    page = get(gateway.url, "/docs")[2].decode()
    addresses = re.findall(r'(?:src|href)="(docs/[^"]+)"', page)
    assert len(addresses) == 4
    for address in addresses:
        status, headers, body = get(gateway.url, f"/{address}")
        assert (status, body) == (200, (STATIC / Path(address).name).read_bytes())
        assert "immutable" in headers["cache-control"]


def test_a_large_file_is_sent_in_parts_that_wait_for_the_caller(
    gateway: RunningServer,
) -> None:
    page = get(gateway.url, "/docs")[2].decode()
    address = next(one for one in re.findall(r'src="(docs/[^"]+)"', page) if "swagger" in one)
    scope = {"type": "http", "method": "GET", "path": f"/{address}", "headers": []}
    sizes = []

    async def send(message: Any) -> None:
        sizes.append(len(message.get("body", b"")))

    server = DocumentedServer()
    app = with_documentation(asgi(server.api), DESCRIPTIONS["demo"], server.clock)
    # nothing in it waits, and a browser of other tests has the event loop
    with pytest.raises(StopIteration):
        app(scope, receive_nothing, send).__await__().__next__()
    assert sum(sizes) == (STATIC / "swagger-ui.js").stat().st_size
    assert max(sizes) <= 1 << 16


async def receive_nothing() -> Any:
    raise AssertionError("a page has no body to read")


@pytest.mark.parametrize(
    "path", ["/docs/", "/docs/x", "/docs/../static", "/docs/0/swagger-ui.js", "/openapi.json/"]
)
def test_other_paths_are_not_there(gateway: RunningServer, path: str) -> None:
    assert get(gateway.url, path)[0] == 404


def test_swagger_ui_is_the_file_of_its_recipe() -> None:
    for line in (STATIC / "swagger-ui.sha256").read_text().splitlines():
        checksum, name = line.split()
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == checksum


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def page(browser: Browser, seen: Seen) -> Iterator[Page]:
    with context(browser) as own:
        page = own.new_page()
        seen.watch(page)
        yield page


def check_quiet(seen: Seen, url: str) -> None:
    assert not seen.problems
    assert {f"{urlsplit(one).scheme}://{urlsplit(one).netloc}" for one in seen.requests} <= {
        url,
        "data://",
    }


@pytest.mark.parametrize("server", ["emulator", "gateway"])
def test_the_page_draws_every_call_and_asks_only_its_server(
    server: str, page: Page, seen: Seen, request: pytest.FixtureRequest
) -> None:
    url: str = request.getfixturevalue(server).url
    page.goto(f"{url}/docs")
    document = msgspec.json.decode(get(url, "/openapi.json")[2])
    count = sum(len(item) for item in document["paths"].values())
    expect(page.locator(".opblock")).to_have_count(count)
    check_quiet(seen, url)


def test_a_call_of_every_group_can_be_read(emulator: RunningEmulator, page: Page) -> None:
    page.goto(f"{emulator.url}/docs")
    for name in ("getusersummary", "getarticletotaldetail"):
        block = page.locator(f"#operations-{endpoint_of(name).group.value}-{name}")
        block.locator(".opblock-summary-control").click()
        expect(block.locator(".responses-wrapper")).to_contain_text("61501")
        expect(block.locator(".responses-wrapper")).to_contain_text("date range error")


def endpoint_of(name: str) -> Any:
    return next(endpoint for endpoint in ENDPOINTS if endpoint.name == name)


def test_a_token_by_one_click_and_a_call_from_the_page(
    emulator: RunningEmulator, page: Page, seen: Seen
) -> None:
    page.goto(f"{emulator.url}/docs")
    appid = emulator.account().appid
    expect(page.locator("input[name=appid]")).to_have_value(appid)
    page.get_by_role("button", name="Get a token").click()
    expect(page.get_by_role("status")).to_have_text("The token is used for the calls below.")
    block = page.locator("#operations-user-getusercumulate")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table")).to_contain_text("cumulate_user")
    calls = emulator.emulator.journal.calls("getusercumulate", errcode=0)
    assert [(call.appid, call.rows) for call in calls] == [(appid, 1)]
    check_quiet(seen, emulator.url)


def test_wrong_credentials_are_told(gateway: RunningServer, page: Page) -> None:
    page.goto(f"{gateway.url}/docs")
    page.locator("input[name=appid]").fill("wxnobody")
    page.locator("input[name=secret]").fill("x")
    page.get_by_role("button", name="Get a token").click()
    expect(page.get_by_role("status")).to_contain_text("40013 invalid appid")


def test_the_document_is_made_once_a_day_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[date] = []

    def watched(description: Description, newest: date) -> Schema:
        made.append(newest)
        return described(description, newest)

    monkeypatch.setattr("wxcube.server.documentation.described", watched)
    clock = ManualClock(datetime(2026, 3, 10, 9, tzinfo=BEIJING))
    page = _Documentation(gateway_description(has_health=True, accepts_events=False), clock)

    def document(host: bytes) -> bytes:
        content = page.content({"path": DOCUMENT, "headers": [(b"host", host)]})
        assert content
        return content.body

    assert document(b"a.example") is document(b"a.example")
    for number in range(20):
        decoded = msgspec.json.decode(document(b"h%d.example" % number))
        assert decoded["servers"] == [{"url": f"http://h{number}.example"}]
    assert len(page._documents) <= 4
    assert len(made) == 1
    clock.advance(timedelta(days=1))
    document(b"a.example")
    assert len(made) == 2


def test_the_call_for_wechats_token_is_described_with_both_methods() -> None:
    description = gateway_description(
        has_health=True, accepts_events=False, gives_wechat_token=True
    )
    call = described(description, date(2026, 3, 9))["paths"]["/wxcube/wechat_token"]
    assert {one["name"] for one in call["get"]["parameters"]} == {"appid", "secret", "access_token"}
    members = call["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert set(members) == {"appid", "secret", "refused"}
    assert [one["name"] for one in call["post"]["parameters"]] == ["access_token"]
