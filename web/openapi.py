"""The API's own description, OpenAPI 3.1, made from the table of commands.

Pure. Served as JSON; the page that people read is made from the same table.
"""

from typing import Any

from web.commands import DUMPLOG, FORMS, SUMMARY, Form

API = "/api/v1"

_MONEY = {"type": "string", "pattern": r"^[0-9]{1,11}(\.[0-9]{1,2})?$", "examples": ["12.50"]}
_FIELDS: dict[str, dict[str, Any]] = {
    "symbol": {"type": "string", "pattern": "^[A-Za-z]{1,3}$", "examples": ["ABC"]},
    "amount": _MONEY,
}
_WHOLE = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list_of(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": _object(**properties)}


_RECEIPT = _object(
    seq=_WHOLE,
    decided_ms=_WHOLE,
    price=_MONEY,
    quoted_ms=_WHOLE,
    shares=_WHOLE,
    total=_MONEY,
    valid_until_ms=_WHOLE,
)
_SUMMARY = _object(
    seq=_WHOLE,
    decided_ms=_WHOLE,
    exists={"type": "boolean"},
    cash=_MONEY,
    reserve=_MONEY,
    holdings=_list_of(symbol=_TEXT, shares=_WHOLE),
    orders=_list_of(
        side=_TEXT,
        symbol=_TEXT,
        shares=_WHOLE,
        price=_MONEY,
        decided_ms=_WHOLE,
        valid_until_ms=_WHOLE,
    ),
    triggers=_list_of(side=_TEXT, symbol=_TEXT, amount=_MONEY, price=_MONEY, shares=_WHOLE),
    history=_list_of(
        seq=_WHOLE,
        decided_ms=_WHOLE,
        transaction_num=_WHOLE,
        name=_TEXT,
        code=_WHOLE,
        symbol=_TEXT,
        amount=_TEXT,
        price=_MONEY,
        shares=_WHOLE,
        total=_MONEY,
    ),
    history_before_seq=_WHOLE,
)
_PROBLEM = _object(
    type=_TEXT,
    title=_TEXT,
    status=_WHOLE,
    detail=_TEXT,
    code=_WHOLE,
    seq=_WHOLE,
    decided_ms=_WHOLE,
)
_FAILED = {
    "description": "Refused, with the numbered code; with `seq` it is journalled and final",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same body again is answered as the first time",
    "schema": {"type": "string", "maxLength": 255},
}


def _json_body(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "properties": properties}
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _answer(text: str, content_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {content_type: {"schema": schema}}}


def _operation(form: Form) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": form.name, "summary": form.help}
    if form.name == DUMPLOG:
        done = _answer("The log", "application/xml", _TEXT)
    elif form.name == SUMMARY:
        done = _answer("The account", "application/json", {"$ref": "#/components/schemas/Summary"})
        operation["requestBody"] = _json_body([], {"before_seq": _TEXT})
    else:
        done = _answer(
            "Done, and durable", "application/json", {"$ref": "#/components/schemas/Receipt"}
        )
        operation["parameters"] = [_KEY_HEADER]
        if form.fields:
            properties = {name: _FIELDS[name] for name in form.fields}
            if "amount" in properties:
                properties["amount"] = {**_MONEY, "description": form.amount_label}
            operation["requestBody"] = _json_body(list(form.fields), properties)
    operation["responses"] = {"200": done, "4XX": _FAILED, "5XX": _FAILED}
    return operation


def description() -> dict[str, Any]:
    """The whole description, to be served as JSON."""
    made = _answer("A token", "application/json", _object(token=_TEXT, expires_in_s=_WHOLE))
    token = {
        "post": {
            "operationId": "openToken",
            "summary": "Log in: a token for the Authorization header",
            "security": [],
            "requestBody": _json_body(["name", "password"], {"name": _TEXT, "password": _TEXT}),
            "responses": {"201": made, "4XX": _FAILED},
        },
        "delete": {
            "operationId": "endToken",
            "summary": "Log out: the token is good for nothing any more",
            "responses": {"204": {"description": "Done"}, "4XX": _FAILED},
        },
    }
    commands = {f"/{form.path}": {"post": _operation(form)} for form in FORMS.values()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "DayTrade", "version": "1", "license": {"name": "MIT"}},
        "servers": [{"url": API}],
        "security": [{"token": []}, {"password": []}],
        "paths": {"/token": token, **commands},
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
            "schemas": {"Receipt": _RECEIPT, "Summary": _SUMMARY, "Problem": _PROBLEM},
        },
    }
