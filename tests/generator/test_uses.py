"""When prices were used: what decided, what was shown, and every moment a trigger was armed."""

from generator.uses import PriceUses
from ledger.entry import Cause, Entry
from protocol.errors import Code
from protocol.messages import (
    Add,
    Buy,
    CancelSetBuy,
    CancelSetSell,
    Command,
    QuoteRequest,
    SetBuyAmount,
    SetBuyTrigger,
    SetSellAmount,
    SetSellTrigger,
)
from protocol.quote import Quote


def entry(
    kind: type[Command],
    decided_ms: int,
    *,
    symbol: str = "ABC",
    user: str = "anna",
    price_cents: int = 0,
    cause: Cause = Cause.COMMAND,
    code: Code = Code.OK,
) -> Entry:
    """A journal entry as far as the uses of prices go; with a price, there is a quote behind it."""
    quote = Quote(symbol.upper(), price_cents, 0, "key", user) if price_cents else None
    return Entry(
        user,
        1,
        bytes(16),
        kind.KIND,
        cause,
        1,
        decided_ms,
        code,
        symbol=symbol,
        quote=quote,
    )


def uses_of(*entries: Entry) -> PriceUses:
    uses = PriceUses()
    for each in entries:
        uses.take(each)
    return uses


def spans_of(*entries: Entry) -> list[tuple[int, int]]:
    """The spans in which a trigger on ABC was armed."""
    return list(uses_of(*entries).armed_ms().get("ABC", []))


class TestUses:
    def test_each_price_that_decided_or_was_shown_is_a_use(self) -> None:
        uses = uses_of(
            entry(QuoteRequest, 10, price_cents=5),
            entry(Buy, 20, price_cents=5, code=Code.AMOUNT_TOO_SMALL_FOR_A_SHARE),
            entry(Buy, 30, symbol="xyz", price_cents=7),
            entry(Add, 40),
            entry(SetBuyTrigger, 50, price_cents=5, cause=Cause.FIRING),
        )
        assert uses.uses_ms == {"ABC": [10, 20, 50], "XYZ": [30]}

    def test_a_price_that_came_for_the_watch_alone_is_none(self) -> None:
        uses = uses_of(entry(SetBuyTrigger, 10, price_cents=5, cause=Cause.HIT))
        assert uses.uses_ms == {}
        assert uses.armed_ms() == {}


class TestArmedSpans:
    def test_a_span_ends_with_the_firing(self) -> None:
        assert spans_of(
            entry(SetBuyAmount, 5),
            entry(SetBuyTrigger, 10),
            entry(SetBuyTrigger, 30, price_cents=5, cause=Cause.FIRING),
            entry(Add, 90),
        ) == [(10, 30)]

    def test_a_span_ends_with_the_cancelling(self) -> None:
        assert spans_of(entry(SetBuyTrigger, 10), entry(CancelSetBuy, 20)) == [(10, 20)]
        assert spans_of(entry(SetSellTrigger, 10), entry(CancelSetSell, 20)) == [(10, 20)]

    def test_a_trigger_that_is_still_armed_was_so_until_the_last_entry(self) -> None:
        assert spans_of(entry(SetSellTrigger, 10), entry(Add, 90, user="ben")) == [(10, 90)]

    def test_arming_again_goes_on_where_the_first_span_ends(self) -> None:
        assert spans_of(
            entry(SetBuyTrigger, 10), entry(SetBuyTrigger, 20), entry(CancelSetBuy, 30)
        ) == [(10, 20), (20, 30)]

    def test_a_new_amount_leaves_a_buy_armed_and_disarms_a_sell(self) -> None:
        assert spans_of(
            entry(SetBuyTrigger, 10), entry(SetBuyAmount, 20), entry(CancelSetBuy, 30)
        ) == [(10, 30)]
        assert spans_of(
            entry(SetSellTrigger, 10), entry(SetSellAmount, 20), entry(CancelSetSell, 30)
        ) == [(10, 20)]

    def test_what_was_refused_changes_no_span(self) -> None:
        assert spans_of(entry(SetBuyTrigger, 10, code=Code.NO_BUY_AMOUNT), entry(Add, 20)) == []
        refused = entry(CancelSetBuy, 20, code=Code.NO_BUY_AMOUNT)
        assert spans_of(entry(SetBuyTrigger, 10), refused, entry(Add, 30)) == [(10, 30)]

    def test_triggers_of_other_users_sides_and_stocks_are_others(self) -> None:
        """The stock is the same, however it is written."""
        uses = uses_of(
            entry(SetBuyTrigger, 10, symbol="abc"),
            entry(SetBuyTrigger, 11, user="ben"),
            entry(SetSellTrigger, 12),
            entry(SetBuyTrigger, 13, symbol="X"),
            entry(CancelSetBuy, 20),
            entry(Add, 30),
        )
        armed = {symbol: sorted(spans) for symbol, spans in uses.armed_ms().items()}
        assert armed == {"ABC": [(10, 20), (11, 30), (12, 30)], "X": [(13, 30)]}
