"""Amounts of money from text and back (SPEC section 1, "Amount text")."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import Code, TradeError
from protocol.money import (
    AMOUNT_MAX_CENTS,
    AMOUNT_MIN_CENTS,
    INT64_MAX,
    INT64_MIN,
    format_cents,
    parse_amount,
)


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("0.01", 1),
        ("0", 0),
        ("1", 100),
        ("12.5", 1250),
        ("12.50", 1250),
        ("12.05", 1205),
        ("007", 700),
        ("276.83", 27_683),
        ("10000000000.00", 1_000_000_000_000),
        ("-1", -100),
        ("-0.01", -1),
        ("-0.5", -50),
        ("-0", 0),
        ("92233720368547758.07", 9_223_372_036_854_775_807),
        ("-92233720368547758.08", -9_223_372_036_854_775_808),
    ],
)
def test_an_amount_is_read_to_the_cent(text: str, cents: int) -> None:
    assert parse_amount(text) == cents


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "1e5",
        "1E5",
        "1.234",
        "+1",
        ".5",
        "5.",
        " 1",
        "1 ",
        "1\n",
        "1. 5",
        "1,000",
        "1_000",
        "1.2.3",
        "--1",
        "- 1",
        "$1",
        "0x10",
        "nan",
        "inf",
        "٣",
        "１",
        "1.५",
        "²",
        "9" * 60,
        "92233720368547758.08",
        "-92233720368547758.09",
        "99999999999999999.99",
    ],
)
def test_other_text_is_no_amount(text: str) -> None:
    with pytest.raises(TradeError) as caught:
        parse_amount(text)
    assert caught.value.code is Code.BAD_AMOUNT_TEXT


def test_the_refusal_shows_the_text_but_never_much_of_it() -> None:
    with pytest.raises(TradeError, match="'1e5' is not an amount"):
        parse_amount("1e5")
    with pytest.raises(TradeError) as caught:
        parse_amount("9" * 100_000)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "0.00"),
        (1, "0.01"),
        (10, "0.10"),
        (99, "0.99"),
        (100, "1.00"),
        (123_456, "1234.56"),
        (-1, "-0.01"),
        (-100, "-1.00"),
        (-1205, "-12.05"),
        (INT64_MAX, "92233720368547758.07"),
        (INT64_MIN, "-92233720368547758.08"),
    ],
)
def test_cents_are_written_with_two_digits_after_the_point(cents: int, text: str) -> None:
    assert format_cents(cents) == text


@given(st.integers(INT64_MIN, INT64_MAX))
def test_what_is_written_is_read_as_the_same_cents(cents: int) -> None:
    assert parse_amount(format_cents(cents)) == cents


@given(st.text(alphabet="0123456789.-+eE, ", max_size=24) | st.text(max_size=24))
def test_any_text_is_read_exactly_or_refused(text: str) -> None:
    """Read text, written again, is the same number: nothing was rounded or misread."""
    try:
        cents = parse_amount(text)
    except TradeError as refusal:
        assert refusal.code is Code.BAD_AMOUNT_TEXT
        return
    whole, _, decimals = text.removeprefix("-").partition(".")
    digits = f"{whole.lstrip('0') or '0'}.{decimals:0<2}"
    assert format_cents(abs(cents)) == digits
    assert (cents < 0) == (text.startswith("-") and cents != 0)


def test_the_ledger_takes_from_one_cent_to_ten_thousand_million() -> None:
    assert parse_amount("0.01") == AMOUNT_MIN_CENTS
    assert parse_amount("10000000000.00") == AMOUNT_MAX_CENTS
