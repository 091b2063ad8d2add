"""The JSON API: tokens, commands, codes, and what may be sent again."""

import base64

import msgspec
import pytest

from protocol.messages import COMMANDS
from tests.web.premises import PASSWORD, Browser, Premises, Response
from web.sessions import HOUR_MS


class Program:
    """Calls the API as a program does; cookies it has none."""

    def __init__(self, premises: Premises) -> None:
        self._browser = Browser(premises)
        self.headers: dict[str, str] = {}

    def call(self, path: str, method: str = "POST", key: str = "", **fields: object) -> Response:
        """One request."""
        headers = dict(self.headers)
        if key:
            headers["Idempotency-Key"] = key
        body = msgspec.json.encode(fields) if fields else b""
        return self._browser.send(method, f"/api/v1/{path}", body, headers)

    def log_in(self, name: str = "ann", password: str = PASSWORD) -> Response:
        """Get a token, and send it from now on."""
        reply = self.call("token", name=name, password=password)
        if reply.status == 201:
            self.headers["Authorization"] = f"Bearer {said(reply)['token']}"
        return reply

    def by_password(self, name: str = "ann", password: str = PASSWORD) -> None:
        """Send name and password from now on."""
        encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
        self.headers["Authorization"] = f"Basic {encoded}"

    def at(self, address: str) -> None:
        """Come from this address from now on."""
        self._browser.address = address


def said(reply: Response) -> dict[str, object]:
    """The JSON of an answer."""
    decoded: dict[str, object] = msgspec.json.decode(reply.body)
    return decoded


@pytest.fixture
def ann(premises: Premises) -> Program:
    premises.user("ann")
    program = Program(premises)
    assert program.log_in().status == 201
    return program


def test_a_program_buys_commits_and_sees_the_account(ann: Program) -> None:
    order = said(ann.call("buy", symbol="ABC", amount="12.50"))
    assert (order["price"], order["shares"], order["total"]) == ("5.00", 2, "10.00")
    assert said(ann.call("commit-buy"))["total"] == "10.00"
    account = said(ann.call("display-summary"))
    assert (account["cash"], account["reserve"]) == ("990.00", "0.00")
    assert account["holdings"] == [{"symbol": "ABC", "shares": 2}]


def test_each_of_the_sixteen_has_a_path(ann: Program) -> None:
    for name in COMMANDS:
        path = name.lower().replace("_", "-")
        if name != "DUMPLOG":
            reply = ann.call(path, symbol="ABC", amount="1.00", before_seq="0")
            assert reply.status in (200, 409), path
            assert reply["content-type"] in ("application/json", "application/problem+json")


def test_a_refusal_is_a_problem_with_its_code_and_journal_number(ann: Program) -> None:
    reply = ann.call("buy", symbol="ABC", amount="99999")
    problem = said(reply)
    assert (reply.status, reply["content-type"]) == (409, "application/problem+json")
    assert (problem["code"], problem["title"], problem["status"]) == (
        2005,
        "INSUFFICIENT_FUNDS",
        409,
    )
    assert isinstance(problem["seq"], int) and problem["seq"] > 0


def test_the_same_key_with_the_same_body_is_done_once(premises: Premises, ann: Program) -> None:
    first, second = (ann.call("add", key="k1", amount="5.00") for _ in range(2))
    assert first.body == second.body
    assert premises.house.account("ann").cash_cents == 1005_00


def test_the_same_key_with_another_body_is_refused_and_changes_nothing(
    premises: Premises, ann: Program
) -> None:
    ann.call("add", key="k1", amount="5.00")
    reply = ann.call("add", key="k1", amount="6.00")
    assert (reply.status, said(reply)["code"]) == (409, 1007)
    assert premises.house.account("ann").cash_cents == 1005_00


def test_the_same_key_of_another_user_is_another_one(premises: Premises, ann: Program) -> None:
    premises.user("bob")
    bob = Program(premises)
    bob.log_in("bob")
    assert [p.call("add", key="k1", amount="5.00").status for p in (ann, bob)] == [200, 200]
    assert premises.house.account("bob").cash_cents == 1005_00


