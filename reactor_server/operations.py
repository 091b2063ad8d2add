"""What operators may ask of a node: accounts, armed triggers, and what became of one command.

Used by `twistd_plugins.trade_server`. Everything is read from the ledger, so that each node tells
the same.
"""

from typing import Any

import msgspec

from ledger.account import Account, PendingOrder, Side, Trigger
from ledger.entry import Entry, history_line
from ledger.store import Store
from protocol.errors import Code, TradeError
from protocol.fields import is_user
from service.operations import Answer, Verb

LINES_MAX = 100
_HISTORY_LINES = 10


class NodeVerbs:
    """Questions to the ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def verbs(self) -> list[Verb]:
        """All of them."""
        return [
            Verb("users", "[AFTER]", "accounts in order of name", self._users),
            Verb("user", "USER", "an account, its orders, triggers and recent journal", self._user),
            Verb("triggers", "[SYMBOL]", "armed triggers", self._triggers),
            Verb("trace", "COMMAND-ID", "every stage of one command", self._trace),
        ]

    async def _users(self, after: str = "") -> Answer:
        accounts = await self._store.accounts_after(after, LINES_MAX)
        return [
            {
                "user": account.user,
                "cash_cents": account.cash_cents,
                "reserve_cents": account.reserve_cents,
                "holdings": len(account.holdings),
                "orders": len(account.buys) + len(account.sells),
                "triggers": len(account.buy_triggers) + len(account.sell_triggers),
                "seq": account.seq,
            }
            for account in accounts
            if account.user
        ]

    async def _user(self, user: str) -> Answer:
        if not is_user(user):
            raise TradeError(Code.BAD_USER, f"{user!r} can name no user")
        account = (await self._store.load([user]))[user]
        if not account.seq:
            raise TradeError(Code.UNKNOWN_USER, f"nothing is known of {user!r}; try `users`")
        history = await self._store.history(user, 0, _HISTORY_LINES)
        return {
            "user": user,
            "exists": account.exists,
            "cash_cents": account.cash_cents,
            "reserve_cents": account.reserve_cents,
            "holdings": dict(sorted(account.holdings.items())),
            "orders": [_order(side, each) for side in Side for each in account.orders(side)],
            "triggers": [_trigger(each) for each in _standing(account)],
            "journal": [_line(entry) for entry in history],
        }

    async def _triggers(self, symbol: str = "") -> Answer:
        armed = sorted(await self._store.armed())
        shown = [each for each in armed if symbol.upper() in ("", each.symbol)]
        return {
            "armed": len(shown),
            "triggers": [
                {
                    "symbol": each.symbol,
                    "side": each.side.value,
                    "price_cents": each.price_cents,
                    "user": each.user,
                    "armed_ms": each.armed_ms,
                }
                for each in shown[:LINES_MAX]
            ],
        }

    async def _trace(self, command_id: str) -> Answer:
        try:
            key = bytes.fromhex(command_id.replace("-", ""))
        except ValueError:
            key = b""
        if len(key) != 16:
            raise TradeError(Code.UNKNOWN_VERB, "a command id is 32 hexadecimal digits")
        entry = (await self._store.entries_by_id([key])).get(key)
        place = await self._store.place_of(key)
        if entry is None or place is None:
            raise TradeError(
                Code.UNKNOWN_VERB, "the journal has no such command: it was never committed"
            )
        return {
            "command_id": key.hex(),
            "user": entry.user,
            "command": entry.name,
            "cause": entry.cause.name.lower(),
            "code": int(entry.code),
            "message": entry.message,
            "stream": place[0],
            "number": place[1],
            "stages": _stages(entry),
        }


def _standing(account: Account) -> list[Trigger]:
    return [each for side in Side for each in account.triggers(side).values()]


def _line(entry: Entry) -> dict[str, Any]:
    line = msgspec.structs.asdict(history_line(entry))
    return {"command_id": entry.command_id.hex(), **line}


def _order(side: Side, order: PendingOrder) -> dict[str, Any]:
    return {
        "side": side.value,
        "symbol": order.symbol,
        "shares": order.shares,
        "price_cents": order.price_cents,
        "valid_until_ms": order.valid_until_ms,
    }


def _trigger(trigger: Trigger) -> dict[str, Any]:
    return {
        "side": trigger.side.value,
        "symbol": trigger.symbol,
        "amount_cents": trigger.amount_cents,
        "price_cents": trigger.price_cents,
        "shares": trigger.shares,
    }


def _stages(entry: Entry) -> list[dict[str, Any]]:
    """What is known of a command's way, in order of time."""
    stages = []
    if entry.order_id:
        stages.append(_stage("order", 0, f"placed or armed by {entry.order_id.hex()}"))
    if entry.quote is not None:
        price = f"{entry.quote.symbol} at {entry.quote.price_cents} cents"
        asker = f"asked for by {entry.quote.asker}"
        stages.append(_stage("price", entry.quote.quoted_ms, f"{price}, {asker}"))
    verdict = "accepted" if entry.code is Code.OK else f"refused: {entry.code.name}"
    stages.append(_stage("decided", entry.decided_ms, verdict))
    stages.append(_stage("committed", 0, f"number {entry.seq} in the user's journal"))
    return stages


def _stage(name: str, at_ms: int, what: str) -> dict[str, Any]:
    return {"stage": name, "at_ms": at_ms, "what": what}
