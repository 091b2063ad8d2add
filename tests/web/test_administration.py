"""What the administrator sees and does, and that nobody else does."""

import pytest

from audit.security import Outcome
from protocol.authentication import AccessRole, make_verifier
from tests.service.links import outcome_of
from tests.web.premises import Browser, Premises
from tests.web.test_downloads import administrator
from web.store import Secret
from web.visit import Door

USER = AccessRole.USER


@pytest.fixture
def root(premises: Premises) -> Browser:
    return administrator(premises)


def test_no_page_of_the_administrator_is_for_others(premises: Premises) -> None:
    ann = premises.user("ann")
    routes = [r for r in premises.web.gate.routes if r.door is Door.ADMINISTRATOR]
    assert len(routes) == 6
    for route in routes:
        ann.get("/")
        path = route.path.replace("{name}", "ann")
        reply = ann.get(path) if route.method == "GET" else ann.post(path, {})
        assert (reply.status, "6002" in reply.text) == (403, True)


def test_users_and_nodes_are_seen(premises: Premises, root: Browser) -> None:
    premises.user("ann")
    page = root.get("/admin")
    assert "node-1 up" in page.words("main")
    assert "/admin/users/ann" in page.text
    assert "$1,000.00" in root.get("/admin/users/ann").text
    assert root.get("/admin/users/nobody").status == 404


def test_many_users_come_in_pages(premises: Premises, root: Browser) -> None:
    verifier = make_verifier("x", AccessRole.USER, iterations=4096)
    for number in range(55):
        adding = premises.store.add_user(f"user-{number:02}", Secret("", verifier), USER, 1)
        assert outcome_of(adding) == [True]
    first = root.get("/admin")
    assert first.text.count("/admin/users/") == 50
    more = first.text.partition('href="/admin?after=')[2].partition('"')[0]
    assert root.get(f"/admin?after={more}").text.count("/admin/users/") == 6


def test_a_reset_password_is_good_for_one_log_in_and_ends_all_sessions(
    premises: Premises, root: Browser
) -> None:
    ann = premises.user("ann")
    root.get("/admin/users/ann")
    page = root.post("/admin/users/ann/password", {})
    made = page.words("made-password").split()[0]
    assert made not in root.get("/admin/users/ann").text
    assert ann.get("/").status == 303
    assert ann.log_in("ann").status == 401
    assert ann.log_in("ann", made).status == 303
    for path in ("/", "/history", "/account"):
        assert ann.get(path)["location"] == "/password"
    ann.get("/password")
    ann.post("/password", {"old": made, "password": "my own horse", "again": "my own horse"})
    assert ann.get("/").status == 200
    assert ("root", "reset password", Outcome.DONE) in premises.security.events
    assert made not in "".join(premises.security.details)


def test_the_administrators_own_password_is_changed_as_anybodys(
    premises: Premises, root: Browser
) -> None:
    root.get("/admin/users/root")
    assert root.post("/admin/users/root/password", {})["location"] == "/password"
    assert root.get("/admin").status == 200


def test_a_users_sessions_are_ended(premises: Premises, root: Browser) -> None:
    ann = premises.user("ann")
    root.get("/admin/users/ann")
    root.post("/admin/users/ann/end", {})
    assert ann.get("/").status == 303
    assert ("root", "end all sessions", Outcome.DONE) in premises.security.events
