"""The book of armed triggers, against a plain list and by the number of its comparisons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.account import Side, TriggerName
from ledger.store import ArmedTrigger
from trigger.book import TriggerBook

PRICES = range(1, 8)
SYMBOLS = ("ABC", "XYZ")

triggers = st.builds(
    ArmedTrigger,
    symbol=st.sampled_from(SYMBOLS),
    side=st.sampled_from(Side),
    price_cents=st.sampled_from(PRICES),
    user=st.sampled_from(["-", "ann", "bob", "z" * 64]),
    armed_ms=st.integers(0, 5),
    transaction_num=st.integers(1, 5),
)
changes = st.lists(st.tuples(st.booleans(), triggers))


def armed(
    symbol: str, side: Side, price_cents: int, user: str = "ann", armed_ms: int = 0
) -> ArmedTrigger:
    return ArmedTrigger(symbol, side, price_cents, user, armed_ms, 1)


def name_of(trigger: ArmedTrigger) -> TriggerName:
    return TriggerName(trigger.user, trigger.side, trigger.symbol)


def is_met(trigger: ArmedTrigger, symbol: str, price_cents: int) -> bool:
    """The rule itself: buys at or below their price, sells at or above."""
    if trigger.symbol != symbol:
        return False
    if trigger.side is Side.BUY:
        return price_cents <= trigger.price_cents
    return price_cents >= trigger.price_cents


def assert_knows(book: TriggerBook, expected: list[ArmedTrigger]) -> None:
    """Assert that the book says of each symbol and price what the plain list says."""
    assert len(book) == len(expected)
    assert set(book.symbols()) == {trigger.symbol for trigger in expected}
    for symbol in SYMBOLS:
        for price_cents in PRICES:
            met = book.met(symbol, price_cents)
            assert len(set(met)) == len(met)
            assert set(met) == {name_of(t) for t in expected if is_met(t, symbol, price_cents)}
        of_symbol = [trigger for trigger in expected if trigger.symbol == symbol]
        oldest = book.oldest(symbol)
        assert (oldest is None) == (not of_symbol)
        if oldest is not None:
            assert oldest in of_symbol
            assert oldest.armed_ms == min(trigger.armed_ms for trigger in of_symbol)


@given(changes)
def test_it_knows_what_a_plain_list_of_the_same_changes_knows(
    changes: list[tuple[bool, ArmedTrigger]],
) -> None:
    book = TriggerBook()
    plain: dict[TriggerName, ArmedTrigger] = {}
    for is_armed, trigger in changes:
        if is_armed:
            book.arm(trigger)
            plain[name_of(trigger)] = trigger
        else:
            book.disarm(name_of(trigger))
            plain.pop(name_of(trigger), None)
    assert_knows(book, list(plain.values()))


@given(st.lists(triggers, unique_by=name_of), st.lists(triggers, unique_by=name_of))
def test_it_knows_only_the_new_ones_when_all_are_replaced(
    before: list[ArmedTrigger], after: list[ArmedTrigger]
) -> None:
    book = TriggerBook()
    book.replace_all(before)
    book.replace_all(after)
    assert_knows(book, after)


@pytest.mark.parametrize(("price_cents", "met"), [(6, [Side.BUY]), (7, list(Side)), (8, ["sell"])])
def test_the_trigger_price_itself_meets_both_sides(price_cents: int, met: list[Side]) -> None:
    book = TriggerBook()
    for side in Side:
        book.arm(armed("ABC", side, 7))
    assert [name.side for name in book.met("ABC", price_cents)] == met


def test_a_trigger_set_anew_is_met_by_its_new_price_only() -> None:
    book = TriggerBook()
    book.arm(armed("ABC", Side.BUY, 7))
    book.arm(armed("ABC", Side.BUY, 5))
    assert book.met("ABC", 6) == []
    assert book.met("ABC", 5) == [TriggerName("ann", Side.BUY, "ABC")]


def test_the_oldest_is_the_one_armed_first_on_either_side() -> None:
    book = TriggerBook()
    first = armed("ABC", Side.SELL, 9, "zoe", armed_ms=1)
    book.arm(armed("ABC", Side.BUY, 1, "ann", armed_ms=2))
    book.arm(first)
    book.arm(armed("XYZ", Side.BUY, 1, "bob", armed_ms=0))
    assert book.oldest("ABC") == first
    book.disarm(name_of(first))
    oldest = book.oldest("ABC")
    assert oldest is not None
    assert oldest.user == "ann"


class CountedPrice(int):
    """A price that counts how often one was compared."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        CountedPrice.compared += 1
        return int(self) < other

    def __eq__(self, other: object) -> bool:
        CountedPrice.compared += 1
        return int(self) == other

    def __hash__(self) -> int:
        return hash(int(self))


@pytest.mark.parametrize("side", Side)
def test_a_price_costs_what_fires_and_not_what_waits(side: Side) -> None:
    """Ten thousand wait; to find the two that are met takes some thirty comparisons."""
    waiting = 10_000
    prices = range(1, waiting + 1)
    book = TriggerBook()
    for price_cents in prices:
        book.arm(armed("ABC", side, CountedPrice(price_cents), f"u{price_cents}"))
    CountedPrice.compared = 0
    met = book.met("ABC", prices[-2] if side is Side.BUY else prices[1])
    assert len(met) == 2
    assert 0 < CountedPrice.compared <= 40


class CountedAge(int):
    """A time that counts how often one was compared."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        CountedAge.compared += 1
        return int(self) < other

    def __eq__(self, other: object) -> bool:
        CountedAge.compared += 1
        return int(self) == other

    def __hash__(self) -> int:
        return hash(int(self))


def test_the_oldest_costs_the_same_however_many_wait() -> None:
    book = TriggerBook()
    for number in range(10_000):
        book.arm(armed("ABC", Side.BUY, 5, f"u{number}", CountedAge(10_000 - number)))
    CountedAge.compared = 0
    oldest = book.oldest("ABC")
    assert oldest is not None
    assert (oldest.armed_ms, CountedAge.compared) == (1, 0)


def test_all_triggers_are_checked_in_turn_so_many_at_a_time() -> None:
    book = TriggerBook()
    known = [armed("ABC", Side.BUY, 5, f"u{number}") for number in range(10)]
    for trigger in known:
        book.arm(trigger)
    first = book.next_to_check(4)
    book.disarm(name_of(known[0]))
    rest = book.next_to_check(4) + book.next_to_check(4)
    assert len(first) == 4
    assert {*first, *rest} == {name_of(trigger) for trigger in known[1:]} | set(first)
    assert len(rest) == len(set(rest))
    assert len(book.next_to_check(100)) == 9
