"""Bugs to plant in the product, each of a kind that has cost somebody money.

Used by `tests.planted.trial`. A bug is a change of text that must fit the source exactly once:
where the source has moved on, the bug has to follow.
"""

from pathlib import Path

from msgspec import Struct


class Edit(Struct, frozen=True):
    """One change of one file."""

    path: str
    before: str
    after: str

    def apply(self, root: Path) -> None:
        """Change the file below `root`; raises ValueError where it does not fit exactly once."""
        file = root / self.path
        source = file.read_text()
        if source.count(self.before) != 1:
            raise ValueError(f"{self.path} has {self.before!r} {source.count(self.before)} times")
        file.write_text(source.replace(self.before, self.after))


class Bug(Struct, frozen=True):
    """One bug; `effect` is what it does to whom."""

    name: str
    effect: str
    edits: tuple[Edit, ...]


_DESK = "reactor_server/desk.py"
_LANE = "reactor_server/lane.py"
_LEDGER = "ledger/migrations/0001_ledger.sql"

_JOURNAL_NOT_ASKED = Edit(
    "reactor_server/loading.py",
    "        known = await self._store.entries_by_id(ids) if ids else {}\n",
    "        known: dict[bytes, Entry] = {}\n",
)

BUGS = (
    Bug(
        "reply before the commit",
        "an answer that a crash makes untrue",
        (
            Edit(
                _DESK,
                "        lane.add(seat, ticket, entry, expected_seq)\n",
                "        lane.add(seat, ticket, entry, expected_seq)\n"
                "        if ticket.answer is not None:\n"
                "            ticket.reply_framed(ticket.answer)\n",
            ),
        ),
    ),
    Bug(
        "no id check",
        "a command that was sent again is carried out again",
        (
            Edit(_LEDGER, "CREATE UNIQUE INDEX journal_command", "CREATE INDEX journal_command"),
            _JOURNAL_NOT_ASKED,
        ),
    ),
    Bug(
        "forgotten version check",
        "a decision that was not written, because another writer came first, is acknowledged",
        (
            Edit(
                _LANE,
                "            conflicted, encoded = committed.conflicted, committed.encoded\n",
                "            conflicted, encoded = frozenset[str](), committed.encoded\n",
            ),
        ),
    ),
    Bug(
        "guessed outcome",
        "a commit of which nobody knows is taken for done",
        (
            Edit(
                _LANE,
                "            if await self._reopen():\n"
                "                self._finish(batch, lambda: self._on_undone(self, batch))\n",
                "            if await self._reopen():\n"
                "                done = first_number, frozenset[str]()\n"
                "                tell = self._on_committed\n"
                "                self._finish(batch, lambda: tell(self, batch, *done))\n",
            ),
        ),
    ),
    Bug(
        "journal not asked",
        "what is sent again after a lost answer never gets one",
        (_JOURNAL_NOT_ASKED,),
    ),
    Bug(
        "lost rollback",
        "a refused BUY keeps the money that it had set aside",
        (
            Edit(
                "ledger/order_rules.py",
                "    shares = amount_cents // price.price_cents\n    if shares < 1:\n",
                "    shares = amount_cents // price.price_cents\n"
                "    account.cash_cents -= amount_cents if shares < 1 else 0\n"
                "    if shares < 1:\n",
            ),
        ),
    ),
    Bug(
        "double fire",
        "a trigger that has fired stays armed, and its firings have ids of their own",
        (
            Edit(
                "ledger/trigger_rules.py",
                "    del account.buy_triggers[symbol]\n    rest",
                "    rest",
            ),
            Edit(
                "ledger/rules.py",
                '        _derived_id(b"firing", trigger.armed_by),\n',
                '        _derived_id(b"firing%d" % now_ms, trigger.armed_by),\n',
            ),
        ),
    ),
    Bug(
        "forgotten posting",
        "money that a cancelled order gives back is not written down",
        (
            Edit(
                "ledger/order_rules.py",
                "_ended(order, postings=(release(order.total_cents),))",
                "_ended(order)",
            ),
        ),
    ),
    Bug(
        "last in, first out",
        "a user's commands overtake each other",
        (
            Edit(
                _DESK,
                "            seat.queue.append(ticket)\n",
                "            seat.queue.appendleft(ticket)\n",
            ),
        ),
    ),
    Bug(
        "skipped records",
        "what the audit daemon missed while it was away is not shipped any more",
        (
            Edit(
                "audit/shipper.py",
                "        self._acknowledge(answer)\n        return answer.last_number\n",
                "        self._acknowledge(answer)\n        return self._recent.last_number\n",
            ),
        ),
    ),
    Bug(
        "a new id for each sending",
        "the client's own: a command that was sent again is another command",
        (
            Edit(
                "generator/driver.py",
                "            node.ask(sent.command_id, command, ",
                "            node.ask(__import__('os').urandom(16), command, ",
            ),
        ),
    ),
    Bug(
        "wrong price",
        "an order is placed a cent a share above the price that is told",
        (
            Edit(
                "ledger/order_rules.py",
                "_place(account.buys, command, decision, shares, price.price_cents)\n",
                "_place(account.buys, command, decision, shares, price.price_cents + 1)\n",
            ),
        ),
    ),
)
