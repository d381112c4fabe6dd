"""Calls of `wxcube serve` that WeChat does not have, as parts of an OpenAPI document."""

from __future__ import annotations

from typing import Any

from wxcube.beijing import Clock
from wxcube.contract.openapi_parts import Schema, either
from wxcube.i18n import _
from wxcube.server.documentation import Description, with_documentation
from wxcube.server.events_api import CONTENT_TYPES
from wxcube.server.events_api import PATH as EVENTS
from wxcube.server.health import ALIVE, READY
from wxcube.server.http import AsgiApp
from wxcube.server.wechat_tokens import WECHAT_TOKEN_PATH

OWN_TAG = "wxcube"
_TOKEN_ERRCODES = (-1, 40001, 40013, 40125, 40164, 41001, 41002, 41004, 42001, 45009, 45011, 48001)
_COUNT: Schema = {"type": "integer", "minimum": 0}
_RECEIPT: Schema = {
    "type": "object",
    "properties": {
        "accepted": _COUNT | {"description": "events that are stored"},
        "refused": _COUNT | {"description": "invalid lines"},
        "errors": {"type": "array", "items": {"type": "object"}, "description": "line and reason"},
        "error": {"type": "string"},
        "dead_letters": {"type": "string", "description": "the file with the invalid lines"},
    },
    "required": ["accepted"],
}
_EVENT = (
    '{"event": "message", "id": "m-1", "account": "wx0123456789abcdef", "at": 1772326800, '
    '"user": "o1", "msg_type": 1}\n'
)


def described_gateway(
    app: AsgiApp,
    clock: Clock,
    *,
    has_health: bool = False,
    accepts_events: bool = False,
    gives_wechat_token: bool = False,
) -> AsgiApp:
    """The application of a gateway with `/docs` and `/openapi.json` added."""
    description = gateway_description(
        has_health=has_health,
        accepts_events=accepts_events,
        gives_wechat_token=gives_wechat_token,
    )
    return with_documentation(app, description, clock)


def gateway_description(
    *, has_health: bool, accepts_events: bool, gives_wechat_token: bool = False
) -> Description:
    """What a gateway says of itself, with the calls that it has beyond WeChat's."""
    paths = (_health() if has_health else {}) | (_events() if accepts_events else {})
    paths |= _wechat_token() if gives_wechat_token else {}
    schemes = {"events_token": {"type": "http", "scheme": "bearer"}} if accepts_events else {}
    return Description(
        title=_("wxcube serve: your figures over WeChat's datacube API"),
        calls={
            "tags": [{"name": OWN_TAG, "description": "calls of this server, not of WeChat"}]
            if paths
            else [],
            "paths": paths,
            "components": {"securitySchemes": schemes},
        },
        where=_(
            "AppIDs and their secrets are in the apps file that `wxcube serve` names, or were "
            "printed by `wxcube app add`."
        ),
    )


def plain_text(description: str) -> Schema:
    """A response that is a line of text."""
    return {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}


def _health() -> dict[str, Any]:
    alive = {"200": plain_text("the process answers")}
    ready = {
        "200": plain_text("the database can be read"),
        "503": plain_text("it cannot"),
    }
    return {
        ALIVE: {"get": _reading("healthz", "whether the process answers", alive)},
        READY: {"get": _reading("readyz", "whether it can answer with rows", ready)},
    }


def _wechat_token() -> dict[str, Any]:
    responses = {"200": either("Token", _TOKEN_ERRCODES, {"access_token": "…", "expires_in": 7000})}
    summary = "WeChat's own token of the app's account, for apps that may have it"
    description = "With appid and secret, or with an access_token of this server."
    text = {"type": "string"}
    get = {
        **_reading("wechat_token", summary, responses),
        "description": description,
        "parameters": [
            {"name": name, "in": "query", "schema": text}
            for name in ("appid", "secret", "access_token")
        ],
    }
    refused = text | {"description": "a token that WeChat refused: another one is given"}
    members = {"appid": text, "secret": text, "refused": refused}
    body = {"schema": {"type": "object", "properties": members}}
    post = {
        **_reading("wechat_token_post", summary, responses),
        "description": description,
        "parameters": [{"name": "access_token", "in": "query", "schema": text}],
        "requestBody": {"required": False, "content": {"application/json": body}},
    }
    return {WECHAT_TOKEN_PATH: {"get": get, "post": post}}


def _reading(name: str, summary: str, responses: Schema) -> Schema:
    return {
        "operationId": name,
        "tags": [OWN_TAG],
        "summary": summary,
        "security": [],
        "responses": responses,
    }


def _events() -> dict[str, Any]:
    receipt = {"content": {"application/json": {"schema": _RECEIPT}}}
    meanings = {
        "200": "the events are stored durably",
        "400": "on_error is neither reject nor skip",
        "401": "the token is missing or wrong",
        "413": "the body is too large; send smaller batches",
        "415": "the content type is not JSON Lines, or the body is compressed",
        "422": "a line is invalid, and nothing is stored",
        "503": "the store cannot take events now; send them again",
    }
    on_error = {
        "name": "on_error",
        "in": "query",
        "schema": {"enum": ["reject", "skip"], "default": "reject"},
    }
    post = {
        "operationId": "events",
        "tags": [OWN_TAG],
        "summary": "store a batch of your events",
        "description": "One JSON object per line. Sending a batch again is safe.",
        "security": [{"events_token": []}],
        "parameters": [on_error],
        "requestBody": {
            "required": True,
            "content": {CONTENT_TYPES[0]: {"schema": {"type": "string"}, "example": _EVENT}},
        },
        "responses": {
            status: {"description": meaning} | receipt for status, meaning in meanings.items()
        },
    }
    return {EVENTS: {"post": post}}
