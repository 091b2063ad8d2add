"""The rules of money and orders: ADD, QUOTE, BUY, SELL and their COMMITs and CANCELs.

Pure, and used by `rules` alone. Each rule gets an account whose lapsed orders are gone already, and
either changes it and returns an Effect, or leaves it as it was (SPEC section 1).
"""

from ledger.account import (
    BUY,
    PENDING_ORDERS_MAX,
    PENDING_TTL_MS,
    SELL,
    Account,
    PendingOrder,
    Side,
)
from ledger.entry import Movement, Posting
from ledger.outcome import (
    PRICE_WANTED,
    Effect,
    NoPrice,
    Outcome,
    Refusal,
    add,
    release,
    remove,
    reserve,
    to_reserve,
)
from ledger.preconditions import (
    Decision,
    bad_amount,
    bad_symbol,
    cash_overflow,
    no_account,
    no_price,
    too_few_shares,
    too_small_for_a_share,
)
from protocol.errors import Code
from protocol.messages import Add, AmountCommand, Buy, Command, QuoteRequest, Sell
from protocol.money import INT64_MAX, format_cents


def add_money(account: Account, command: Add, decision: Decision) -> Outcome:
    """ADD: cash grows; the first one creates the account."""
    refusal = bad_amount(command.amount_cents) or cash_overflow(account, command.amount_cents)
    if refusal:
        return refusal
    account.exists = True
    account.cash_cents += command.amount_cents
    return Effect(total_cents=command.amount_cents, postings=(add(command.amount_cents),))


def quote(account: Account, command: QuoteRequest, decision: Decision) -> Outcome:
    """QUOTE: show the price; needs no account."""
    refusal = bad_symbol(command.symbol)
    if refusal:
        return refusal
    price = decision.price
    if price is None:
        return PRICE_WANTED
    if isinstance(price, NoPrice):
        return no_price(price)
    return Effect(quote=price, price_cents=price.price_cents, valid_until_ms=price.valid_until_ms)


def _may_place(account: Account, command: AmountCommand, side: Side) -> Refusal | None:
    refusal = no_account(account) or bad_symbol(command.symbol) or bad_amount(command.amount_cents)
    if refusal is None and len(account.orders(side)) >= PENDING_ORDERS_MAX:
        return Refusal(
            Code.TOO_MANY_PENDING,
            f"{PENDING_ORDERS_MAX} {side.value} orders are pending: commit or cancel some first",
        )
    return refusal


def buy(account: Account, command: Buy, decision: Decision) -> Outcome:
    """BUY: money for as many whole shares as the amount pays for moves from cash to reserve."""
    refusal = _may_place(account, command, BUY)
    if refusal:
        return refusal
    amount_cents = command.amount_cents
    if account.cash_cents < amount_cents:
        return Refusal(
            Code.INSUFFICIENT_FUNDS,
            f"the cash is {format_cents(account.cash_cents)}, not {format_cents(amount_cents)}",
        )
    price = decision.price
    if price is None:
        return PRICE_WANTED
    if isinstance(price, NoPrice):
        return no_price(price)
    shares = amount_cents // price.price_cents
    if shares < 1:
        return too_small_for_a_share(amount_cents, price.price_cents, price)
    order = _place(account.buys, command, decision, shares, price.price_cents)
    account.cash_cents -= order.total_cents
    account.reserve_cents += order.total_cents
    return Effect(
        quote=price,
        price_cents=order.price_cents,
        shares=shares,
        total_cents=order.total_cents,
        valid_until_ms=order.valid_until_ms,
        postings=(reserve(order.total_cents),),
    )


def sell(account: Account, command: Sell, decision: Decision) -> Outcome:
    """SELL: as many whole shares as the amount is worth move from the holding to reserve."""
    refusal = _may_place(account, command, SELL)
    if refusal:
        return refusal
    symbol = command.symbol.upper()
    holding = account.holdings.get(symbol, 0)
    if holding < 1:
        return too_few_shares(symbol, holding, 1, None)
    price = decision.price
    if price is None:
        return PRICE_WANTED
    if isinstance(price, NoPrice):
        return no_price(price)
    shares = command.amount_cents // price.price_cents
    if shares < 1:
        return too_small_for_a_share(command.amount_cents, price.price_cents, price)
    if holding < shares:
        return too_few_shares(symbol, holding, shares, price)
    order = _place(account.sells, command, decision, shares, price.price_cents)
    account.holdings[symbol] = holding - shares
    return Effect(
        quote=price,
        price_cents=order.price_cents,
        shares=shares,
        total_cents=order.total_cents,
        valid_until_ms=order.valid_until_ms,
        movements=to_reserve(symbol, shares),
    )


