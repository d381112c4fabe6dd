"""Every request gets a reply in WeChat's format."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.documented import APP, DocumentedServer
from support.emulated import ADMIN_HEADERS, small_emulator
from wxcube.contract import ENDPOINTS
from wxcube.server.messages import Reply, Request

SERVER = DocumentedServer()
TOKEN = SERVER.token()
EMULATOR = small_emulator()
PATHS = [
    *(e.path for e in ENDPOINTS),
    "/cgi-bin/token",
    "/cgi-bin/stable_token",
    "/cgi-bin/clear_quota",
    "/cgi-bin/clear_quota/v2",
    "/cgi-bin/openapi/quota/get",
    "/cgi-bin/openapi/quota/clear",
    "/cgi-bin/openapi/rid/get",
    "/cgi-bin/get_api_domain_ip",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
near_dates = st.dates().map(str) | st.from_regex(r"\A[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}\Z")
near_bodies = st.fixed_dictionaries(
    {"begin_date": near_dates | json_values, "end_date": near_dates | json_values},
    optional={
        "cond_source": json_values,
        "card_id": json_values,
        "grant_type": st.just("client_credential"),
        "appid": st.just(APP.appid) | json_values,
        "secret": st.just(APP.secret) | json_values,
        "appsecret": st.just(APP.secret) | json_values,
        "force_refresh": json_values,
        "cgi_path": st.sampled_from(PATHS) | json_values,
        "rid": json_values,
    },
)
encodable = near_bodies.filter(lambda body: "\\ud" not in ascii(body))
bodies = (
    st.binary(max_size=200)
    | json_values.map(repr).map(str.encode)
    | encodable.map(msgspec.json.encode)
)
queries = (
    st.just(f"access_token={TOKEN}")
    | st.text().map(lambda text: f"access_token={quote(text, errors='replace')}")
    | st.text()
)
paths = st.sampled_from(PATHS) | st.text().map(lambda text: f"/datacube/{text}") | st.text()
methods = st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "HEAD", "OPTIONS", "x"])


def check(reply: Reply) -> dict[str, Any] | None:
    """The JSON object of a reply in WeChat's format, None for an empty one."""
    assert reply.status in {200, 404}
    if reply.status == 404:
        assert reply.body == b""
        return None
    content = msgspec.json.decode(reply.body)
    assert isinstance(content, dict)
    assert content.get("errcode") != -1
    assert content.get("errcode", 0) == reply.errcode
    return content


@given(methods, paths, queries, bodies)
def test_every_request_gets_a_reply_in_wechats_format(
    method: str, path: str, query: str, body: bytes
) -> None:
    check(SERVER.api.handle(Request(method, path, query, body)))


@given(st.sampled_from(ENDPOINTS), bodies)
def test_every_body_of_an_authenticated_call_gets_rows_or_an_errcode(
    endpoint: Any, body: bytes
) -> None:
    SERVER.api.call_quota.clear(APP.appid)
    token = SERVER.token()
    SERVER.api.call_quota.clear(APP.appid)
    content = check(
        SERVER.api.handle(Request("POST", endpoint.path, f"access_token={token}", body))
    )
    assert content is not None
    assert content.get("errcode", 0) in {0, 44002, 47001, 61500, 61501}
    assert ("list" in content) == ("errcode" not in content)


@given(methods, paths.map(lambda path: path.replace("/datacube/", "/_wxcube/")), queries, bodies)
def test_the_emulator_replies_to_every_request(
    method: str, path: str, query: str, body: bytes
) -> None:
    reply = EMULATOR.handle(Request(method, path, query, body, headers=ADMIN_HEADERS))
    assert reply.status in {200, 400, 404, 405}
    if reply.body:
        assert isinstance(msgspec.json.decode(reply.body), dict)


admin_paths = st.sampled_from(
    ["state", "clock", "faults", "faults/1", "journal", "accounts", "tokens/expire"]
)
admin_bodies = st.fixed_dictionaries(
    {},
    optional={
        "now": st.datetimes().map(str) | json_values,
        "advance_hours": st.floats(allow_nan=False, allow_infinity=False) | json_values,
        "path": st.text(),
        "errcode": json_values,
        "cut": json_values,
        "until": st.datetimes().map(str) | json_values,
        "times": json_values,
    },
).filter(lambda body: "\\ud" not in ascii(body))


@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    admin_paths,
    admin_bodies.map(msgspec.json.encode),
)
def test_the_admin_api_replies_to_every_request(method: str, path: str, body: bytes) -> None:
    request = Request(method, f"/_wxcube/{path}", "", body, headers=ADMIN_HEADERS)
    reply = EMULATOR.handle(request)
    assert reply.status in {200, 400, 404, 405}
    assert isinstance(msgspec.json.decode(reply.body), dict)


@pytest.mark.parametrize("path", ["/\ud800", "/datacube/\x00", "/datacube/../x", "/_wxcube/\udfff"])
def test_invalid_paths(path: str) -> None:
    assert EMULATOR.handle(Request("POST", path, headers=ADMIN_HEADERS)).status in {200, 404}
