"""What every store of users and sessions must do: one suite, run on memory and on Postgres.

A contract test is an `async def` that is given an empty store and fails by raising.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from protocol.authentication import AccessRole, make_verifier
from web.store import REQUEST_KEPT_MS, Secret, Session, SessionKind, WebStore

T = 1_700_000_000_000
USER = AccessRole.USER

WebContractTest = Callable[[WebStore], Coroutine[Any, Any, None]]


def _secret(password: str = "one") -> Secret:
    verifier = make_verifier(password, USER, salt=b"salt" * 4, iterations=4096)
    return Secret(f"hash of {password}", verifier)


def _session(
    token: bytes, user: str = "ann", *, idle_ms: int = 0, kind: SessionKind = SessionKind.BROWSER
) -> Session:
    return Session(token.ljust(32), user, kind, "agent", T, T, idle_ms, T + 1000)


async def a_user_is_found_by_name_and_by_no_other(store: WebStore) -> None:
    assert await store.add_user("ann", _secret(), USER, T)
    user = await store.user("ann")
    assert user is not None
    assert (user.name, user.password_hash, user.role) == ("ann", "hash of one", USER)
    assert (user.created_ms, user.must_change) == (T, False)
    assert await store.user("Ann") is None


async def a_name_is_given_once(store: WebStore) -> None:
    assert await store.add_user("ann", _secret("one"), USER, T)
    assert not await store.add_user("ann", _secret("two"), USER, T)
    user = await store.user("ann")
    assert user is not None and user.password_hash == "hash of one"


async def a_name_with_an_account_of_any_kind_is_not_given(store: WebStore) -> None:
    assert not await store.add_user("taken", _secret(), USER, T)
    assert await store.user("taken") is None


async def another_password_ends_all_sessions_of_its_user_and_no_others(store: WebStore) -> None:
    for name in ("ann", "bob"):
        await store.add_user(name, _secret(), USER, T)
        await store.open_session(_session(name.encode(), name))
    assert await store.set_password("ann", _secret("two"), must_change=True)
    user = await store.user("ann")
    assert user is not None and (user.password_hash, user.must_change) == ("hash of two", True)
    assert await store.session(b"ann".ljust(32), T) is None
    assert await store.session(b"bob".ljust(32), T) is not None


async def nobody_gets_a_password_without_being_a_user(store: WebStore) -> None:
    assert not await store.set_password("nobody", _secret(), must_change=False)
    assert await store.user("nobody") is None


async def users_are_listed_in_order_in_pages_with_their_sessions(store: WebStore) -> None:
    for name in ("bob", "ann", "cyd"):
        await store.add_user(name, _secret(), USER, T)
    await store.open_session(_session(b"1", "bob"))
    await store.see_session(b"1".ljust(32), T + 7)
    first = await store.users_after("", 2)
    assert [(u.name, u.sessions, u.seen_ms) for u in first] == [("ann", 0, 0), ("bob", 1, T + 7)]
    assert [user.name for user in await store.users_after("bob", 2)] == ["cyd"]


async def a_session_lasts_until_its_end(store: WebStore) -> None:
    await store.add_user("ann", _secret(), USER, T)
    await store.open_session(_session(b"1"))
    found = await store.session(b"1".ljust(32), T + 999)
    assert found is not None and found[0] == _session(b"1") and found[1].name == "ann"
    assert await store.session(b"1".ljust(32), T + 1000) is None
    assert await store.session(b"2".ljust(32), T) is None


async def an_idle_session_ends_and_one_in_use_does_not(store: WebStore) -> None:
    await store.add_user("ann", _secret(), USER, T)
    await store.open_session(_session(b"1", idle_ms=100))
    await store.see_session(b"1".ljust(32), T + 99)
    assert await store.session(b"1".ljust(32), T + 198) is not None
    assert await store.session(b"1".ljust(32), T + 199) is None


async def a_user_sees_only_sessions_that_go_on_the_newest_first(store: WebStore) -> None:
    await store.add_user("ann", _secret(), USER, T)
    await store.open_session(_session(b"old", idle_ms=10))
    for number in (1, 2):
        session = Session(
            b"%d" % number * 32, "ann", SessionKind.API, "", T + number, T, 0, T + 1000
        )
        await store.open_session(session)
    sessions = await store.sessions_of("ann", T + 50)
    assert [session.token_hash for session in sessions] == [b"2" * 32, b"1" * 32]


async def nobody_ends_the_session_of_another(store: WebStore) -> None:
    await store.add_user("ann", _secret(), USER, T)
    await store.open_session(_session(b"1"))
    await store.end_session("bob", b"1".ljust(32))
    await store.end_sessions("bob")
    assert await store.session(b"1".ljust(32), T) is not None
    await store.end_session("ann", b"1".ljust(32))
    assert await store.session(b"1".ljust(32), T) is None


async def what_is_over_is_forgotten_and_nothing_else(store: WebStore) -> None:
    await store.add_user("ann", _secret(), USER, T)
    await store.open_session(_session(b"1"))
    assert await store.take("key", 1, 500, T)
    number = await store.number_of("ann", b"i" * 16, T)
    await store.forget(T + 400)
    assert await store.session(b"1".ljust(32), T) is not None
    assert not await store.take("key", 1, 500, T + 400)
    await store.forget(T + 1000)
    assert await store.session(b"1".ljust(32), T) is None
    assert await store.number_of("ann", b"i" * 16, T) == number
    await store.forget(T + REQUEST_KEPT_MS + 1)
    assert await store.number_of("ann", b"i" * 16, T) != number


async def a_bucket_gives_its_burst_and_then_one_at_a_time(store: WebStore) -> None:
    assert [await store.take("key", 3, 100, T) for _ in range(4)] == [True, True, True, False]
    assert not await store.take("key", 3, 100, T + 99)
    assert await store.take("key", 3, 100, T + 100)
    assert not await store.take("key", 3, 100, T + 100)
    assert await store.take("other", 3, 100, T + 100)
    assert [await store.take("key", 3, 100, T + 10_000) for _ in range(4)] == [True] * 3 + [False]


async def numbers_are_given_once(store: WebStore) -> None:
    first, second = await store.numbers(5), await store.numbers(5)
    assert len({*first, *second}) == 10


async def a_command_keeps_its_number_within_its_user(store: WebStore) -> None:
    number = await store.number_of("ann", b"i" * 16, T)
    assert await store.number_of("ann", b"i" * 16, T + 5) == number
    others = [
        await store.number_of("bob", b"i" * 16, T),
        await store.number_of("ann", b"j" * 16, T),
    ]
    assert len({number, *others, *await store.numbers(3)}) == 6


async def texts_that_mean_something_to_sql_are_texts(store: WebStore) -> None:
    for name in ("'; DROP TABLE web_user; --", '"', "%s", "\\", "a%"):
        assert await store.user(name) is None
        assert await store.take(name, 1, 1, T)
        await store.end_sessions(name)
    await store.add_user("ann", _secret(), USER, T)
    assert await store.user("ann") is not None


CONTRACT: dict[str, WebContractTest] = {
    name: test for name, test in globals().items() if callable(test) and name.islower()
    and getattr(test, "__module__", "") == __name__ and not name.startswith("_")
}  # fmt: skip