def _place(
    orders: list[PendingOrder],
    command: AmountCommand,
    decision: Decision,
    shares: int,
    price_cents: int,
) -> PendingOrder:
    order = PendingOrder(
        decision.command_id,
        command.transaction_num,
        command.symbol.upper(),
        shares,
        price_cents,
        decision.now_ms,
    )
    orders.append(order)
    return order


_NOTHING_PENDS = "no {} of the last {} s waits for an answer"
_NO_BUY = Refusal(Code.NO_PENDING_BUY, _NOTHING_PENDS.format("buy", PENDING_TTL_MS // 1000))
_NO_SELL = Refusal(Code.NO_PENDING_SELL, _NOTHING_PENDS.format("sell", PENDING_TTL_MS // 1000))


def _nothing_pending(account: Account, side: Side) -> Refusal | None:
    if account.orders(side):
        return None
    return no_account(account) or (_NO_BUY if side is BUY else _NO_SELL)


def commit_buy(account: Account, command: Command, decision: Decision) -> Outcome:
    """COMMIT_BUY: the newest buy's reserve is spent and its shares come to the holding."""
    refusal = _nothing_pending(account, BUY)
    if refusal:
        return refusal
    order = account.buys[-1]
    holding = account.holdings.get(order.symbol, 0)
    if holding + account.reserved_shares(order.symbol) + order.shares > INT64_MAX:
        return Refusal(Code.SUM_TOO_LARGE, "no account can hold that many shares: cancel the buy")
    account.buys.pop()
    account.reserve_cents -= order.total_cents
    account.holdings[order.symbol] = holding + order.shares
    return _ended(
        order,
        postings=(remove(order.total_cents),),
        movements=(Movement(order.symbol, order.shares, 0),),
    )


def commit_sell(account: Account, command: Command, decision: Decision) -> Outcome:
    """COMMIT_SELL: the newest sell's shares are gone and their price comes to cash."""
    refusal = _nothing_pending(account, SELL)
    if refusal:
        return refusal
    order = account.sells[-1]
    overflow = cash_overflow(account, order.total_cents)
    if overflow:
        return overflow
    account.sells.pop()
    account.cash_cents += order.total_cents
    return _ended(
        order,
        postings=(add(order.total_cents),),
        movements=(Movement(order.symbol, 0, -order.shares),),
    )


def cancel_buy(account: Account, command: Command, decision: Decision) -> Outcome:
    """CANCEL_BUY: the newest buy's reserve goes back to cash."""
    refusal = _nothing_pending(account, BUY)
    if refusal:
        return refusal
    return give_back(account, BUY, account.buys.pop())


def cancel_sell(account: Account, command: Command, decision: Decision) -> Outcome:
    """CANCEL_SELL: the newest sell's shares go back to the holding."""
    refusal = _nothing_pending(account, SELL)
    if refusal:
        return refusal
    return give_back(account, SELL, account.sells.pop())


def give_back(account: Account, side: Side, order: PendingOrder) -> Effect:
    """Undo the reserve of an order that was taken off its stack: cancelled or lapsed."""
    if side is BUY:
        account.cash_cents += order.total_cents
        account.reserve_cents -= order.total_cents
        return _ended(order, postings=(release(order.total_cents),))
    account.holdings[order.symbol] = account.holdings.get(order.symbol, 0) + order.shares
    return _ended(order, movements=to_reserve(order.symbol, -order.shares))


def _ended(
    order: PendingOrder,
    *,
    postings: tuple[Posting, ...] = (),
    movements: tuple[Movement, ...] = (),
) -> Effect:
    """What it did that an order has ended, and which order it was."""
    return Effect(
        price_cents=order.price_cents,
        shares=order.shares,
        total_cents=order.total_cents,
        order_id=order.order_id,
        postings=postings,
        movements=movements,
    )
