"""What each trading command must lead to, written straight from the table of SPEC section 1.

Only the oracle and its tests import this. Invariant: a function here changes the account at its
end or not at all; every `return refused...` stands before the first change. Names, amounts and
the existence of the account were judged before, and overdue orders have lapsed.
"""

from msgspec import Struct

from generator.oracle_account import OracleAccount, PendingOrder, Trigger
from protocol.errors import Code
from protocol.messages import Add, AmountCommand, SymbolCommand

PENDING_MAX = 1000
TRIGGERS_MAX = 8000


class Expected(Struct, frozen=True, gc=False):
    """What the rules say about one command; None where they leave a number open.

    :ivar needs_price: the checks came as far as asking for a price.
    :ivar price_cents: the price that decided, 0 where none did.
    :ivar valid_until_ms: the last moment to commit; open for QUOTE, whose quote time says it.
    :ivar lapses: the orders that lapsed just before, oldest first.
    """

    accepted: bool
    code: Code
    needs_price: bool = False
    shares: int | None = 0
    total_cents: int | None = 0
    price_cents: int | None = 0
    valid_until_ms: int | None = 0
    lapses: list[PendingOrder] = []


def accepted(*, shares: int | None = 0, total_cents: int | None = 0) -> Expected:
    """Expect success without any price."""
    return Expected(True, Code.OK, shares=shares, total_cents=total_cents)


def refused(code: Code, *, needs_price: bool = False) -> Expected:
    """Expect a refusal that no price decided, before or after asking for one."""
    return Expected(False, code, needs_price)


def refused_at(price_cents: int, code: Code) -> Expected:
    """Expect a refusal that this price decided."""
    return Expected(False, code, needs_price=True, price_cents=price_cents)


def add(account: OracleAccount, command: Add) -> Expected:
    """ADD: cash grows, unless the sum of cash and reserve would pass 2^63-1."""
    if not account.money_fits(command.amount_cents):
        return refused(Code.SUM_TOO_LARGE)
    account.cash_cents += command.amount_cents
    return accepted(total_cents=command.amount_cents)


def quote(price_cents: int | None) -> Expected:
    """QUOTE: the price is shown, if there is one."""
    if price_cents is None:
        return refused(Code.QUOTE_UNAVAILABLE, needs_price=True)
    return Expected(True, Code.OK, needs_price=True, price_cents=price_cents, valid_until_ms=None)


def buy(
    account: OracleAccount, command: AmountCommand, at_ms: int, price_cents: int | None
) -> Expected:
    """BUY: the cost of whole shares moves from cash to reserve."""
    if len(account.pending_buys) >= PENDING_MAX:
        return refused(Code.TOO_MANY_PENDING)
    if account.cash_cents < command.amount_cents:
        return refused(Code.INSUFFICIENT_FUNDS)
    if price_cents is None:
        return refused(Code.QUOTE_UNAVAILABLE, needs_price=True)
    shares = command.amount_cents // price_cents
    if shares < 1:
        return refused_at(price_cents, Code.AMOUNT_TOO_SMALL_FOR_A_SHARE)
    order = PendingOrder("buy", command.symbol.upper(), shares, price_cents, at_ms)
    account.cash_cents -= order.total_cents
    account.pending_buys.append(order)
    return _ordered(order)


def sell(
    account: OracleAccount, command: AmountCommand, at_ms: int, price_cents: int | None
) -> Expected:
    """SELL: whole shares move from the holding to reserve."""
    symbol = command.symbol.upper()
    if len(account.pending_sells) >= PENDING_MAX:
        return refused(Code.TOO_MANY_PENDING)
    if account.holding(symbol) == 0:
        return refused(Code.INSUFFICIENT_HOLDING)
    if price_cents is None:
        return refused(Code.QUOTE_UNAVAILABLE, needs_price=True)
    shares = command.amount_cents // price_cents
    if shares < 1:
        return refused_at(price_cents, Code.AMOUNT_TOO_SMALL_FOR_A_SHARE)
    if account.holding(symbol) < shares:
        return refused_at(price_cents, Code.INSUFFICIENT_HOLDING)
    order = PendingOrder("sell", symbol, shares, price_cents, at_ms)
    account.change_holding(symbol, -shares)
    account.pending_sells.append(order)
    return _ordered(order)


def _ordered(order: PendingOrder) -> Expected:
    return Expected(
        True,
        Code.OK,
        needs_price=True,
        shares=order.shares,
        total_cents=order.total_cents,
        price_cents=order.price_cents,
        valid_until_ms=order.valid_until_ms,
    )


def _settled(*, shares: int | None, total_cents: int | None) -> Expected:
    """Expect success of a COMMIT or CANCEL; whether it repeats its order's price is left open."""
    return Expected(True, Code.OK, shares=shares, total_cents=total_cents, price_cents=None)


def commit_buy(account: OracleAccount) -> Expected:
    """COMMIT_BUY: the newest pending buy is carried out."""
    if not account.pending_buys:
        return refused(Code.NO_PENDING_BUY)
    order = account.pending_buys[-1]
    if not account.shares_fit(order.symbol, order.shares):
        return refused(Code.SUM_TOO_LARGE)
    account.pending_buys.pop()
    account.change_holding(order.symbol, order.shares)
    return _settled(shares=order.shares, total_cents=order.total_cents)


def cancel_buy(account: OracleAccount) -> Expected:
    """CANCEL_BUY: the newest pending buy's reserve goes back; no share moves or ever will."""
    if not account.pending_buys:
        return refused(Code.NO_PENDING_BUY)
    order = account.pending_buys.pop()
    account.cash_cents += order.total_cents
    return _settled(shares=None, total_cents=order.total_cents)


