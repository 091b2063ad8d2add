"""Log-in, sign-up, log-out: who comes in, who does not, and what a session is worth when."""

import pytest

from audit.security import Outcome
from tests.web.premises import PASSWORD, Premises
from web.assembly import WebSettings
from web.sessions import HOUR_MS, MINUTE_MS, Lifetimes

WRONG = "the name or the password is wrong"
SID = "daytrade-sid"


def test_who_is_not_logged_in_is_sent_to_the_log_in_page(premises: Premises) -> None:
    for path in ("/", "/history", "/account", "/admin"):
        reply = premises.browser().get(path)
        assert (reply.status, reply["location"]) == (303, "/log-in")


def test_a_user_logs_in_again_with_the_password_and_with_no_other(premises: Premises) -> None:
    premises.user("ann")
    browser = premises.browser()
    refused = browser.log_in("ann", "something else")
    assert refused.status == 401 and WRONG in refused.text
    assert SID not in browser.cookies
    assert browser.log_in("ann").status == 303
    assert browser.get("/").status == 200


@pytest.mark.parametrize("name", ["nobody", "no body", "", "'; DROP TABLE web_user; --", "a" * 500])
def test_an_unknown_name_is_answered_like_a_wrong_password(premises: Premises, name: str) -> None:
    premises.user("ann")
    known, unknown = premises.browser(), premises.browser()
    for browser, tried in ((known, "ann"), (unknown, name)):
        browser.log_in(tried, "wrong password")
    assert known.page.status == unknown.page.status == 401
    assert WRONG in known.page.words("main") and WRONG in unknown.page.words("main")


def test_the_slow_hash_is_made_for_an_unknown_name_too(premises: Premises) -> None:
    hashed: list[object] = []
    hashing = premises.web.hashing
    verify = hashing.verify

    def counted(stored: str, password: str) -> bool:
        hashed.append(password)
        return verify(stored, password)

    hashing.verify = counted  # type: ignore[method-assign,assignment]
    premises.browser().log_in("nobody", "wrong password")
    assert hashed == ["wrong password"]


def test_each_log_in_makes_a_new_token_and_ends_the_old_one(premises: Premises) -> None:
    ann = premises.user("ann")
    old = ann.cookies[SID]
    page = ann.get("/")
    ann.post("/log-in", {"name": "ann", "password": PASSWORD, "csrf": page.field("csrf")})
    assert ann.cookies[SID] != old
    thief = premises.browser()
    thief.cookies[SID] = old
    assert thief.get("/").status == 303


def test_a_token_that_was_planted_before_the_log_in_is_worth_nothing(premises: Premises) -> None:
    premises.user("ann")
    victim, thief = premises.browser(), premises.browser()
    victim.cookies[SID] = thief.cookies[SID] = "f" * 64
    assert victim.log_in("ann").status == 303
    assert victim.cookies[SID] != "f" * 64
    assert thief.get("/").status == 303


def test_a_log_out_ends_the_session_on_the_server(premises: Premises) -> None:
    ann = premises.user("ann")
    token = ann.cookies[SID]
    ann.get("/")
    reply = ann.post("/log-out", {})
    assert reply["location"] == "/log-in" and SID not in ann.cookies
    assert reply["clear-site-data"] == '"cache", "storage"'
    ann.cookies[SID] = token
    assert ann.get("/").status == 303


def test_a_session_ends_when_it_is_not_used_and_not_while_it_is(premises: Premises) -> None:
    ann = premises.user("ann")
    for _ in range(3):
        premises.house.ahead_ms += 14 * MINUTE_MS
        premises.pass_time(14 * 60)
        assert ann.get("/account").status == 200
    premises.pass_time(15 * 60)
    assert ann.get("/account").status == 303


def test_a_session_in_use_ends_all_the_same_in_the_end() -> None:
    lifetimes = Lifetimes(idle_ms=HOUR_MS, absolute_ms=2 * HOUR_MS)
    premises = Premises(settings=WebSettings(lifetimes=lifetimes))
    ann = premises.user("ann")
    statuses = []
    for _ in range(4):
        premises.pass_time(40 * 60)
        statuses.append(ann.get("/account").status)
    assert statuses == [200, 200, 303, 303]


def test_a_remembered_session_outlives_a_month_without_a_visit_and_no_more(
    premises: Premises,
) -> None:
    premises.user("ann")
    ann = premises.browser()
    reply = ann.log_in("ann", remember="yes")
    assert "Max-Age=2592000" in reply.all("set-cookie")[0]
    premises.clock.rightNow += 30 * 86_400 - 60
    assert ann.get("/account").status == 200
    premises.clock.rightNow += 120
    assert ann.get("/account").status == 303


