"""Errors that are safe to show to a peer, numbered in ranges.

Everyone may import this. A `TradeError` holds nothing that a client may not know: what stays secret
goes to our own log and reaches the client as INTERNAL.
"""

from enum import IntEnum
from typing import Final


class Code(IntEnum):
    """What went wrong. 0 is success; the thousands tell whose business the error is."""

    OK = 0

    # 1xxx: the protocol was not kept. Never journalled; the command may be sent again.
    BAD_FRAME = 1001
    FRAME_TOO_LONG = 1002
    UNKNOWN_KIND = 1003
    BAD_BODY = 1004
    UNEXPECTED_MESSAGE = 1005
    VERSION_UNSUPPORTED = 1006
    ID_REUSED = 1007
    DRAINING = 1008
    TOO_SLOW = 1009
    RESERVED_ID = 1010

    # 11xx: text that could not be read as a command, found where the text is read.
    UNREADABLE_FILE = 1101
    BAD_LINE = 1102
    UNKNOWN_COMMAND = 1103
    WRONG_ARGUMENTS = 1104
    BAD_AMOUNT_TEXT = 1105

    # 2xxx: account, funds and what a command names.
    UNKNOWN_USER = 2001
    BAD_USER = 2002
    BAD_SYMBOL = 2003
    BAD_AMOUNT = 2004
    INSUFFICIENT_FUNDS = 2005
    INSUFFICIENT_HOLDING = 2006
    AMOUNT_TOO_SMALL_FOR_A_SHARE = 2007
    SUM_TOO_LARGE = 2008
    BAD_FILENAME = 2009

    # 3xxx: the price.
    QUOTE_UNAVAILABLE = 3001

    # 4xxx: pending orders.
    NO_PENDING_BUY = 4001
    NO_PENDING_SELL = 4002
    TOO_MANY_PENDING = 4003

    # 5xxx: triggers.
    NO_BUY_AMOUNT = 5001
    NO_SELL_AMOUNT = 5002
    TOO_MANY_TRIGGERS = 5003

    # 6xxx: permission and limits.
    LOGIN_FAILED = 6001
    NOT_PERMITTED = 6002
    TOO_MANY_OUTSTANDING = 6003
    SLOW_DOWN = 6004
    TOO_MANY_CONNECTIONS = 6005
    TOO_MANY_WATCHES = 6006
    UNKNOWN_VERB = 6007

    # 61xx: users of the web.
    NAME_TAKEN = 6101
    BAD_PASSWORD = 6102
    FORGED_REQUEST = 6103

    # 9xxx: our own trouble. Never journalled; the command may be sent again.
    INTERNAL = 9001
    STORE_UNAVAILABLE = 9002
    AUDIT_UNAVAILABLE = 9003


OK: Final = Code.OK
"""For code that runs for each command: to look a member of an enum up costs as much as a call."""


class TradeError(Exception):
    """An error with a number and a sentence that says what to do; both are safe to send."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(f"{int(code)} {code.name}: {message}")
        self.code = code
        self.message = message


class ProtocolError(Exception):
    """The protocol was not kept; raise one of the two kinds below."""

    def __init__(self, code: Code, message: str) -> None:
        if type(self) is ProtocolError:
            raise TypeError("say whose fault it is: LocalProtocolError or RemoteProtocolError")
        super().__init__(f"{int(code)} {code.name}: {message}")
        self.code = code
        self.message = message


class LocalProtocolError(ProtocolError):
    """We tried to send what the state of the connection forbids."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what the protocol forbids; the connection cannot go on."""
