"""Errors for programs: problem+json (RFC 9457) with the numbered code.

Pure.
"""

from http import HTTPStatus

import msgspec

from protocol.errors import Code, TradeError
from web.visit import PROBLEM, Reply

_STATUS = {
    Code.ID_REUSED: HTTPStatus.CONFLICT,
    Code.DRAINING: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.UNKNOWN_USER: HTTPStatus.NOT_FOUND,
    Code.BAD_USER: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.BAD_SYMBOL: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.BAD_AMOUNT: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.BAD_FILENAME: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.QUOTE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.LOGIN_FAILED: HTTPStatus.UNAUTHORIZED,
    Code.NOT_PERMITTED: HTTPStatus.FORBIDDEN,
    Code.TOO_MANY_OUTSTANDING: HTTPStatus.TOO_MANY_REQUESTS,
    Code.SLOW_DOWN: HTTPStatus.TOO_MANY_REQUESTS,
    Code.NAME_TAKEN: HTTPStatus.CONFLICT,
    Code.BAD_PASSWORD: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.FORGED_REQUEST: HTTPStatus.FORBIDDEN,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.STORE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.AUDIT_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(code: int) -> HTTPStatus:
    """The HTTP status: 400 for what cannot be read, 409 for what the account forbids."""
    try:
        known = Code(code)
    except ValueError:
        return HTTPStatus.INTERNAL_SERVER_ERROR
    if known in _STATUS:
        return _STATUS[known]
    return HTTPStatus.BAD_REQUEST if known < Code.UNKNOWN_USER else HTTPStatus.CONFLICT


def problem_reply(refusal: TradeError, **more: object) -> Reply:
    """The error as a program reads it; `more` are members of the kind of error."""
    status = status_of(refusal.code)
    problem = {
        "type": f"/api#{refusal.code.name}",
        "title": refusal.code.name,
        "status": int(status),
        "detail": refusal.message,
        "code": int(refusal.code),
        **more,
    }
    headers = {}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="DayTrade", charset="UTF-8"'
    return Reply(status, msgspec.json.encode(problem), PROBLEM, headers)