def test_the_cookie_of_a_session_that_is_not_remembered_goes_with_the_browser(
    premises: Premises,
) -> None:
    premises.user("ann")
    reply = premises.browser().log_in("ann")
    assert "Max-Age" not in reply.all("set-cookie")[0]


def test_a_user_sees_all_devices_and_logs_one_out(premises: Premises) -> None:
    ann, other = premises.user("ann"), premises.browser()
    other.log_in("ann", remember="yes")
    page = ann.get("/account")
    assert page.text.count('name="session"') == 2
    ended = next(
        line.split('value="')[1].split('"')[0]
        for line in page.text.split("<tr>")
        if 'name="session"' in line and "this one" not in line
        for line in [line.partition('name="session"')[2]]
    )
    ann.post("/account/end", {"session": ended})
    assert other.get("/").status == 303
    assert ann.get("/").status == 200
    ann.get("/account")
    ann.post("/account/end-all", {})
    assert ann.get("/").status == 303


def test_nobody_logs_out_the_device_of_another(premises: Premises) -> None:
    ann, bob = premises.user("ann"), premises.user("bob")
    session = ann.get("/account").text.partition('name="session" value="')[2].partition('"')[0]
    bob.get("/account")
    bob.post("/account/end", {"session": session})
    assert ann.get("/").status == 200


def test_a_changed_password_logs_out_every_device_but_this_one(premises: Premises) -> None:
    ann, other = premises.user("ann"), premises.browser()
    other.log_in("ann")
    ann.get("/password")
    form = {"old": PASSWORD, "password": "another horse 9", "again": "another horse 9"}
    assert ann.post("/password", form).status == 303
    assert ann.get("/").status == 200
    assert other.get("/").status == 303
    assert premises.browser().log_in("ann").status == 401
    assert premises.browser().log_in("ann", "another horse 9").status == 303


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"old": "wrong", "password": "another horse", "again": "another horse"}, "another one"),
        ({"old": PASSWORD, "password": "another horse", "again": "horse"}, "not the same"),
        ({"old": PASSWORD, "password": PASSWORD, "again": PASSWORD}, "that you have"),
        ({"old": PASSWORD, "password": "password", "again": "password"}, "too many people"),
    ],
)
def test_a_password_is_not_changed_to_just_anything(
    premises: Premises, form: dict[str, str], why: str
) -> None:
    ann = premises.user("ann")
    ann.get("/password")
    reply = ann.post("/password", form)
    assert reply.status == 422 and why in reply.text
    assert premises.browser().log_in("ann").status == 303


@pytest.mark.parametrize("name", ["root", "Administrator", "node", "ann"])
def test_a_name_that_is_taken_or_the_systems_own_is_refused(premises: Premises, name: str) -> None:
    premises.user("ann")
    premises.house.nodes[0].ask("ADD", "root", 100)
    reply = premises.browser().sign_up(name)
    assert reply.status == 409 and "somebody has this name already" in reply.text


@pytest.mark.parametrize("name", ["", "a b", "ä", "a" * 65, "<script>", "a\0b"])
def test_a_name_that_can_be_no_users_is_refused(premises: Premises, name: str) -> None:
    reply = premises.browser().sign_up(name)
    assert reply.status == 422 and "2002" in reply.text


def test_two_passwords_that_differ_make_no_user(premises: Premises) -> None:
    browser = premises.browser()
    browser.get("/sign-up")
    form = {"name": "ann", "password": PASSWORD, "again": PASSWORD + "x", "amount": ""}
    assert browser.post("/sign-up", form).status == 422
    assert browser.log_in("ann").status == 401


def test_a_sign_up_without_a_deposit_is_told_to_add_money(premises: Premises) -> None:
    page = premises.user("ann", deposit="").get("/")
    assert "Add money to open the account." in page.words("notice")


def test_somebody_signed_up_can_log_in_by_the_binary_protocol_too(premises: Premises) -> None:
    premises.user("ann")
    assert premises.store.verifiers["ann"].role == "user"


def test_the_security_log_tells_who_came_in_and_who_was_kept_out(premises: Premises) -> None:
    ann = premises.user("ann")
    ann.get("/")
    ann.post("/log-out", {})
    ann.log_in("ann", "guess number 1")
    assert premises.security.events == [
        ("ann", "sign up", Outcome.DONE),
        ("ann", "log in", Outcome.DONE),
        ("ann", "log out", Outcome.DONE),
        ("ann", "log in", Outcome.REFUSED),
    ]
    assert "guess" not in "".join(premises.security.details)
