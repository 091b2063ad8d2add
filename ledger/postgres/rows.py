"""Accounts and batches as Postgres wants them written, and rows back as accounts.

Used by `ledger.postgres` alone. A batch is one call with array literals, composed here: to let the
driver adapt Python lists costs several times as much.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any
from uuid import UUID

import msgspec

from ledger.account import Account, PendingOrder, Side, Trigger
from ledger.store import Stream
from ledger.writes import AccountWrite, JournalLine

_encode_json = msgspec.json.Encoder().encode
encode_pending = msgspec.msgpack.Encoder().encode
_decode_pending = msgspec.msgpack.Decoder(tuple[list[PendingOrder], list[PendingOrder]]).decode
_decode_holdings = msgspec.json.Decoder(dict[str, int]).decode
_decode_triggers = msgspec.json.Decoder(list[tuple[Side, str, int, int, int, str, int, int]]).decode

ACCOUNT_COLUMNS = """
    a.user_name, a.opened, a.seq, a.decided_ms, a.cash_cents, a.reserve_cents, a.pending,
    a.lapse_check_ms, a.last_id::text,
    (SELECT json_object_agg(h.symbol, h.shares)::text FROM holding h
     WHERE h.user_name = a.user_name AND h.shares > 0),
    (SELECT json_agg(json_build_array(s.side, s.symbol, s.amount_cents, s.price_cents, s.shares,
                                      encode(s.armed_by, 'hex'), s.transaction_num,
                                      s.armed_ms))::text
     FROM standing_trigger s WHERE s.user_name = a.user_name)
"""
"""What `read_account` reads, from `account a`."""


def read_account(row: Sequence[Any]) -> Account:
    """An account from the columns above."""
    account = Account(row[0])
    account.exists = row[1]
    account.seq, account.decided_ms = row[2], row[3]
    account.cash_cents, account.reserve_cents = row[4], row[5]
    account.buys, account.sells = _decode_pending(bytes(row[6]))
    account.lapse_check_ms = row[7]
    if row[8] is not None:
        account.last_id = UUID(row[8]).bytes
    if row[9] is not None:
        account.holdings = _decode_holdings(row[9])
    for line in _decode_triggers(row[10] or "[]"):
        side, symbol, amount_cents, price_cents, shares, armed_by, transaction_num, armed_ms = line
        account.triggers(side)[symbol] = Trigger(
            side,
            symbol,
            amount_cents,
            price_cents,
            shares,
            bytes.fromhex(armed_by),
            transaction_num,
            armed_ms,
        )
    return account


def array(values: Sequence[str] | Sequence[int] | Sequence[bool]) -> str:
    """An SQL literal of whole numbers, truth values, or plain ASCII texts: names, symbols, sides.

    It is JSON in other brackets: no name or symbol has a character that either would escape.
    """
    return f"'{{{_encode_json(values)[1:-1].decode()}}}'"


def bytes_array(values: Iterable[str | None]) -> str:
    """An SQL literal of byte strings, each given in hexadecimal; None is NULL."""
    items = ["NULL" if value is None else f'"\\\\x{value}"' for value in values]
    return f"'{{{','.join(items)}}}'"


def uuid_array(values: Iterable[bytes]) -> str:
    """An SQL literal of 128-bit ids."""
    return f"'{{{b''.join(values).hex(',', 16)}}}'"


def bytes_literal(value: bytes) -> str:
    """An SQL literal of bytes."""
    return f"'\\x{value.hex()}'"


_NO_TRIGGER = Trigger(Side.BUY, "", 0)


def batch_call(stream: Stream, writes: Sequence[AccountWrite], lines: Sequence[JournalLine]) -> str:
    """The one statement that writes a batch, with its lines in the order of their numbers.

    See write_batch in the migrations.
    """
    accounts = [write.account for write in writes]
    places = {line.command_id: place for place, line in enumerate(lines, 1)}
    decided_ms = [account.decided_ms for account in accounts]
    has_new = any(write.expected_seq == 0 for write in writes)
    arguments = (
        str(stream.key),
        str(stream.epoch),
        str(stream.last_number + 1),
        str(max(decided_ms, default=0)),
        str(has_new),
        array([account.user for account in accounts]),
        array([write.expected_seq for write in writes]),
        array([account.exists for account in accounts]),
        array([account.seq for account in accounts]),
        array(decided_ms),
        array([account.cash_cents for account in accounts]),
        array([account.reserve_cents for account in accounts]),
        bytes_array([_pending(write) for write in writes]),
        array([account.lapse_check_ms for account in accounts]),
        array([places.get(account.last_id, 0) for account in accounts]),
        *_holding_arrays(writes),
        *_trigger_arrays(writes),
        *_journal_arrays(lines),
    )
    return f"SELECT write_batch({','.join(arguments)})"


def _pending(write: AccountWrite) -> str | None:
    """The pending orders; None where those that are stored stay as they are."""
    if write.has_new_pending or not write.expected_seq:
        return encode_pending((write.account.buys, write.account.sells)).hex()
    return None


def _holding_arrays(writes: Sequence[AccountWrite]) -> tuple[str, ...]:
    changed = [
        (write.account.user, symbol, write.account.holdings.get(symbol, 0))
        for write in writes
        for symbol in sorted(write.symbols)
    ]
    return (
        array([user for user, _, _ in changed]),
        array([symbol for _, symbol, _ in changed]),
        array([shares for _, _, shares in changed]),
    )


def _trigger_arrays(writes: Sequence[AccountWrite]) -> tuple[str, ...]:
    changed = [(name, write.account) for write in writes for name in dict.fromkeys(write.triggers)]
    names = [name for name, _ in changed]
    triggers = [
        account.triggers(name.side).get(name.symbol, _NO_TRIGGER) for name, account in changed
    ]
    return (
        array([name.user for name in names]),
        array([name.symbol for name in names]),
        array([name.side.value for name in names]),
        array([trigger.amount_cents for trigger in triggers]),
        array([trigger.price_cents for trigger in triggers]),
        array([trigger.shares for trigger in triggers]),
        bytes_array([trigger.armed_by.hex() for trigger in triggers]),
        array([trigger.transaction_num for trigger in triggers]),
        array([trigger.armed_ms for trigger in triggers]),
    )


def _journal_arrays(lines: Sequence[JournalLine]) -> tuple[str, ...]:
    entries = [line.encoded for line in lines]
    sizes = [len(entry) for entry in entries]
    return (
        array([line.user for line in lines]),
        array([line.seq for line in lines]),
        uuid_array([line.command_id for line in lines]),
        uuid_array([line.previous_id for line in lines]),
        array([*accumulate(sizes, initial=1)][:-1]),
        array(sizes),
        bytes_literal(b"".join(entries)),
    )
