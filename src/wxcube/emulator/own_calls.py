"""The emulator's admin calls, as parts of an OpenAPI document."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from wxcube.contract.openapi_parts import Schema, as_json_body, reference
from wxcube.emulator.admin import ADMIN, ClockChange, Expiry
from wxcube.emulator.faults import Fault
from wxcube.emulator.journal import Entry
from wxcube.emulator.pushing import Pushed
from wxcube.i18n import _
from wxcube.server.documentation import Description

_TAG = "wxcube"
_REFUSALS = {
    "400": "the body or a value is invalid",
    "401": "the password is missing",
    "403": "not a program or page of this machine",
    "415": "the content type is not application/json",
}
_ACCOUNT: Schema = {
    "type": "object",
    "properties": {
        "appid": {"type": "string"},
        "secret": {"type": "string"},
        "name": {"type": "string"},
        "permission_sets": {"type": "array", "items": {"type": "integer"}},
    },
}
_ANY: Schema = {"type": "object"}
_PUSHES = reference("Pushed") | {"description": "with the url; empty without --push"}


@cache
def emulator_description() -> Description:
    """What `wxcube emulate` says of itself."""
    _structs, schemas = msgspec.json.schema_components(
        [ClockChange, Expiry, Fault, Entry, Pushed], ref_template="#/components/schemas/{name}"
    )
    return Description(
        title=_("wxcube emulate: WeChat's datacube API with simulated accounts"),
        calls={
            "tags": [{"name": _TAG, "description": "clock, faults and journal of the emulator"}],
            "paths": {f"{ADMIN}{name}": item for name, item in _calls().items()},
            "components": {
                "schemas": schemas,
                "securitySchemes": {"password": {"type": "http", "scheme": "bearer"}},
            },
        },
        where=_("The emulator prints its AppIDs and secrets when it starts."),
        accounts=f"{ADMIN}accounts",
    )


def _calls() -> dict[str, Any]:
    wanted = [
        {"name": name, "in": "query", "schema": {"type": "string"}, "description": "a pattern"}
        for name in ("endpoint", "appid")
    ]
    number = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}
    remove_fault = _call("remove_fault", "remove a fault") | {"parameters": [number]}
    accounts, journal = _list("accounts", _ACCOUNT), _list("calls", reference("Entry"))
    return {
        "accounts": {"get": _call("accounts", "appid and secret of the accounts", accounts)},
        "state": {"get": _call("state", "clock, days, seed, era, quirks and counts")},
        "clock": {
            "get": _call("clock", "the time and the newest day with figures"),
            "put": _call("set_clock", "move the clock: to a time, by hours, or both")
            | _body(ClockChange, {"advance_hours": 24}),
        },
        "faults": {
            "get": _call("faults", "the active faults", _list("faults", reference("Fault"))),
            "post": _call("add_fault", "have chosen calls fail")
            | _body(Fault, {"path": "getuserread", "errcode": 45009, "times": 1}),
            "delete": _call("clear_faults", "remove all faults"),
        },
        "faults/{number}": {"delete": remove_fault},
        "journal": {
            "get": _call("journal", "the calls so far", journal) | {"parameters": wanted},
            "delete": _call("clear_journal", "forget the calls so far"),
        },
        "pushes": {"get": _call("pushes", "how many callbacks were pushed, and where", _PUSHES)},
        "tokens/expire": {
            "post": _call("expire_tokens", "end the tokens of an account, or of all")
            | _body(Expiry, {})
        },
    }


def _call(name: str, summary: str, answer: Schema = _ANY) -> Schema:
    failed = {status: {"description": meaning} for status, meaning in _REFUSALS.items()}
    done = {"200": {"description": "done", "content": {"application/json": {"schema": answer}}}}
    return {
        "operationId": name,
        "tags": [_TAG],
        "summary": summary,
        "security": [{}, {"password": []}],
        "responses": done | failed,
    }


def _body(kind: type[msgspec.Struct], example: object) -> Schema:
    return {"requestBody": {"content": as_json_body(reference(kind.__name__), example=example)}}


def _list(name: str, item: Schema) -> Schema:
    rows = {"type": "array", "items": item}
    return {"type": "object", "properties": {name: rows}, "required": [name]}
