"""The legacy server's lines: a quote for exactly what was asked, or a reason why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.quote import Quote
from quote_proxy.legacy_line import (
    ANSWER_BYTES_MAX,
    BadAnswer,
    answer_line,
    parse_answer,
    parse_request,
    request_line,
)
from quote_proxy.source import Refusal

GOOD = b"12.34,ABC,ann,1700000000000,IRrR7UeTO35kSWUg+/0=\n"

symbols = st.text("ABCXYZ", min_size=1, max_size=3)
users = st.from_regex(r"[A-Za-z0-9_.@-]{1,64}", fullmatch=True).filter(lambda user: user != "NA")
quotes = st.builds(
    Quote,
    symbols,
    st.integers(1, 10**10),
    st.integers(1, 10**13),
    st.from_regex(r"[A-Za-z0-9+/]{1,86}={0,2}", fullmatch=True),
    users,
)


@given(symbols, users)
def test_a_request_reads_back_as_what_was_asked(symbol: str, user: str) -> None:
    line = request_line(symbol, user)
    assert line.endswith(b"\n")
    assert parse_request(line[:-1]) == (symbol, user)


@pytest.mark.parametrize(
    ("symbol", "user"),
    [("ABCD", "ann"), ("", "ann"), ("abc", "ann"), ("A,B", "ann"), ("ABC", ""), ("ABC", "a\nb")],
)
def test_a_request_that_would_ask_for_something_else_is_not_written(symbol: str, user: str) -> None:
    with pytest.raises(ValueError, match="cannot ask"):
        request_line(symbol, user)


def test_one_blank_after_the_comma_of_a_request_is_taken() -> None:
    assert parse_request(b"ABC, ann") == ("ABC", "ann")


@pytest.mark.parametrize(
    "line", [b"", b"ABC", b"ABC,", b",ann", b"ABCD,ann", b"ABC,ann,x", b"ABC,  ann", b"A\xe9,ann"]
)
def test_bad_input_is_no_request(line: bytes) -> None:
    assert parse_request(line) is None


@given(quotes)
def test_an_answer_reads_back_as_the_quote_that_was_written(quote: Quote) -> None:
    assert parse_answer(answer_line(quote), quote.symbol, quote.asker) == quote


@pytest.mark.parametrize(
    ("received", "reason"),
    [
        (b"", Refusal.EMPTY),
        (b"\n", Refusal.MALFORMED),
        (GOOD[:-1], Refusal.TRUNCATED),
        (GOOD[:20], Refusal.TRUNCATED),
        (GOOD + GOOD, Refusal.SEVERAL_LINES),
        (GOOD + b"\n", Refusal.SEVERAL_LINES),
        (b"x" * ANSWER_BYTES_MAX + b"\n", Refusal.TOO_LONG),
        (b"\xff" + GOOD, Refusal.MALFORMED),
        (b"12.34,ABC,ann,1700000000000\n", Refusal.MALFORMED),
        (GOOD.replace(b"\n", b",more\n"), Refusal.MALFORMED),
        (b"NA\n", Refusal.NOT_ACCEPTED),
        (GOOD.replace(b"ann", b"NA"), Refusal.NOT_ACCEPTED),
        (GOOD.replace(b"ABC", b"ABD"), Refusal.SYMBOL),
        (GOOD.replace(b"ABC", b"abc"), Refusal.SYMBOL),
        (GOOD.replace(b"ann", b"anna"), Refusal.USER),
        (GOOD.replace(b"12.34", b"0.00"), Refusal.PRICE),
        (GOOD.replace(b"12.34", b"-12.34"), Refusal.PRICE),
        (GOOD.replace(b"12.34", b"+12.34"), Refusal.PRICE),
        (GOOD.replace(b"12.34", b" 12.34"), Refusal.PRICE),
        (GOOD.replace(b"12.34", b"12"), Refusal.PRICE),
        (GOOD.replace(b"12.34", b"12.3"), Refusal.PRICE),
        (GOOD.replace(b"12.34", b"12.345"), Refusal.PRICE),
        (GOOD.replace(b"12.34", b"1e9.00"), Refusal.PRICE),
        (GOOD.replace(b"12.34", b"nan"), Refusal.PRICE),
        (GOOD.replace(b"1700000000000", b"17.5"), Refusal.TIMESTAMP),
        (GOOD.replace(b"1700000000000", b"-1"), Refusal.TIMESTAMP),
        (GOOD.replace(b"1700000000000", b"0"), Refusal.TIMESTAMP),
        (GOOD.replace(b"1700000000000", b""), Refusal.TIMESTAMP),
        (GOOD.replace(b"IRrR", b"IR R"), Refusal.CRYPTOKEY),
        (GOOD.replace(b"\n", b"\r\n"), Refusal.CRYPTOKEY),
        (b"12.34,ABC,ann,1700000000000,\n", Refusal.CRYPTOKEY),
    ],
)
def test_anything_but_one_good_line_is_refused_with_its_reason(
    received: bytes, reason: Refusal
) -> None:
    with pytest.raises(BadAnswer) as refused:
        parse_answer(received, "ABC", "ann")
    assert refused.value.reason is reason


def test_a_user_named_like_the_mark_of_bad_input_gets_no_price() -> None:
    """An answer for NA is the server's word for bad input; it cannot be told from a real one."""
    with pytest.raises(BadAnswer) as refused:
        parse_answer(GOOD.replace(b"ann", b"NA"), "ABC", "NA")
    assert refused.value.reason is Refusal.NOT_ACCEPTED


@given(st.data(), quotes, quotes)
def test_no_mangling_yields_a_quote_for_another_request_or_without_a_price(
    data: st.DataObject, asked: Quote, other: Quote
) -> None:
    """Bytes are cut out, put in and taken from another answer; what passes is still ours."""
    line = answer_line(data.draw(st.sampled_from((asked, other))))
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    spliced = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"-", b"0.00", b"\n"])))
    try:
        quote = parse_answer(line[:start] + spliced + line[end:], asked.symbol, asked.asker)
    except BadAnswer:
        return
    assert (quote.symbol, quote.asker) == (asked.symbol, asked.asker)
    assert quote.price_cents > 0
    assert quote.quoted_ms > 0


@given(quotes, st.integers(1, 200))
def test_an_answer_cut_short_anywhere_is_refused(quote: Quote, cut: int) -> None:
    with pytest.raises(BadAnswer):
        parse_answer(answer_line(quote)[:-cut], quote.symbol, quote.asker)


@given(st.binary(max_size=ANSWER_BYTES_MAX + 2))
def test_garbage_is_refused_and_raises_nothing_else(received: bytes) -> None:
    with pytest.raises(BadAnswer):
        parse_answer(received, "ABC", "ann")
