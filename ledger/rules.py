"""Decide a command, a lapse or a firing: the account changes and a journal entry says how.

Pure: no I/O, no clock, no randomness. This is the only door to the rules (SPEC section 1); nodes,
the trigger service, the simulation and the tests all come in here.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

from ledger import order_rules, trigger_rules
from ledger.account import BUY, SELL, Account, PendingOrder, Side
from ledger.entry import Cause, Entry
from ledger.outcome import PRICE_WANTED, Effect, NoPrice, Outcome, Refusal
from ledger.preconditions import Decision, bad_user
from protocol import messages as m
from protocol.errors import OK, Code
from protocol.fields import RESERVED_BITS, is_filename
from protocol.quote import QUOTE_TTL_MS, Quote

PRICED: frozenset[type[m.Command]] = frozenset([m.QuoteRequest, m.Buy, m.Sell, m.SetSellAmount])
"""Commands that a price may decide."""

_COMMAND: Final = Cause.COMMAND
_PLACES_ORDER: frozenset[type[m.Command]] = frozenset([m.Buy, m.Sell])


def _dump_log(account: Account, command: m.DumpLog, decision: Decision) -> Outcome:
    if is_filename(command.filename):
        return Effect()
    return Refusal(Code.BAD_FILENAME, "a file name is 1 to 255 printable characters")


def _display_summary(account: Account, command: m.DisplaySummary, decision: Decision) -> Outcome:
    return Effect()


_RULES: dict[type[m.Command], Callable[[Account, Any, Decision], Outcome]] = {
    m.Add: order_rules.add_money,
    m.QuoteRequest: order_rules.quote,
    m.Buy: order_rules.buy,
    m.CommitBuy: order_rules.commit_buy,
    m.CancelBuy: order_rules.cancel_buy,
    m.Sell: order_rules.sell,
    m.CommitSell: order_rules.commit_sell,
    m.CancelSell: order_rules.cancel_sell,
    m.SetBuyAmount: trigger_rules.set_buy_amount,
    m.SetBuyTrigger: trigger_rules.set_buy_trigger,
    m.CancelSetBuy: trigger_rules.cancel_set_buy,
    m.SetSellAmount: trigger_rules.set_sell_amount,
    m.SetSellTrigger: trigger_rules.set_sell_trigger,
    m.CancelSetSell: trigger_rules.cancel_set_sell,
    m.DumpLog: _dump_log,
    m.DisplaySummary: _display_summary,
}


def decide(
    account: Account,
    command: m.Command,
    command_id: bytes,
    now_ms: int,
    price: Quote | NoPrice | None = None,
) -> Entry | None:
    """Decide one command at `now_ms`, whose lapsed orders `lapse` has taken off already.

    Changes the account and returns its journal entry; or returns None, with nothing changed, when
    all is in order but for a price: ask for one of `command.symbol` and decide again. A price too
    old to use counts as none.
    """
    if price is not None:
        price = _usable(price, command, now_ms)
    decision = Decision(command_id, now_ms, price)
    refusal = None if account.exists else _stranger(command)
    outcome = refusal or _RULES[type(command)](account, command, decision)
    if outcome is PRICE_WANTED:
        return None
    if type(command) in _PLACES_ORDER and isinstance(outcome, Effect):
        _expect_lapse(account, outcome.valid_until_ms + 1)
    return _record(
        account,
        outcome,
        command.user,
        command_id,
        command.KIND,
        _COMMAND,
        command.transaction_num,
        now_ms,
        command.arguments(),
    )


def _usable(price: Quote | NoPrice, command: m.Command, now_ms: int) -> Quote | NoPrice | None:
    """The price, unless it is too old."""
    if type(price) is Quote and type(command) in PRICED:
        assert isinstance(command, m.SymbolCommand)
        assert price.price_cents > 0, f"a price of {price.price_cents} decides nothing"
        assert price.symbol == command.symbol.upper(), f"a price of {price.symbol}"
        if now_ms - price.quoted_ms > QUOTE_TTL_MS:
            return None
    return price


def _stranger(command: m.Command) -> Refusal | None:
    """Refuse what names no user, except that everybody's log is nobody's."""
    is_dump_of_all = isinstance(command, m.DumpLog) and command.user == ""
    return None if is_dump_of_all else bad_user(command.user)


def lapse(account: Account, now_ms: int) -> list[Entry]:
    """Give back the reserves of all pending orders that are too old, one journal entry each.

    To be called before each decision about the account, and by itself when a deadline has passed.
    """
    if not account.lapse_check_ms or now_ms < account.lapse_check_ms:
        return []
    entries = []
    for side, kind in ((BUY, m.CancelBuy.KIND), (SELL, m.CancelSell.KIND)):
        orders = account.orders(side)
        while orders and orders[0].valid_until_ms < now_ms:
            order = orders.pop(0)
            effect = order_rules.give_back(account, side, order)
            entries.append(_record_lapse(account, order, kind, now_ms, effect))
    pending = [orders[0].valid_until_ms for orders in (account.buys, account.sells) if orders]
    account.lapse_check_ms = min(pending) + 1 if pending else 0
    return entries


def fire(account: Account, side: Side, symbol: str, quote: Quote, now_ms: int) -> Entry | None:
    """Let the account's trigger fire at this price.

    Returns None, with nothing changed, where there is no such trigger, it is not armed, the price
    does not meet it or is too old, or it stays armed (SPEC section 1, "Firing").
    """
    trigger = account.triggers(side).get(symbol)
    if trigger is None or quote.symbol != symbol or now_ms - quote.quoted_ms > QUOTE_TTL_MS:
        return None
    if not trigger_rules.is_met(trigger, quote.price_cents):
        return None
    effect = trigger_rules.fire(account, trigger, quote)
    if effect is None:
        return None
    kind = m.SetBuyTrigger.KIND if side is BUY else m.SetSellTrigger.KIND
    return _record(
        account,
        effect,
        account.user,
        _derived_id(b"firing", trigger.armed_by),
        kind,
        Cause.FIRING,
        trigger.transaction_num,
        now_ms,
        (symbol, trigger.amount_cents, ""),
    )


def _expect_lapse(account: Account, lapse_ms: int) -> None:
    """Keep the next look at the pending orders no later than this.

    A look that turns out to be early costs little, so an earlier one that is set stays.
    """
    if not account.lapse_check_ms or lapse_ms < account.lapse_check_ms:
        account.lapse_check_ms = lapse_ms


def _record_lapse(
    account: Account, order: PendingOrder, kind: int, now_ms: int, effect: Effect
) -> Entry:
    return _record(
        account,
        effect,
        account.user,
        _derived_id(b"lapse", order.order_id),
        kind,
        Cause.LAPSE,
        order.transaction_num,
        now_ms,
        (order.symbol, order.total_cents, ""),
    )


def _record(
    account: Account,
    outcome: Effect | Refusal,
    user: str,
    command_id: bytes,
    kind: int,
    cause: Cause,
    transaction_num: int,
    now_ms: int,
    arguments: tuple[str, int, str],
) -> Entry:
    """Number the decision and write it down."""
    account.seq += 1
    account.decided_ms = now_ms
    symbol, amount_cents, filename = arguments
    if type(outcome) is Refusal:
        code, message, quote = outcome.code, outcome.message, outcome.quote
        effect = Effect(quote, 0 if quote is None else quote.price_cents)
    else:
        code, message, effect = OK, "", outcome
    return Entry(
        user,
        account.seq,
        command_id,
        kind,
        cause,
        transaction_num,
        now_ms,
        code,
        message,
        symbol,
        amount_cents,
        filename,
        effect.quote,
        effect.price_cents,
        effect.shares,
        effect.total_cents,
        effect.valid_until_ms,
        effect.order_id,
        effect.postings,
        effect.movements,
    )


def _derived_id(purpose: bytes, command_id: bytes) -> bytes:
    """The id of what follows from a command by itself: always the same, so it can happen once only.

    The front stays, because ids begin with their time and the journal's index likes that. The
    reserved bits keep clients from giving the same id to a command of theirs.
    """
    digest = hashlib.sha256(purpose + command_id).digest()
    return command_id[:8] + bytes([digest[0] | RESERVED_BITS]) + digest[1:8]
