"""The double's log of calls: how many, and the two for one symbol that came closest."""

from quote_proxy.call_log import CallLog


def test_the_closest_two_calls_for_one_symbol_are_found_among_all() -> None:
    calls = CallLog()
    for symbol, now_s in (("A", 0.0), ("B", 0.5), ("A", 2.0), ("B", 2.0), ("A", 5.0)):
        calls.note(symbol, now_s)
    assert (calls.total, calls.closest_s) == (5, 1.5)


def test_calls_that_did_not_say_for_what_are_only_counted() -> None:
    calls = CallLog()
    for now_s in (0.0, 0.25, 0.5):
        calls.note("", now_s)
    assert (calls.total, calls.closest_s) == (3, None)


def test_cleared_it_begins_anew() -> None:
    calls = CallLog()
    calls.note("A", 0.0)
    calls.clear()
    calls.note("A", 0.25)
    assert (calls.total, calls.closest_s) == (1, None)
