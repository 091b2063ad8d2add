"""What the sixteen commands have in common.

Used by `protocol.messages`, which declares them; everybody else imports from there.
"""

from typing import ClassVar

from protocol.declaration import Message
from protocol.fields import Int64, Text, TransactionNum


class Command(Message, frozen=True, gc=False):
    """What all commands share: whose account, and the workload's line number."""

    NAME: ClassVar[str] = ""

    user: Text
    transaction_num: TransactionNum

    def arguments(self) -> tuple[str, int, str]:
        """The symbol, the amount in cents and the file name, empty where there is none."""
        return "", 0, ""


class SymbolCommand(Command, frozen=True, gc=False):
    """A command about one stock of one user."""

    symbol: Text

    def arguments(self) -> tuple[str, int, str]:
        """See `Command`."""
        return self.symbol, 0, ""


class AmountCommand(SymbolCommand, frozen=True, gc=False):
    """A command about a stock and an amount of money; for SET_*_TRIGGER the amount is the
    trigger price.
    """

    amount_cents: Int64

    def arguments(self) -> tuple[str, int, str]:
        """See `Command`."""
        return self.symbol, self.amount_cents, ""