def commit_sell(account: OracleAccount) -> Expected:
    """COMMIT_SELL: the newest pending sell is carried out at the price of its SELL."""
    if not account.pending_sells:
        return refused(Code.NO_PENDING_SELL)
    order = account.pending_sells[-1]
    if not account.money_fits(order.total_cents):
        return refused(Code.SUM_TOO_LARGE)
    account.pending_sells.pop()
    account.cash_cents += order.total_cents
    return _settled(shares=order.shares, total_cents=order.total_cents)


def cancel_sell(account: OracleAccount) -> Expected:
    """CANCEL_SELL: the newest pending sell's shares go back; no money moves or ever will."""
    if not account.pending_sells:
        return refused(Code.NO_PENDING_SELL)
    order = account.pending_sells.pop()
    account.change_holding(order.symbol, order.shares)
    return _settled(shares=order.shares, total_cents=None)


def set_buy_amount(account: OracleAccount, command: AmountCommand) -> Expected:
    """SET_BUY_AMOUNT: the amount moves to the trigger's reserve in place of an earlier one."""
    symbol = command.symbol.upper()
    if symbol not in account.buy_triggers and len(account.buy_triggers) >= TRIGGERS_MAX:
        return refused(Code.TOO_MANY_TRIGGERS)
    earlier = account.buy_triggers.get(symbol, Trigger(0))
    if account.cash_cents + earlier.amount_cents < command.amount_cents:
        return refused(Code.INSUFFICIENT_FUNDS)
    account.cash_cents += earlier.amount_cents - command.amount_cents
    account.buy_triggers[symbol] = Trigger(command.amount_cents, earlier.price_cents)
    return accepted(total_cents=command.amount_cents)


def set_buy_trigger(account: OracleAccount, command: AmountCommand) -> Expected:
    """SET_BUY_TRIGGER: the trigger is armed at this price; neither money nor shares move."""
    symbol = command.symbol.upper()
    if symbol not in account.buy_triggers:
        return refused(Code.NO_BUY_AMOUNT)
    amount_cents = account.buy_triggers[symbol].amount_cents
    account.buy_triggers[symbol] = Trigger(amount_cents, command.amount_cents)
    return accepted(total_cents=None)


def cancel_set_buy(account: OracleAccount, command: SymbolCommand) -> Expected:
    """CANCEL_SET_BUY: the reserve goes back, amount and price are gone."""
    symbol = command.symbol.upper()
    if symbol not in account.buy_triggers:
        return refused(Code.NO_BUY_AMOUNT)
    trigger = account.buy_triggers.pop(symbol)
    account.cash_cents += trigger.amount_cents
    return accepted(total_cents=trigger.amount_cents)


def set_sell_amount(
    account: OracleAccount, command: AmountCommand, price_cents: int | None
) -> Expected:
    """SET_SELL_AMOUNT: the amount is noted; an earlier trigger gives back its shares and is
    no longer armed.
    """
    symbol = command.symbol.upper()
    if symbol not in account.sell_triggers and len(account.sell_triggers) >= TRIGGERS_MAX:
        return refused(Code.TOO_MANY_TRIGGERS)
    held_shares = account.holding(symbol) + account.trigger_shares(symbol)
    if held_shares == 0:
        return refused(Code.INSUFFICIENT_HOLDING)
    if price_cents is None:
        return refused(Code.QUOTE_UNAVAILABLE, needs_price=True)
    shares = command.amount_cents // price_cents
    if shares < 1:
        return refused_at(price_cents, Code.AMOUNT_TOO_SMALL_FOR_A_SHARE)
    if held_shares < shares:
        return refused_at(price_cents, Code.INSUFFICIENT_HOLDING)
    account.holdings[symbol] = held_shares
    account.sell_triggers[symbol] = Trigger(command.amount_cents)
    return Expected(
        True,
        Code.OK,
        needs_price=True,
        shares=shares,
        total_cents=shares * price_cents,
        price_cents=price_cents,
    )


def set_sell_trigger(account: OracleAccount, command: AmountCommand) -> Expected:
    """SET_SELL_TRIGGER: the most shares that could be sold move to the trigger's reserve."""
    symbol = command.symbol.upper()
    if symbol not in account.sell_triggers:
        return refused(Code.NO_SELL_AMOUNT)
    amount_cents = account.sell_triggers[symbol].amount_cents
    shares = amount_cents // command.amount_cents
    if shares < 1:
        return refused(Code.AMOUNT_TOO_SMALL_FOR_A_SHARE)
    held_shares = account.holding(symbol) + account.trigger_shares(symbol)
    if held_shares < shares:
        return refused(Code.INSUFFICIENT_HOLDING)
    account.holdings[symbol] = held_shares - shares
    account.sell_triggers[symbol] = Trigger(amount_cents, command.amount_cents, shares)
    return accepted(shares=shares, total_cents=None)


def cancel_set_sell(account: OracleAccount, command: SymbolCommand) -> Expected:
    """CANCEL_SET_SELL: what an armed trigger reserved goes back, amount and price are gone."""
    symbol = command.symbol.upper()
    if symbol not in account.sell_triggers:
        return refused(Code.NO_SELL_AMOUNT)
    trigger = account.sell_triggers.pop(symbol)
    account.change_holding(symbol, trigger.reserved_shares)
    return accepted(shares=trigger.reserved_shares, total_cents=None)
