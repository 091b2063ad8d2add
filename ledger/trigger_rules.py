"""The rules of triggers: SET_*_AMOUNT, SET_*_TRIGGER, CANCEL_SET_*, and firing.

Pure, and used by `rules` alone (SPEC section 1, table and "Firing").
"""

from msgspec.structs import replace

from ledger.account import BUY, SELL, TRIGGERS_MAX, Account, Side, Trigger
from ledger.entry import Movement
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
from protocol.messages import (
    AmountCommand,
    SetBuyAmount,
    SetBuyTrigger,
    SetSellAmount,
    SetSellTrigger,
    SymbolCommand,
)
from protocol.money import INT64_MAX, format_cents
from protocol.quote import Quote


def _unfit(account: Account, command: AmountCommand) -> Refusal | None:
    return no_account(account) or bad_symbol(command.symbol) or bad_amount(command.amount_cents)


def _may_stand(triggers: dict[str, Trigger], symbol: str) -> Refusal | None:
    if symbol in triggers or len(triggers) < TRIGGERS_MAX:
        return None
    return Refusal(
        Code.TOO_MANY_TRIGGERS, f"{TRIGGERS_MAX} triggers of this side stand: cancel some first"
    )


def _not_set(side: Side, symbol: str) -> Refusal:
    if side is BUY:
        return Refusal(Code.NO_BUY_AMOUNT, f"no SET_BUY_AMOUNT stands for {symbol}")
    return Refusal(Code.NO_SELL_AMOUNT, f"no SET_SELL_AMOUNT stands for {symbol}")


def set_buy_amount(account: Account, command: SetBuyAmount, decision: Decision) -> Outcome:
    """SET_BUY_AMOUNT: the amount replaces an earlier one in the reserve; the price stays."""
    symbol, amount_cents = command.symbol.upper(), command.amount_cents
    refusal = _unfit(account, command) or _may_stand(account.buy_triggers, symbol)
    if refusal:
        return refusal
    earlier = account.buy_triggers.get(symbol)
    held_cents = 0 if earlier is None else earlier.amount_cents
    if account.cash_cents + held_cents < amount_cents:
        free = format_cents(account.cash_cents + held_cents)
        return Refusal(
            Code.INSUFFICIENT_FUNDS, f"{free} is free for it, {format_cents(amount_cents)} is asked"
        )
    account.cash_cents += held_cents - amount_cents
    account.reserve_cents += amount_cents - held_cents
    account.buy_triggers[symbol] = (
        Trigger(BUY, symbol, amount_cents)
        if earlier is None
        else replace(earlier, amount_cents=amount_cents)
    )
    given_back = () if earlier is None else (release(held_cents),)
    return Effect(total_cents=amount_cents, postings=(*given_back, reserve(amount_cents)))


def set_buy_trigger(account: Account, command: SetBuyTrigger, decision: Decision) -> Outcome:
    """SET_BUY_TRIGGER: from now on it fires at this price or below."""
    refusal = _unfit(account, command)
    if refusal:
        return refusal
    symbol = command.symbol.upper()
    trigger = account.buy_triggers.get(symbol)
    if trigger is None:
        return _not_set(BUY, symbol)
    account.buy_triggers[symbol] = _arm(trigger, command, decision, shares=0)
    return Effect()


def cancel_set_buy(account: Account, command: SymbolCommand, decision: Decision) -> Outcome:
    """CANCEL_SET_BUY: the reserve goes back to cash, and the trigger is gone."""
    refusal = no_account(account) or bad_symbol(command.symbol)
    if refusal:
        return refusal
    symbol = command.symbol.upper()
    trigger = account.buy_triggers.pop(symbol, None)
    if trigger is None:
        return _not_set(BUY, symbol)
    account.cash_cents += trigger.amount_cents
    account.reserve_cents -= trigger.amount_cents
    return Effect(total_cents=trigger.amount_cents, postings=(release(trigger.amount_cents),))


def set_sell_amount(account: Account, command: SetSellAmount, decision: Decision) -> Outcome:
    """SET_SELL_AMOUNT: the amount is noted; what an armed trigger held goes back, disarmed."""
    symbol = command.symbol.upper()
    refusal = _unfit(account, command) or _may_stand(account.sell_triggers, symbol)
    if refusal:
        return refusal
    earlier = account.sell_triggers.get(symbol)
    held = 0 if earlier is None else earlier.shares
    available = account.holdings.get(symbol, 0) + held
    if available < 1:
        return too_few_shares(symbol, available, 1, None)
    price = decision.price
    if price is None:
        return PRICE_WANTED
    if isinstance(price, NoPrice):
        return no_price(price)
    shares = command.amount_cents // price.price_cents
    if shares < 1:
        return too_small_for_a_share(command.amount_cents, price.price_cents, price)
    if available < shares:
        return too_few_shares(symbol, available, shares, price)
    account.holdings[symbol] = available
    account.sell_triggers[symbol] = Trigger(SELL, symbol, command.amount_cents)
    return Effect(
        quote=price,
        price_cents=price.price_cents,
        shares=shares,
        total_cents=shares * price.price_cents,
        movements=to_reserve(symbol, -held),
    )


