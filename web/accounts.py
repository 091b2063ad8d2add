"""Looking at an account: its summary, its history, and what it is worth at the prices seen.

Used by the views of pages that show accounts.
"""

from msgspec import Struct

from protocol.messages import Summary
from web.account_view import AccountView, view_account
from web.histories import Histories, History
from web.prices import Prices
from web.trading import Trading


class Glance(Struct, frozen=True):
    """An account as it was when somebody looked."""

    user: str
    summary: Summary
    history: History


class Accounts:
    """All accounts, by way of the nodes."""

    def __init__(self, trading: Trading, prices: Prices) -> None:
        self._trading = trading
        self._histories = Histories()
        self._prices = prices

    async def look(self, user: str) -> Glance:
        """Look at an account now; raises `TradeError`."""
        summary = await self._trading.summary(user)

        async def read_on(before_seq: int) -> Summary:
            return await self._trading.summary(user, before_seq)

        return Glance(user, summary, await self._histories.of(user, summary, read_on))

    def view(self, glance: Glance) -> AccountView:
        """What was seen, at the newest prices."""
        return view_account(glance.user, glance.summary, self._prices, glance.history)
