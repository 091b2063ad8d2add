"""What is known of users' histories: costs of shares, and the newest lines.

A history only grows, so what was read of it once is right for ever; it is kept for the users seen
last, and read anew for others.
"""

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

from protocol.messages import HistoryLine, Summary
from web.gains import CostBasis
from web.trading import is_worth_telling

USERS_MAX = 1000
LINES_KEPT = 100
PAGES_MAX = 100
"""Pages of a history that are read to find costs; of an older account they stay unknown."""

ReadOn = Callable[[int], Awaitable[Summary]]


class History:
    """One user's.

    :ivar lines: the newest that are worth telling, newest last.
    """

    def __init__(self) -> None:
        self.costs = CostBasis()
        self.lines: deque[HistoryLine] = deque(maxlen=LINES_KEPT)

    def tell(self, lines: list[HistoryLine]) -> None:
        """Go on with those of these lines that are new; the newest comes first."""
        new = [line for line in reversed(lines) if line.seq > self.costs.seq]
        told = self.costs.tell(new)
        self.lines.extend(line for line in told if is_worth_telling(line))

    def line(self, seq: int) -> HistoryLine | None:
        """The line of this number, while it is among the newest."""
        return next((line for line in self.lines if line.seq == seq), None)


class Histories:
    """The histories of the users seen last."""

    def __init__(self) -> None:
        self._users: OrderedDict[str, History] = OrderedDict()

    async def of(self, user: str, summary: Summary, read_on: ReadOn) -> History:
        """A user's history as far as a summary; `read_on` gets what came before a number.

        Raises what `read_on` raises.
        """
        known = self._users.setdefault(user, History())
        self._users.move_to_end(user)
        if len(self._users) > USERS_MAX:
            self._users.popitem(last=False)
        lines = list(summary.history)
        page = summary
        for _ in range(PAGES_MAX):
            is_joined = not page.history or page.history[-1].seq <= known.costs.seq + 1
            if is_joined or not page.history_before_seq:
                break
            page = await read_on(page.history_before_seq)
            lines += page.history
        known.tell(lines)
        return known