def set_sell_trigger(account: Account, command: SetSellTrigger, decision: Decision) -> Outcome:
    """SET_SELL_TRIGGER: the most shares that could be sold are set aside, and it is armed."""
    refusal = _unfit(account, command)
    if refusal:
        return refusal
    symbol = command.symbol.upper()
    trigger = account.sell_triggers.get(symbol)
    if trigger is None:
        return _not_set(SELL, symbol)
    shares = trigger.amount_cents // command.amount_cents
    if shares < 1:
        return too_small_for_a_share(trigger.amount_cents, command.amount_cents, None)
    available = account.holdings.get(symbol, 0) + trigger.shares
    if available < shares:
        return too_few_shares(symbol, available, shares, None)
    account.holdings[symbol] = available - shares
    account.sell_triggers[symbol] = _arm(trigger, command, decision, shares=shares)
    return Effect(shares=shares, movements=to_reserve(symbol, shares - trigger.shares))


def cancel_set_sell(account: Account, command: SymbolCommand, decision: Decision) -> Outcome:
    """CANCEL_SET_SELL: the shares set aside go back to the holding, and the trigger is gone."""
    refusal = no_account(account) or bad_symbol(command.symbol)
    if refusal:
        return refusal
    symbol = command.symbol.upper()
    trigger = account.sell_triggers.pop(symbol, None)
    if trigger is None:
        return _not_set(SELL, symbol)
    if trigger.shares:
        account.holdings[symbol] = account.holdings.get(symbol, 0) + trigger.shares
    return Effect(shares=trigger.shares, movements=to_reserve(symbol, -trigger.shares))


def _arm(trigger: Trigger, command: AmountCommand, decision: Decision, shares: int) -> Trigger:
    return replace(
        trigger,
        price_cents=command.amount_cents,
        shares=shares,
        armed_by=decision.command_id,
        transaction_num=command.transaction_num,
        armed_ms=decision.now_ms,
    )


def is_met(trigger: Trigger, price_cents: int) -> bool:
    """Tell whether a price makes an armed trigger fire."""
    if not trigger.is_armed:
        return False
    if trigger.side is BUY:
        return price_cents <= trigger.price_cents
    return price_cents >= trigger.price_cents


def fire(account: Account, trigger: Trigger, quote: Quote) -> Effect | None:
    """Carry out a trigger of the account at a price that meets it.

    Returns None, with nothing changed, where it stays armed: the amount buys or sells no whole
    share, or the account could not hold what comes in.
    """
    shares = trigger.amount_cents // quote.price_cents
    if shares < 1:
        return None
    total_cents = shares * quote.price_cents
    fire_side = _fire_buy if trigger.side is BUY else _fire_sell
    changes = fire_side(account, trigger, shares, total_cents)
    if changes is None:
        return None
    return Effect(
        quote=quote,
        price_cents=quote.price_cents,
        shares=shares,
        total_cents=total_cents,
        order_id=trigger.armed_by,
        postings=changes.postings,
        movements=changes.movements,
    )


def _fire_buy(account: Account, trigger: Trigger, shares: int, total_cents: int) -> Effect | None:
    symbol = trigger.symbol
    holding = account.holdings.get(symbol, 0)
    if holding + account.reserved_shares(symbol) + shares > INT64_MAX:
        return None
    del account.buy_triggers[symbol]
    rest_cents = trigger.amount_cents - total_cents
    account.reserve_cents -= trigger.amount_cents
    account.cash_cents += rest_cents
    account.holdings[symbol] = holding + shares
    given_back = (release(rest_cents),) if rest_cents else ()
    return Effect(
        postings=(remove(total_cents), *given_back),
        movements=(Movement(symbol, shares, 0),),
    )


def _fire_sell(account: Account, trigger: Trigger, shares: int, total_cents: int) -> Effect | None:
    if cash_overflow(account, total_cents):
        return None
    symbol = trigger.symbol
    del account.sell_triggers[symbol]
    rest = trigger.shares - shares
    account.cash_cents += total_cents
    if rest:
        account.holdings[symbol] = account.holdings.get(symbol, 0) + rest
    return Effect(
        postings=(add(total_cents),), movements=(Movement(symbol, rest, -trigger.shares),)
    )
