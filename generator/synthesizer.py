"""Workloads of our own making, in the form and the mix of the course's files (SPEC section 2).

For the `daytrade` command and for tests. The same arguments give the same lines, always; memory
grows with the users, not with the commands.

The figures were measured on the 2- and 10-user files. There, what a user does next depends on what
that user did last, and the stock is drawn anew each time: so about a third of the commands has
nothing to commit or to cancel, too few shares, or no amount set for its trigger.
"""

from collections.abc import Iterator
from itertools import accumulate
from random import Random
from string import ascii_letters, ascii_uppercase, digits

from generator.workload import Line
from protocol.messages import (
    COMMANDS,
    Add,
    AmountCommand,
    CancelSetSell,
    Command,
    DumpLog,
    SetBuyAmount,
    SetBuyTrigger,
    SetSellAmount,
    SetSellTrigger,
    SymbolCommand,
)

_USER_NAME_CHARACTERS = 10
_SYMBOL_CHARACTERS = 3

_ADD_MEAN_CENTS = 70_000_00
_ADD_DEVIATION_CENTS = 15_000_00
_AMOUNT_MAX_CENTS = 750_00
_TRIGGER_PRICE_MAX_CENTS = 200_00

_SYMBOLS_BY_USERS = ((100, 981), (10, 50), (2, 20), (1, 1))
"""How many stocks the real file of so many users trades."""

_NAMES = tuple(name for name in COMMANDS if name != DumpLog.NAME)


def _weights(others: float, **favoured: float) -> tuple[float, ...]:
    """Return the cumulative weights of all commands, given those that stand out."""
    return tuple(accumulate(favoured.get(name, others) for name in _NAMES))


_AFTER = {
    "ADD": _weights(1.6, QUOTE=40, BUY=40),
    "QUOTE": _weights(3.2, BUY=31, QUOTE=20, ADD=9, DISPLAY_SUMMARY=4.5),
    "BUY": _weights(2.9, COMMIT_BUY=50, CANCEL_BUY=10, QUOTE=5),
    "SELL": _weights(2.9, COMMIT_SELL=50, CANCEL_SELL=10, QUOTE=5),
    "SET_BUY_AMOUNT": _weights(
        0, SET_BUY_TRIGGER=70, CANCEL_SET_BUY=10, BUY=7, SELL=5, DISPLAY_SUMMARY=5, QUOTE=3
    ),
    "SET_SELL_AMOUNT": _weights(
        0, SET_SELL_TRIGGER=70, CANCEL_SET_SELL=10, BUY=7, SELL=5, DISPLAY_SUMMARY=5, QUOTE=3
    ),
}
_AFTER_OTHERS = _weights(
    6.2,
    **dict.fromkeys(("ADD", "QUOTE", "BUY", "SELL", "DISPLAY_SUMMARY"), 10.0),
    **dict.fromkeys(("SET_BUY_AMOUNT", "SET_BUY_TRIGGER"), 3.1),
    **dict.fromkeys(("SET_SELL_AMOUNT", "SET_SELL_TRIGGER"), 3.1),
)


def symbols_for(users: int) -> int:
    """Return how many stocks so many users trade, going by the real files."""
    return next(symbols for users_min, symbols in _SYMBOLS_BY_USERS if users >= users_min)


def synthesize(
    users: int, commands: int, seed: int, *, symbols: int | None = None
) -> Iterator[Line]:
    """Make a workload of exactly `commands` lines, the administrator's DUMPLOG last.

    Every user appears and begins with an ADD. `symbols` is the number of stocks traded, by
    default `symbols_for(users)`. Raises ValueError where there are no users, fewer lines than the
    users need for one ADD each and the DUMPLOG, or more stocks than names of three letters.
    """
    if users < 1 or commands < users + 1:
        raise ValueError(f"{users} users need at least one ADD each and a DUMPLOG: more commands")
    stocks = symbols_for(users) if symbols is None else symbols
    if not 1 <= stocks <= len(ascii_uppercase) ** _SYMBOL_CHARACTERS:
        raise ValueError(f"{stocks} stocks cannot have three-letter names of their own")
    random = Random(seed)
    names = _draw_names(random, ascii_letters + digits, _USER_NAME_CHARACTERS, users)
    market = _draw_names(random, ascii_uppercase, _SYMBOL_CHARACTERS, stocks)
    return _lines([_Trader(name, market, random) for name in names], commands, random)


def _draw_names(random: Random, letters: str, characters: int, count: int) -> list[str]:
    """Draw different names, in the order drawn."""
    names: dict[str, None] = {}
    while len(names) < count:
        names["".join(random.choices(letters, k=characters))] = None
    return list(names)


def _lines(traders: list["_Trader"], commands: int, random: Random) -> Iterator[Line]:
    """Let the traders take turns at random; newcomers join while there are lines left for them."""
    joined = 0
    for number in range(1, commands):
        turn = random.randrange(len(traders))
        if turn >= joined or commands - number <= len(traders) - joined:
            turn = joined
            joined += 1
        yield Line(number, traders[turn].next_command(number))
    yield Line(commands, DumpLog("", commands, "./testLOG"))


class _Trader:
    """One user, who remembers the last command only."""

    __slots__ = ("_last", "_market", "_name", "_random")

    def __init__(self, name: str, market: list[str], random: Random) -> None:
        self._name = name
        self._market = market
        self._random = random
        self._last: Command | None = None

    def next_command(self, number: int) -> Command:
        """Return this user's next command, under that transactionNum."""
        if self._last is None:
            command = self._make(Add, number)
        else:
            weights = _AFTER.get(self._last.NAME, _AFTER_OTHERS)
            [name] = self._random.choices(_NAMES, cum_weights=weights)
            command = self._make(COMMANDS[name], number)
        self._last = command
        return command

    def _make(self, kind: type[Command], number: int) -> Command:
        if issubclass(kind, Add):
            amount_cents = round(self._random.gauss(_ADD_MEAN_CENTS, _ADD_DEVIATION_CENTS))
            return kind(self._name, number, max(1, amount_cents))
        if issubclass(kind, AmountCommand):
            return kind(self._name, number, self._symbol(kind), self._amount_cents(kind))
        if issubclass(kind, SymbolCommand):
            return kind(self._name, number, self._symbol(kind))
        return kind(self._name, number)

    def _symbol(self, kind: type[Command]) -> str:
        """Draw a stock; only what follows a SET_SELL_AMOUNT at once means the same one."""
        last = self._last
        if isinstance(last, SetSellAmount) and kind in (SetSellTrigger, CancelSetSell):
            return last.symbol
        return self._random.choice(self._market)

    def _amount_cents(self, kind: type[Command]) -> int:
        """Draw an amount; a trigger price lies below the amount that was set just before."""
        if kind not in (SetBuyTrigger, SetSellTrigger):
            return self._random.randint(1, _AMOUNT_MAX_CENTS)
        last = self._last
        if isinstance(last, SetBuyAmount | SetSellAmount):
            return self._random.randint(1, last.amount_cents)
        return self._random.randint(1, _TRIGGER_PRICE_MAX_CENTS)
