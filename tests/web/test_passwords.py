"""Which passwords may be chosen, and that each is kept for both ways to log in."""

import pytest
from twisted.internet.defer import maybeDeferred

from protocol.authentication import AccessRole, ClientLogIn, ServerLogIn
from protocol.errors import Code, TradeError
from tests.service.links import outcome_of
from web.passwords import BYTES_MAX, Hashing, check_password, made_password, quick_hasher


@pytest.fixture
def hashing() -> Hashing:
    return Hashing(maybeDeferred, quick_hasher())


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "at least 8"),
        ("seven77", "at least 8"),
        ("x" * (BYTES_MAX + 1), "at most"),
        ("ä" * (BYTES_MAX // 2 + 1), "at most"),
        ("password", "too many people"),
        ("PassWord", "too many people"),
        ("ann.smith", "is no password"),
        ("DayTrade", "is no password"),
    ],
)
def test_a_password_that_is_easily_guessed_is_refused(password: str, why: str) -> None:
    with pytest.raises(TradeError, match=why) as refusal:
        check_password("Ann.Smith", password)
    assert refusal.value.code is Code.BAD_PASSWORD


@pytest.mark.parametrize(
    "password", ["a horse!", "ж" * 64, "x" * BYTES_MAX, "  spaces  too ", "密码是很长的一句话"]
)
def test_any_characters_do(hashing: Hashing, password: str) -> None:
    check_password("ann", password)
    (secret,) = outcome_of(hashing.secret_of(password, AccessRole.USER))
    assert outcome_of(hashing.fits(secret.password_hash, password)) == [True]  # type: ignore[attr-defined]


def test_a_password_is_not_cut(hashing: Hashing) -> None:
    (secret,) = outcome_of(hashing.secret_of("x" * 100, AccessRole.USER))
    for other in ("x" * 99, "x" * 101, "X" * 100):
        assert outcome_of(hashing.fits(secret.password_hash, other)) == [False]  # type: ignore[attr-defined]


def test_the_same_letters_typed_in_another_way_are_the_same_password(hashing: Hashing) -> None:
    (secret,) = outcome_of(hashing.secret_of("caf\u00e9 horse", AccessRole.USER))
    assert outcome_of(hashing.fits(secret.password_hash, "cafe\u0301 horse")) == [True]  # type: ignore[attr-defined]


def test_the_same_password_logs_in_by_the_binary_protocol(hashing: Hashing) -> None:
    (secret,) = outcome_of(hashing.secret_of("a horse!", AccessRole.USER))
    client, server = ClientLogIn("ann", "a horse!"), ServerLogIn(secret.verifier)  # type: ignore[attr-defined]
    verdict = server.judge(client.prove(server.challenge(client.first())))
    assert client.finish(verdict) == "user"


def test_what_scram_cannot_carry_is_refused_before_anything_is_kept(hashing: Hashing) -> None:
    (refusal,) = outcome_of(hashing.secret_of("a horse\x07!", AccessRole.USER))
    assert isinstance(refusal, TradeError) and refusal.code is Code.BAD_PASSWORD


def test_a_hash_that_is_none_fits_nothing(hashing: Hashing) -> None:
    assert outcome_of(hashing.fits("nonsense", "a horse!")) == [False]
    assert outcome_of(hashing.fits(None, "a horse!")) == [False]


def test_a_made_password_is_long_and_another_one_each_time() -> None:
    made = {made_password() for _ in range(100)}
    assert len(made) == 100 and all(len(each) >= 20 for each in made)
