"""The oracle: an independent, deliberately naive model of the trading rules for all users.

The history check, the simulation and tests import this. It is told what a node decided on (the
moment and the price) and says what the answer must have been. Invariant: a refused command
changes nothing but the lapses that came before it, and no user's command touches another user.
"""

import copy
import string

from msgspec import structs

from generator import oracle_rules as rules
from generator.oracle_account import Fired, OracleAccount, PendingOrder, Side, Snapshot
from generator.oracle_rules import Expected
from protocol.errors import Code
from protocol.messages import (
    Add,
    AmountCommand,
    Buy,
    CancelBuy,
    CancelSell,
    CancelSetBuy,
    CancelSetSell,
    Command,
    CommitBuy,
    CommitSell,
    DisplaySummary,
    DumpLog,
    QuoteRequest,
    Sell,
    SetBuyAmount,
    SetBuyTrigger,
    SetSellAmount,
    SetSellTrigger,
    SymbolCommand,
)

AMOUNT_MAX_CENTS = 1_000_000_000_000
_USER_CHARACTERS = string.ascii_letters + string.digits + "_-.@"


class Oracle:
    """Every account, and what the rules make of each command in the order decided."""

    __slots__ = ("_accounts",)

    def __init__(self) -> None:
        self._accounts: dict[str, OracleAccount] = {}

    def expect(self, command: Command, *, at_ms: int, price_cents: int | None) -> Expected:
        """Carry out one command decided at `at_ms` and tell what its reply must say.

        `price_cents` is the price that decided, None if there was none or none was asked for; it
        is ignored by a command that needs none. Raises ValueError on a price that is not above 0.
        """
        if price_cents is not None and price_cents <= 0:
            raise ValueError(f"{price_cents} is no price: none at or below 0 ever decides a trade")
        lapses = self.lapse(command.user, at_ms)
        expected = self._judge(command, at_ms, price_cents)
        return structs.replace(expected, lapses=lapses)

    def needs_price(self, command: Command, at_ms: int) -> bool:
        """Tell whether the rules would ask for a price at this moment; nothing changes."""
        rehearsal = Oracle()
        if command.user in self._accounts:
            rehearsal._accounts[command.user] = copy.deepcopy(self._accounts[command.user])
        return rehearsal.expect(command, at_ms=at_ms, price_cents=None).needs_price

    def fire(
        self, user: str, side: Side, symbol: str, price_cents: int, at_ms: int
    ) -> Fired | None:
        """Let a trigger fire at this price; None if it is not armed, not met, or stays armed."""
        account = self._accounts.get(user)
        if account is None:
            return None
        if side == "buy":
            return account.fire_buy(symbol, price_cents, at_ms)
        return account.fire_sell(symbol, price_cents, at_ms)

    def lapse(self, user: str, at_ms: int) -> list[PendingOrder]:
        """Let all overdue orders of the user lapse and return them, oldest first."""
        account = self._accounts.get(user)
        return account.lapse(at_ms) if account is not None else []

    def snapshot(self, user: str) -> Snapshot:
        """Copy what the user owns, has pending and has set; an unknown user's is empty."""
        account = self._accounts.get(user)
        if account is not None:
            return account.snapshot()
        empty = OracleAccount().snapshot()
        empty["exists"] = False
        return empty

    def _judge(self, command: Command, at_ms: int, price_cents: int | None) -> Expected:
        fault = self._first_fault(command)
        if fault is not None:
            return rules.refused(fault)
        if isinstance(command, DumpLog | DisplaySummary):
            return rules.accepted(total_cents=None)
        if isinstance(command, QuoteRequest):
            return rules.quote(price_cents)
        account = self._accounts.get(command.user, OracleAccount())
        expected = _trade(account, command, at_ms, price_cents)
        if expected.accepted:
            self._accounts[command.user] = account
        return expected

    def _first_fault(self, command: Command) -> Code | None:
        """Judge names, existence and amounts, in the order of SPEC section 1."""
        everybody = isinstance(command, DumpLog) and command.user == ""
        if not everybody and not _is_user(command.user):
            return Code.BAD_USER
        needs_account = not isinstance(command, Add | QuoteRequest | DumpLog | DisplaySummary)
        if needs_account and command.user not in self._accounts:
            return Code.UNKNOWN_USER
        if isinstance(command, SymbolCommand) and not _is_symbol(command.symbol):
            return Code.BAD_SYMBOL
        if isinstance(command, Add | AmountCommand) and not (
            1 <= command.amount_cents <= AMOUNT_MAX_CENTS
        ):
            return Code.BAD_AMOUNT
        if isinstance(command, DumpLog) and not _is_filename(command.filename):
            return Code.BAD_FILENAME
        return None


def _trade(
    account: OracleAccount, command: Command, at_ms: int, price_cents: int | None
) -> Expected:
    match command:
        case Add():
            return rules.add(account, command)
        case Buy():
            return rules.buy(account, command, at_ms, price_cents)
        case CommitBuy():
            return rules.commit_buy(account)
        case CancelBuy():
            return rules.cancel_buy(account)
        case Sell():
            return rules.sell(account, command, at_ms, price_cents)
        case CommitSell():
            return rules.commit_sell(account)
        case CancelSell():
            return rules.cancel_sell(account)
        case SetBuyAmount():
            return rules.set_buy_amount(account, command)
        case SetBuyTrigger():
            return rules.set_buy_trigger(account, command)
        case CancelSetBuy():
            return rules.cancel_set_buy(account, command)
        case SetSellAmount():
            return rules.set_sell_amount(account, command, price_cents)
        case SetSellTrigger():
            return rules.set_sell_trigger(account, command)
        case CancelSetSell():
            return rules.cancel_set_sell(account, command)
    raise TypeError(f"{type(command).__name__} is none of the sixteen commands")


def _is_user(text: str) -> bool:
    return 1 <= len(text) <= 64 and all(letter in _USER_CHARACTERS for letter in text)


def _is_symbol(text: str) -> bool:
    return 1 <= len(text) <= 3 and all(letter in string.ascii_letters for letter in text)


def _is_filename(text: str) -> bool:
    return 1 <= len(text) <= 255 and all(character.isprintable() for character in text)
