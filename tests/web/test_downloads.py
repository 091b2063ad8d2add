"""DUMPLOG to a browser: whole or broken off, never faster than it reads."""

import pytest

from protocol.authentication import AccessRole, make_verifier
from protocol.errors import Code
from protocol.messages import Error
from tests.reactor_server.log_keeper import LogKeeper
from tests.service.links import outcome_of
from tests.web.premises import HOST, Browser, Premises, Response
from web.passwords import hash_password, quick_hasher
from web.store import Secret


@pytest.fixture
def keeper(premises: Premises) -> LogKeeper:
    return LogKeeper(premises.house.audit)


class Asking:
    """A browser that has asked for a log and waits."""

    def __init__(self, browser: Browser, path: str = "/log", page: str = "/history") -> None:
        browser.get(page)
        body = f"csrf={browser.page.field('csrf')}".encode()
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookies}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.premises = browser.premises
        self.transport = self.premises.connection()
        self.transport.protocol.dataReceived(head.encode() + body)  # type: ignore[attr-defined]
        self.premises.pass_time(1)

    @property
    def response(self) -> Response:
        """What came until now; only to be read once it is whole."""
        return Response(self.transport.value())


def test_the_log_comes_as_a_file_part_by_part(premises: Premises, keeper: LogKeeper) -> None:
    asking = Asking(premises.user("ann"))
    keeper.say(b"<log>", b"<a/>")
    premises.pass_time(1)
    assert b"<log>" in asking.transport.value()
    keeper.say(b"</log>")
    keeper.end()
    premises.pass_time(1)
    response = asking.response
    assert response.status == 200 and response.body == b"<log><a/></log>"
    assert response["content-type"] == "application/xml"
    assert response["content-disposition"] == 'attachment; filename="daytrade-log.xml"'
    assert response["cache-control"] == "no-store"


def test_a_user_gets_no_log_but_the_own(premises: Premises, keeper: LogKeeper) -> None:
    ann = premises.user("ann")
    Asking(ann)
    assert [dump.user for _, _, dump in keeper.dumps] == ["ann"]
    assert ann.get("/admin").status == 403
    assert ann.post("/admin/log", {}).status == 403
    assert len(keeper.dumps) == 1


def test_the_administrator_gets_everybodys(premises: Premises, keeper: LogKeeper) -> None:
    root = administrator(premises)
    asking = Asking(root, "/admin/log", "/admin")
    assert keeper.dumps[0][2].user == ""
    keeper.say(b"<log/>")
    keeper.end()
    premises.pass_time(1)
    assert asking.response.body == b"<log/>"


def test_a_log_that_cannot_be_had_is_told_on_a_page(premises: Premises, keeper: LogKeeper) -> None:
    asking = Asking(premises.user("ann"))
    keeper.end(Error(Code.AUDIT_UNAVAILABLE, "not all is there"))
    premises.pass_time(1)
    assert asking.response.status == 503 and "9003" in asking.response.text


def test_a_log_that_breaks_off_is_not_taken_for_a_whole_one(
    premises: Premises, keeper: LogKeeper
) -> None:
    asking = Asking(premises.user("ann"))
    keeper.say(b"<log>")
    keeper.end(Error(Code.AUDIT_UNAVAILABLE, "gone"))
    premises.pass_time(1)
    assert asking.transport.disconnected
    assert not asking.transport.value().endswith(b"0\r\n\r\n")


def test_a_reader_that_goes_away_ends_its_download_alone(
    premises: Premises, keeper: LogKeeper
) -> None:
    ann = premises.user("ann")
    asking = Asking(ann)
    keeper.say(b"<log>")
    premises.pass_time(1)
    asking.transport.protocol.connectionLost()  # type: ignore[attr-defined]
    premises.pass_time(1)
    assert ann.get("/").status == 200


def test_logs_are_not_to_be_had_one_after_the_other_for_ever(premises: Premises) -> None:
    ann = premises.user("ann")
    statuses = [
        ann.post("/log", {"csrf": ann.get("/history").field("csrf")}).status for _ in range(8)
    ]
    assert 429 in statuses


def administrator(premises: Premises) -> Browser:
    """The administrator, logged in."""
    verifier = make_verifier("correct horse 9", AccessRole.ADMINISTRATOR, iterations=4096)
    secret = Secret(hash_password(quick_hasher(), "correct horse 9"), verifier)
    adding = premises.store.add_user("root", secret, AccessRole.ADMINISTRATOR, 1)
    assert outcome_of(adding) == [True]
    root = premises.browser()
    assert root.log_in("root").status == 303
    return root
