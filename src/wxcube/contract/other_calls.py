"""The calls of WeChat's protocol besides the datacube: tokens, quota, rids and addresses.

Shapes and limits are those of WeChat's pages of these calls.
"""

from __future__ import annotations

from typing import Any

from wxcube.contract.openapi_parts import Schema, as_json_body, either, errcodes_of, reference

TAGS = [
    {"name": "token", "description": "凭证: access tokens"},
    {"name": "operations", "description": "运维: quota of calls, and refused calls by their rid"},
]
_APPID = "wx0123456789abcdef"
_SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - an example
_TOKEN = {"access_token": "ACCESS_TOKEN", "expires_in": 7200}
_OK = {"errcode": 0, "errmsg": "ok"}
_STRING: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}


def _object(required: Schema, **optional: Schema) -> Schema:
    return {"type": "object", "properties": required | optional, "required": list(required)}


_CREDENTIALS: Schema = {"grant_type": {"const": "client_credential"}, "appid": _STRING, "secret": _STRING}
_FORCE = {"type": "boolean", "default": False, "description": "invalidate the old token now; 20 a day, 30 s apart"}
_SUCCESS: Schema = {"errcode": {"const": 0}, "errmsg": _STRING}
_RATE = _object({"call_count": _COUNT, "refresh_second": _COUNT})
_QUOTA = _object({"daily_limit": _COUNT, "used": _COUNT, "remain": _COUNT})
_REFUSED_CALL = _object(
    {
        "invoke_time": {"type": "integer", "description": "Unix seconds"},
        "cost_in_ms": _COUNT,
        "request_url": _STRING,
        "request_body": _STRING,
        "response_body": _STRING,
        "client_ip": _STRING,
    }
)

SCHEMAS: Schema = {
    "Token": _object(
        {
            "access_token": {"type": "string", "maxLength": 512},
            "expires_in": {"type": "integer", "description": "seconds it is still good for", "minimum": 0, "maximum": 7200},
        }
    ),
    "StableTokenRequest": _object(_CREDENTIALS, force_refresh=_FORCE),
    "AppidRequest": _object({"appid": _STRING}),
    "AppSecretRequest": _object({"appid": _STRING, "appsecret": _STRING}),
    "PathRequest": _object({"cgi_path": {"type": "string", "description": "path of a call with its leading slash, without the host"}}),
    "RidRequest": _object({"rid": {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$"}}),
    "Success": _object(_SUCCESS),
    "QuotaAnswer": _object(_SUCCESS | {"quota": _QUOTA}, rate_limit=_RATE, component_rate_limit=_RATE),
    "RidAnswer": _object(_SUCCESS | {"request": _REFUSED_CALL}),
    "AddressesAnswer": _object({"ip_list": {"type": "array", "items": _STRING}}),
}


def other_calls() -> Schema:
    """The path items of these calls."""
    path = {"cgi_path": "/datacube/getusersummary"}
    credentials = {"appid": _APPID, "appsecret": _SECRET}
    no_rate = {"call_count": 0, "refresh_second": 0}
    quota = {"quota": {"daily_limit": 10_000, "used": 3, "remain": 9_997}, "rate_limit": no_rate, "component_rate_limit": no_rate}
    return _token_calls() | {
        "/cgi-bin/openapi/quota/get": _post(
            ("quota", "limit and number of today's calls of a path", "An account without a limit has the largest number there is."),
            ("PathRequest", path),
            ("QuotaAnswer", _OK | quota),
        ),
        "/cgi-bin/openapi/quota/clear": _post(
            ("clear_path", "reset today's number of calls of a path", "50 a month."), ("PathRequest", path), ("Success", _OK)
        ),
        "/cgi-bin/clear_quota": _post(
            ("clear_quota", "reset today's numbers of all calls", "10 a month, together with the call by secret."),
            ("AppidRequest", {"appid": _APPID}),
            ("Success", _OK),
        ),
        "/cgi-bin/clear_quota/v2": _post(
            ("clear_quota_v2", "reset today's numbers of all calls, by secret", "Needs no access token."),
            ("AppSecretRequest", credentials),
            ("Success", _OK),
            security=False,
        ),
        "/cgi-bin/openapi/rid/get": _post(
            ("rid", "a refused call by the rid of its errmsg", "For 7 days."),
            ("RidRequest", {"rid": "61725984-6126f6f9-040f19c4"}),
            ("RidAnswer", _OK | {"request": _refused_call()}),
        ),
        "/cgi-bin/get_api_domain_ip": {
            "get": {
                "operationId": "get_api_domain_ip",
                "tags": ["operations"],
                "summary": "addresses of the API",
                "security": [{"access_token": []}],
                "responses": {"200": either("AddressesAnswer", errcodes_of("operations"), {"ip_list": ["127.0.0.1"]})},
            }
        },
    }


def _post(about: tuple[str, str, str], request: tuple[str, object], answer: tuple[str, object], *, security: bool = True) -> dict[str, Schema]:
    """A POST of the operations group: (id, summary, description), and the schema and example of its bodies."""
    name, summary, description = about
    return {
        "post": {
            "operationId": name,
            "tags": ["operations"],
            "summary": summary,
            "description": description,
            "security": [{"access_token": []}] if security else [],
            "requestBody": {"required": True, "content": as_json_body(reference(request[0]), example=request[1])},
            "responses": {"200": either(answer[0], errcodes_of("operations"), answer[1])},
        }
    }


def _refused_call() -> dict[str, Any]:
    return {
        "invoke_time": 1635156704,
        "cost_in_ms": 30,
        "request_url": "/datacube/getusersummary",
        "request_body": '{"begin_date":"2021-10-25","end_date":"2021-10-25"}',
        "response_body": '{"errcode":61501,"errmsg":"date range error rid: 61725984-6126f6f9-040f19c4"}',
        "client_ip": "203.0.113.5",
    }


def _token_calls() -> Schema:
    shared: Schema = {"tags": ["token"], "security": [], "responses": {"200": either("Token", errcodes_of("token"), _TOKEN)}}
    token = {
        "operationId": "token",
        "summary": "new access token",
        "description": "Ends the token before it, which stays good for 5 more minutes. 2000 a day.",
        "parameters": [
            _query("grant_type", {"const": "client_credential"}, "client_credential"),
            _query("appid", _STRING, _APPID),
            _query("secret", _STRING, _SECRET),
        ],
    }
    stable = {
        "operationId": "stable_token",
        "summary": "access token that all callers share",
        "description": "The same token for everybody until its last 5 minutes. 10000 a minute, 500000 a day.",
        "requestBody": {
            "required": True,
            "content": as_json_body(reference("StableTokenRequest"), example={"grant_type": "client_credential", "appid": _APPID, "secret": _SECRET}),
        },
    }
    return {"/cgi-bin/token": {"get": token | shared}, "/cgi-bin/stable_token": {"post": stable | shared}}


def _query(name: str, schema: Schema, example: str) -> Schema:
    return {"name": name, "in": "query", "required": True, "schema": schema, "example": example}