def test_without_a_key_each_request_is_another_one(premises: Premises, ann: Program) -> None:
    for _ in range(2):
        ann.call("add", amount="5.00")
    assert premises.house.account("ann").cash_cents == 1010_00


def test_a_token_is_good_until_it_is_given_back_and_half_a_day_at_most(
    premises: Premises, ann: Program
) -> None:
    assert ann.call("display-summary").status == 200
    assert ann.call("token", "DELETE").status == 204
    assert ann.call("display-summary").status == 401
    ann.log_in()
    premises.clock.rightNow += 12 * HOUR_MS // 1000 - 1
    assert ann.call("display-summary").status == 200
    premises.clock.rightNow += 2
    assert ann.call("display-summary").status == 401


def test_the_token_of_a_browser_opens_no_api(premises: Premises) -> None:
    browser = premises.user("ann")
    program = Program(premises)
    program.headers["Authorization"] = f"Bearer {browser.cookies['daytrade-sid']}"
    assert program.call("display-summary").status == 401


def test_a_token_of_the_api_opens_no_page(premises: Premises, ann: Program) -> None:
    browser = premises.browser()
    browser.cookies["daytrade-sid"] = ann.headers["Authorization"].removeprefix("Bearer ")
    assert browser.get("/").status == 303


def test_name_and_password_do_on_this_machine_and_are_judged_slowly_once(
    premises: Premises, ann: Program
) -> None:
    ann.by_password()
    ann.at("127.0.0.1")
    assert [ann.call("display-summary").status for _ in range(30)] == [200] * 30
    ann.by_password(password="a wrong one")
    statuses = [ann.call("display-summary").status for _ in range(10)]
    assert statuses[0] == 401 and statuses[-1] == 429


def test_a_password_that_was_changed_is_good_no_more(premises: Premises, ann: Program) -> None:
    ann.by_password()
    ann.at("127.0.0.1")
    assert ann.call("display-summary").status == 200
    browser = premises.browser()
    browser.log_in("ann")
    browser.get("/password")
    form = {"old": PASSWORD, "password": "another horse 9", "again": "another horse 9"}
    assert browser.post("/password", form).status == 303
    assert ann.call("display-summary").status == 401


def test_a_password_from_elsewhere_is_taken_over_tls_only(ann: Program) -> None:
    ann.by_password()
    reply = ann.call("display-summary")
    assert (reply.status, said(reply)["code"]) == (403, 6002)


@pytest.mark.parametrize("given", ["", "Basic ???", "Basic YQ==", "Bearer", "Bearer x", "Digest x"])
def test_whoever_does_not_say_who_it_is_is_told_how_to(ann: Program, given: str) -> None:
    ann.headers["Authorization"] = given
    ann.at("127.0.0.1")
    reply = ann.call("display-summary")
    assert reply.status == 401
    assert reply["www-authenticate"] == 'Basic realm="DayTrade", charset="UTF-8"'


@pytest.mark.parametrize("body", [b"[1]", b"{", b'{"amount": 12.5}', b"\xff", b'{"amount": null}'])
def test_a_body_that_is_no_object_of_texts_is_refused(ann: Program, body: bytes) -> None:
    reply = ann._browser.send("POST", "/api/v1/add", body, ann.headers)
    assert (reply.status, said(reply)["code"]) == (400, 1004)


def test_a_key_has_its_length(ann: Program) -> None:
    assert ann.call("add", key="k" * 256, amount="1").status == 400
    assert ann.call("add", key="k" * 255, amount="1").status == 200


def test_the_summary_pages_back(ann: Program) -> None:
    for _ in range(25):
        ann.call("add", amount="1.00")
    first = said(ann.call("display-summary"))
    second = said(ann.call("display-summary", before_seq=str(first["history_before_seq"])))
    lines = [line for page in (first, second) for line in page["history"]]  # type: ignore[attr-defined]
    assert [line["name"] for line in lines].count("ADD") == 26
    assert ann.call("display-summary", before_seq="-1").status == 400
    assert ann.call("display-summary", before_seq="x").status == 400
