"""Every message of the protocol, declared once for both directions.

Everyone may import this. A message is an immutable record; its `kind` byte and the codec follow
from the declaration here. docs/protocol.md shows each one in hex.
"""

from typing import Annotated

from msgspec import Meta

from protocol.command import AmountCommand as AmountCommand
from protocol.command import Command as Command
from protocol.command import SymbolCommand as SymbolCommand
from protocol.declaration import KINDS as KINDS
from protocol.declaration import Message as Message
from protocol.declaration import message
from protocol.fields import Count, Id, Int64, LongText, Text, TransactionNum
from protocol.operator_messages import Operate as Operate
from protocol.operator_messages import Report as Report
from protocol.records import HistoryLine as HistoryLine
from protocol.records import HoldingLine as HoldingLine
from protocol.records import OrderLine as OrderLine
from protocol.records import StreamPosition as StreamPosition
from protocol.records import TriggerLine as TriggerLine

PROTOCOL_VERSION = 1


# Control: hello, log-in, heartbeat, drain, errors, streams.


@message(0x01)
class Hello(Message):
    """The client's first frame: the versions it speaks and what it is."""

    version_min: Count
    version_max: Count
    agent: Text


@message(0x02)
class Welcome(Message):
    """The server's answer to Hello: the version chosen, its name, and the limits that it sets."""

    version: Count
    server: Text
    frame_bytes_max: Count
    outstanding_max: Count
    heartbeat_ms: Count


@message(0x03)
class LogIn(Message):
    """The first message of a SCRAM exchange (RFC 5802), by the client."""

    mechanism: Text
    client_first: LongText


@message(0x04)
class LogInChallenge(Message):
    """The server's first SCRAM message."""

    server_first: LongText


@message(0x05)
class LogInProof(Message):
    """The client's last SCRAM message."""

    client_final: LongText


@message(0x06)
class LoggedIn(Message):
    """The server's last SCRAM message, and the role that the connection has from now on."""

    server_final: LongText
    role: Text


@message(0x07)
class Error(Message):
    """The request of this id was not carried out and not journalled; with no id, the connection
    ends.
    """

    code: Count
    message: LongText


@message(0x08)
class Ping(Message):
    """Asks for a Pong; sent by either side when nothing else was for a while."""


@message(0x09)
class Pong(Message):
    """Answers a Ping."""


@message(0x0A)
class Drain(Message):
    """Go away: requests after `last_id` are not accepted here; those before are still answered."""

    last_id: Id


@message(0x0B)
class Chunk(Message):
    """A part of a streamed reply, in order; the stream ends with the reply proper or an Error."""

    data: bytes


@message(0x0C)
class HealthRequest(Message):
    """Asks whether the service can do its work."""


@message(0x0D)
class Health(Message):
    """What the service says of itself; `reason` is empty when it is well."""

    ready: bool
    reason: LongText


# Trading: the sixteen commands (SPEC section 1).


@message(0x10)
class Add(Command):
    """ADD: put money into the account."""

    NAME = "ADD"
    amount_cents: Int64

    def arguments(self) -> tuple[str, int, str]:
        """See `Command`."""
        return "", self.amount_cents, ""


@message(0x11)
class QuoteRequest(SymbolCommand):
    """QUOTE: show the price."""

    NAME = "QUOTE"


@message(0x12)
class Buy(AmountCommand):
    """BUY: reserve money for whole shares at the price now."""

    NAME = "BUY"


@message(0x13)
class CommitBuy(Command):
    """COMMIT_BUY: carry out the newest pending buy."""

    NAME = "COMMIT_BUY"


@message(0x14)
class CancelBuy(Command):
    """CANCEL_BUY: give up the newest pending buy."""

    NAME = "CANCEL_BUY"


@message(0x15)
class Sell(AmountCommand):
    """SELL: reserve shares worth up to the amount at the price now."""

    NAME = "SELL"


@message(0x16)
class CommitSell(Command):
    """COMMIT_SELL: carry out the newest pending sell."""

    NAME = "COMMIT_SELL"


@message(0x17)
class CancelSell(Command):
    """CANCEL_SELL: give up the newest pending sell."""

    NAME = "CANCEL_SELL"


@message(0x18)
class SetBuyAmount(AmountCommand):
    """SET_BUY_AMOUNT: put money aside for a buy trigger."""

    NAME = "SET_BUY_AMOUNT"


@message(0x19)
class SetBuyTrigger(AmountCommand):
    """SET_BUY_TRIGGER: arm it; the amount is the price at or below which it fires."""

    NAME = "SET_BUY_TRIGGER"


@message(0x1A)
class CancelSetBuy(SymbolCommand):
    """CANCEL_SET_BUY: as if the buy trigger had never been set."""

    NAME = "CANCEL_SET_BUY"


@message(0x1B)
class SetSellAmount(AmountCommand):
    """SET_SELL_AMOUNT: note how much to sell when the trigger fires."""

    NAME = "SET_SELL_AMOUNT"


@message(0x1C)
class SetSellTrigger(AmountCommand):
    """SET_SELL_TRIGGER: arm it; the amount is the price at or above which it fires."""

    NAME = "SET_SELL_TRIGGER"


@message(0x1D)
class CancelSetSell(SymbolCommand):
    """CANCEL_SET_SELL: as if the sell trigger had never been set."""

    NAME = "CANCEL_SET_SELL"


