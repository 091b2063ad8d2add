"""What shares have cost, told from a history: examples, and against the rules themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.messages import HistoryLine
from tests.web.premises import Premises
from web.gains import CostBasis


def line(
    seq: int, name: str, symbol: str = "", shares: int = 0, price_cents: int = 0, code: int = 0
) -> HistoryLine:
    return HistoryLine(seq, 1, 1, name, code, symbol, 0, price_cents, shares, shares * price_cents)


def costs(*lines: tuple[str, str, int, int]) -> CostBasis:
    basis = CostBasis()
    basis.tell(line(seq, *each) for seq, each in enumerate(lines, 1))
    return basis


def test_a_bought_share_costs_what_was_paid_on_the_average() -> None:
    basis = costs(
        ("BUY", "ABC", 2, 500),
        ("COMMIT_BUY", "", 2, 500),
        ("BUY", "ABC", 2, 1000),
        ("COMMIT_BUY", "", 2, 1000),
    )
    assert basis.cost_cents("ABC", 4) == 3000
    assert basis.cost_cents("ABC", 1) == 750


def test_a_commit_belongs_to_the_newest_order_and_a_lapse_to_the_oldest() -> None:
    basis = costs(
        ("BUY", "OLD", 1, 500),
        ("BUY", "MID", 1, 500),
        ("BUY", "NEW", 1, 500),
        ("CANCEL_BUY (lapsed)", "", 1, 500),
        ("COMMIT_BUY", "", 1, 500),
        ("CANCEL_BUY", "", 1, 500),
    )
    assert basis.cost_cents("NEW", 1) == 500
    assert basis.cost_cents("OLD", 1) is basis.cost_cents("MID", 1) is None


def test_a_sale_takes_shares_out_at_what_they_cost_on_the_average() -> None:
    basis = costs(
        ("BUY", "ABC", 4, 500),
        ("COMMIT_BUY", "", 4, 500),
        ("SELL", "ABC", 1, 900),
        ("COMMIT_SELL", "", 1, 900),
    )
    assert basis.cost_cents("ABC", 3) == 1500
    assert basis.cost_cents("ABC", 4) is None


def test_what_triggers_did_counts_and_setting_them_does_not() -> None:
    basis = costs(
        ("SET_BUY_TRIGGER", "ABC", 0, 600),
        ("SET_BUY_TRIGGER (fired)", "ABC", 3, 500),
        ("SET_SELL_TRIGGER", "ABC", 2, 600),
        ("SET_SELL_TRIGGER (fired)", "ABC", 2, 700),
    )
    assert basis.cost_cents("ABC", 1) == 500


def test_what_was_refused_cost_nothing() -> None:
    basis = CostBasis()
    basis.tell([line(1, "BUY", "ABC", 1, 500), line(2, "COMMIT_BUY", "", 1, 500, code=4001)])
    assert basis.cost_cents("ABC", 1) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BUY", "COMMIT_BUY", "CANCEL_BUY", "SELL", "COMMIT_SELL", "ADD"]),
            st.sampled_from(["ABC", "XYZ"]),
            st.integers(1, 5),
        ),
        max_size=30,
    )
)
def test_a_known_cost_is_of_all_shares_and_never_negative(
    done: list[tuple[str, str, int]],
) -> None:
    premises = Premises()
    node = premises.house.nodes[0]
    node.prices.cents["XYZ"] = 700
    node.ask("ADD", "ann", 100_00)
    for name, symbol, shares in done:
        if name == "ADD":
            node.ask(name, "ann", shares)
        elif "_" in name:
            node.ask(name, "ann")
        else:
            node.ask(name, "ann", symbol, shares * 700)
    basis = CostBasis()
    entries = premises.house.journal("ann")
    from ledger.entry import history_line

    basis.tell(history_line(entry) for entry in entries)
    account = premises.house.account("ann")
    for symbol, shares in account.holdings.items():
        cost = basis.cost_cents(symbol, shares)
        assert cost is not None and cost == shares * node.prices.cents[symbol]


@pytest.mark.parametrize("shares", [0, 1])
def test_a_stock_that_was_never_bought_has_no_known_cost(shares: int) -> None:
    assert CostBasis().cost_cents("ABC", shares) is None


def test_a_line_that_ends_an_order_is_told_with_the_stock_of_that_order() -> None:
    basis = CostBasis()
    told = basis.tell([line(1, "BUY", "abc", 1, 500), line(2, "COMMIT_BUY", "", 1, 500)])
    assert [each.symbol for each in told] == ["abc", "ABC"]
