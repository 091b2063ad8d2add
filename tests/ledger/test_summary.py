"""DISPLAY_SUMMARY: what it shows of an account, and how its history pages (SPEC section 1)."""

from ledger.account import PENDING_ORDERS_MAX, TRIGGERS_MAX, Account, PendingOrder, Side, Trigger
from ledger.entry import Entry, history_line
from ledger.summary import encode_line, history_page, summarize
from protocol.codec import decode_body, encode_body, frame
from protocol.framing import FRAME_BYTES_MAX
from protocol.messages import HistoryLine, HoldingLine, OrderLine, Summary, TriggerLine
from protocol.money import AMOUNT_MAX_CENTS, INT64_MAX
from tests.ledger.desk import START_MS, STOCKS, Desk

VALID_UNTIL_MS = START_MS + 60_000


def sent(summary: Summary) -> Summary:
    """The summary as it comes to a client."""
    received = decode_body(summary.KIND, encode_body(summary))
    assert isinstance(received, Summary)
    return received


def test_an_unknown_users_summary_is_empty() -> None:
    summary = summarize(Account("ann"), 1, START_MS, [])
    assert (summary.exists, summary.cash_cents, summary.reserve_cents) == (False, 0, 0)
    assert (summary.holdings, summary.orders, summary.triggers) == ([], [], [])
    assert (summary.history, summary.history_before_seq) == ([], 0)


def test_a_summary_shows_cash_reserve_holdings_orders_and_triggers() -> None:
    desk = Desk(cash_cents=100, XYZ=9, ABC=10)
    desk.do("BUY", "ABC", 50, price=7)
    desk.do("SELL", "ABC", 6, price=2)
    desk.do("SELL", "XYZ", 9, price=1)
    desk.do("SET_BUY_AMOUNT", "ABC", 20)
    desk.do("SET_BUY_AMOUNT", "AA", 10)
    desk.do("SET_SELL_AMOUNT", "ABC", 6, price=1)
    desk.do("SET_SELL_TRIGGER", "ABC", 2)
    summary = sent(summarize(desk.account, 8, START_MS, []))
    assert (summary.seq, summary.decided_ms, summary.exists) == (8, START_MS, True)
    assert (summary.cash_cents, summary.reserve_cents) == (21, 79)
    assert summary.holdings == [HoldingLine("ABC", 4)], "what is all set aside is not shown"
    assert summary.orders == [
        OrderLine("buy", "ABC", 7, 7, START_MS, VALID_UNTIL_MS),
        OrderLine("sell", "ABC", 3, 2, START_MS, VALID_UNTIL_MS),
        OrderLine("sell", "XYZ", 9, 1, START_MS, VALID_UNTIL_MS),
    ]
    assert summary.triggers == [
        TriggerLine("buy", "AA", 10, 0, 0),
        TriggerLine("buy", "ABC", 20, 0, 0),
        TriggerLine("sell", "ABC", 6, 2, 3),
    ]


def test_the_history_is_newest_first_bounded_and_pages_on_from_its_oldest_line() -> None:
    desk = Desk()
    entries = [desk.do("ADD", cents) for cents in range(1, 7)]
    page = history_page([encode_line(entry) for entry in entries[4:]], entries[3::-1], 4)
    summary = sent(summarize(desk.account, 7, START_MS, page))
    assert summary.history == [history_line(entry) for entry in entries[:1:-1]]
    assert summary.history_before_seq == 3


def test_the_page_with_the_first_entry_is_the_last_one() -> None:
    desk = Desk()
    entries: list[Entry] = [desk.do("ADD", cents) for cents in (1, 2)]
    summary = sent(summarize(desk.account, 3, START_MS, history_page([], entries[::-1], 2)))
    assert [line.amount_cents for line in summary.history] == [2, 1]
    assert summary.history_before_seq == 0


def test_a_summary_of_all_that_an_account_may_hold_fits_a_frame() -> None:
    account = Desk(cash_cents=1).account
    order = PendingOrder(bytes(16), INT64_MAX, "AAA", INT64_MAX, AMOUNT_MAX_CENTS, START_MS)
    account.holdings = dict.fromkeys(STOCKS, INT64_MAX)
    account.buys = account.sells = [order] * PENDING_ORDERS_MAX
    for side in Side:
        account.triggers(side).update(
            {
                symbol: Trigger(side, symbol, AMOUNT_MAX_CENTS, AMOUNT_MAX_CENTS, INT64_MAX)
                for symbol in STOCKS[-TRIGGERS_MAX:]
            }
        )
    big = INT64_MAX
    name, symbol = "SET_SELL_AMOUNT (fired)", "x" * 255
    line = HistoryLine(big, big, big, name, 5003, symbol, big, big, big, big)
    history = [encode_body(line)] * 20
    assert len(frame(summarize(account, INT64_MAX, START_MS, history), bytes(16))) < FRAME_BYTES_MAX