@message(0x1E)
class DumpLog(Command):
    """DUMPLOG: the log as XML, streamed; an empty user asks for everybody's (administrator
    only).
    """

    NAME = "DUMPLOG"
    filename: Text

    def arguments(self) -> tuple[str, int, str]:
        """See `Command`."""
        return "", 0, self.filename


@message(0x1F)
class DisplaySummary(Command):
    """DISPLAY_SUMMARY: the account at a glance.

    `before_seq` pages back: 0 shows the newest history, else what came before that journal number.
    """

    NAME = "DISPLAY_SUMMARY"
    before_seq: Count = 0


@message(0x20)
class WatchAccount(Message):
    """Asks to be told each change of a user's account, whoever made it; `wanted` false ends
    that.
    """

    user: Text
    wanted: bool = True


COMMANDS: dict[str, type[Command]] = {
    cls.NAME: cls for cls in KINDS.values() if issubclass(cls, Command)
}
"""The sixteen commands by the name that workload files and the audit log give them."""


# Trading: the answers.


@message(0x30)
class Receipt(Message):
    """The command was accepted and is durable.

    :ivar seq: the user's journal sequence number.
    :ivar decided_ms: when it was decided, Unix ms.
    :ivar price_cents: the price that decided, 0 where none did; then `quoted_ms` is 0 too.
    :ivar shares: whole shares that moved, or would move at the commit.
    :ivar total_cents: `shares * price_cents`, or the money that the command moved.
    :ivar valid_until_ms: BUY and SELL: last moment to commit; QUOTE: last moment of the price; else
        0.
    """

    seq: Count
    decided_ms: Count
    price_cents: Count = 0
    quoted_ms: Int64 = 0
    shares: Count = 0
    total_cents: Count = 0
    valid_until_ms: Int64 = 0


@message(0x31)
class Refused(Message):
    """The command was refused for good and nothing else changed; the refusal is in the journal.

    The price is told where one decided, else it is 0.
    """

    code: Count
    message: LongText
    seq: Count
    decided_ms: Count
    price_cents: Count = 0
    quoted_ms: Int64 = 0


@message(0x32)
class Summary(Message):
    """The answer to DISPLAY_SUMMARY; `history` is newest first and pages on from
    `history_before_seq`, 0 at the end.
    """

    seq: Count
    decided_ms: Count
    exists: bool
    cash_cents: Count
    reserve_cents: Count
    holdings: Annotated[list[HoldingLine], Meta(max_length=20_000)]
    orders: Annotated[list[OrderLine], Meta(max_length=2_000)]
    triggers: Annotated[list[TriggerLine], Meta(max_length=40_000)]
    history: Annotated[list[HistoryLine], Meta(max_length=1_000)]
    history_before_seq: Count


@message(0x33)
class WatchingAccount(Message):
    """The watch has begun, after the entry numbered `seq`, or ended."""

    user: Text
    wanted: bool
    seq: Count = 0


@message(0x34)
class AccountChanged(Message):
    """One entry of an account that is watched, in order, and what the account has after it.

    `line` is nil where entries were passed over: look at the account again.
    """

    user: Text
    seq: Count
    cash_cents: Count
    reserve_cents: Count
    line: HistoryLine | None


# Quotes: prices from the proxy that all nodes share.


@message(0x40)
class GetPrice(Message):
    """Asks for a price that may decide a trade, in the name of a user and for its command.

    `ahead` says that the asker holds one that is about to lapse: it wants the next one.
    """

    user: Text
    symbol: Text
    transaction_num: TransactionNum
    ahead: bool = False


@message(0x41)
class Price(Message):
    """A price with the hit behind it; told again under a watch's id with each new price.

    :ivar usable_ms: for how long from now it may be used.
    """

    symbol: Text
    price_cents: Count
    quoted_ms: Int64
    cryptokey: Text
    asker: Text
    usable_ms: Count


@message(0x42)
class WatchPrice(Message):
    """Asks to be told each new price of a stock, and, unless `passive`, that there is one at every
    moment.

    `wanted` false ends that. The user and the number are those of the oldest trigger that waits.
    """

    user: Text
    symbol: Text
    transaction_num: TransactionNum
    wanted: bool
    passive: bool = False


@message(0x43)
class Watching(Message):
    """The watch has begun or ended."""

    symbol: Text
    wanted: bool


# Audit: journal entries to the daemon, and the log back.


@message(0x50)
class Append(Message):
    """Journal entries of one stream, numbered from `first_number` without gaps; each is an
    encoded ledger entry.
    """

    stream: Text
    first_number: Count
    entries: list[bytes]


@message(0x51)
class Appended(Message):
    """Everything of the stream up to `last_number` is stored durably."""

    stream: Text
    last_number: Count


@message(0x52)
class AppendFrom(Message):
    """Asks from which number on the daemon lacks entries of the stream; answered by Appended."""

    stream: Text


@message(0x53)
class Dump(Message):
    """Asks for the log as XML, of one user or (empty) of all, as far as `positions` reach; `last`
    is told last. Hits that no command used are told up to `until_ms`, 0 for all.

    Answered by Chunks and then Dumped.
    """

    user: Text
    positions: Annotated[list[StreamPosition], Meta(max_length=10_000)]
    last: StreamPosition | None
    deadline_ms: Count
    until_ms: Count = 0


@message(0x54)
class Dumped(Message):
    """The end of a dump, with the number of XML records that it held."""

    records: Count


@message(0x55)
class AppendSecurity(Message):
    """Events of the security log, in a stream of their own; each is encoded as
    `audit.security.SecurityEvent`.
    """

    stream: Text
    first_number: Count
    entries: list[bytes]
