"""What can name a user, a stock or a file (SPEC section 1), and how long a quote is good."""

import pytest

from protocol.fields import is_filename, is_symbol, is_user
from protocol.quote import Quote


@pytest.mark.parametrize("text", ["a", "A", "0", "oY01WVirLr", "a.b-c_d@e", "-", "x" * 64])
def test_it_can_name_a_user(text: str) -> None:
    assert is_user(text)


@pytest.mark.parametrize(
    "text", ["", "x" * 65, "a b", "a,b", "a\n", "\na", "é", "٣", "a/b", "a+b", "a\x00"]
)
def test_it_cannot_name_a_user(text: str) -> None:
    assert not is_user(text)


@pytest.mark.parametrize("text", ["A", "AB", "ABC", "a", "aBc"])
def test_it_can_name_a_stock(text: str) -> None:
    assert is_symbol(text)


@pytest.mark.parametrize(
    "text", ["", "ABCD", "A1", "1", "A ", "A\n", "É", "\u017f", "\u212a", "A-"]
)
def test_it_cannot_name_a_stock(text: str) -> None:
    assert not is_symbol(text)


@pytest.mark.parametrize("text", ["./testLOG", "a", " ", "é", "../../etc/passwd", "x" * 255])
def test_it_can_name_a_file_since_only_the_client_opens_it(text: str) -> None:
    assert is_filename(text)


@pytest.mark.parametrize("text", ["", "x" * 256, "a\n", "a\x00b", "\x7f", "\u2028", "\u202e"])
def test_it_cannot_name_a_file(text: str) -> None:
    assert not is_filename(text)


def test_a_quote_is_good_for_sixty_seconds_of_the_quote_servers_own_time() -> None:
    assert Quote("ABC", 2500, 1_000_000, "key=", "alice").valid_until_ms == 1_060_000
