"""Trading in a real browser, on a real stack, as somebody does who has read nothing."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import psycopg2
import pytest
from lxml import etree

from audit.schema import load_schema
from protocol.messages import Add
from tests.daytrade.conftest import temporary_traversable_dir
from tests.e2e.chromium import PHONE, WIDE, Person, needs_chromium, person
from tests.e2e.process_table import pid_of, wait_until
from tests.e2e.stack import RunningStack, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, needs_chromium]

PASSWORD = "correct horse 9"


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """Two nodes and two web clients."""
    with (
        temporary_traversable_dir() as directory,
        running_stack(directory, "--web-clients", "2") as stack,
    ):
        yield stack


@pytest.fixture(scope="module")
def ann(stack: RunningStack) -> Iterator[Person]:
    """Somebody who has signed up; what one test does is there for the next."""
    with person(stack.addresses["web-1"]) as ann:
        ann.sign_up(f"ann-{uuid4().hex[:8]}", PASSWORD)
        yield ann


@pytest.fixture
def name(ann: Person) -> str:
    return ann.text(".who a")


@pytest.fixture(autouse=True)
def at_the_desk(ann: Person) -> Iterator[None]:
    """Each test begins on the trading page; the browser must have had nothing to complain about."""
    ann.driver.delete_cookie("none")
    ann.open("/")
    yield
    assert ann.complaints() == []


def test_an_order_is_seen_before_it_is_placed_counts_down_and_is_committed(
    stack: RunningStack, ann: Person
) -> None:
    stack.tell_double("price BUY 25.00")
    ann.fill(ticket_symbol="buy", ticket_amount="99.99")
    ann.click("#ticket form button.main")
    ann.sees("#ticket-preview", "$25.00")
    assert "$75.00" in ann.text("#ticket-preview")
    ann.click("#place")
    ann.sees("#orders", "Buy 3 BUY")
    first = int(ann.text("#orders .left").split()[0])
    assert 50 <= first <= 60
    ann.until(lambda: int(ann.text("#orders .left").split()[0]) < first, "it counts down")
    ann.click("#commit-buy")
    ann.sees("#orders", "Nothing waits")
    ann.sees("#holdings", "BUY")
    ann.sees("#stats", "$9,925.00")


def test_shares_are_sold_and_an_order_cancelled(stack: RunningStack, ann: Person) -> None:
    stack.tell_double("price SEL 10.00")
    ann.order("buy", "SEL", "100")
    ann.click("#commit-buy")
    ann.sees("#holdings", "SEL")
    ann.order("sell", "SEL", "30")
    ann.click("#cancel-sell")
    ann.sees("#orders", "Nothing waits")
    ann.order("sell", "SEL", "100")
    ann.click("#commit-sell")
    ann.sees("#orders", "Nothing waits")
    ann.until(lambda: "SEL" not in ann.text("#holdings"), "all shares are sold")


def test_a_trigger_is_set_and_fires_before_the_eyes_of_its_user(
    stack: RunningStack, ann: Person
) -> None:
    stack.tell_double("price TRG 20.00")
    ann.click("section[aria-labelledby=triggers-title] .more summary")
    ann.fill(trigger_symbol="TRG", trigger_amount="50", trigger_price="19.00")
    ann.click(".more form button")
    ann.sees("#triggers", "once the price is at most $19.00")
    ann.click("#triggers summary")
    ann.click("#triggers details input[name=amount]")
    ann.find("#triggers form:nth-of-type(2) input[name=amount]").clear()
    ann.find("#triggers form:nth-of-type(2) input[name=amount]").send_keys("21.00")
    ann.click("#triggers button[value=SET_BUY_TRIGGER]")
    ann.sees("#notice", "A trigger fired: bought 2 TRG")
    ann.sees("#holdings", "TRG")
    ann.sees("#triggers", "No triggers.")


def test_what_one_browser_does_the_other_shows_through_another_web_client(
    stack: RunningStack, ann: Person, name: str
) -> None:
    with person(stack.addresses["web-2"]) as other:
        other.log_in(name, PASSWORD)
        other.fill(add_amount="1234.56")
        other.click("button[value=ADD]")
        other.sees("#notice", "$1,234.56")
        ann.sees("#recent", "$1,234.56")


def test_the_log_is_downloaded_and_valid(ann: Person) -> None:
    ann.open("/history")
    ann.click("form[action='/log'] button")
    log = ann.downloads / "daytrade-log.xml"
    ann.until(log.exists, "the log is there")
    document = etree.fromstring(log.read_bytes())
    load_schema().assertValid(document)
    assert document.xpath("//userCommand[command='DUMPLOG']")


def test_a_node_that_is_killed_is_missed_by_nobody(
    stack: RunningStack, ann: Person, name: str
) -> None:
    for node in ("node-1", "node-2"):
        pid = pid_of(stack.data, "trade-server", "--name", node)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        ann.fill(add_amount="7.77")
        ann.click("button[value=ADD]")
        ann.sees("#notice", "$7.77")
        port = stack.port(node)
        wait_until(lambda listening=port: answers(listening), "it is back")  # type: ignore[misc]
    with stack.client() as client:
        client.ask(Add(name, 1, 2))
        ann.sees("#recent", "$0.02")


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_without_scripts_everything_works_by_pages(stack: RunningStack, ann: Person) -> None:
    stack.tell_double("price NOS 10.00")
    ann.scripting(is_on=False)
    try:
        ann.open("/")
        ann.fill(ticket_symbol="NOS", ticket_amount="55")
        ann.click("#ticket form button.main")
        ann.until(lambda: ann.path == "/ticket", "the ticket")
        for button in ("#place", "#commit-buy"):
            before = ann.driver.current_url
            ann.click(button)
            ann.until(lambda old=before: ann.driver.current_url != old, button)  # type: ignore[misc]
            assert ann.path == "/"
        ann.open("/history?kind=trades")
    finally:
        ann.scripting(is_on=True)
    assert "COMMIT_BUY" in ann.text("tbody tr")


@pytest.mark.parametrize("path", ["/", "/history", "/account", "/password", "/api", "/none"])
def test_nothing_keeps_anybody_out_and_no_page_is_too_wide(ann: Person, path: str) -> None:
    ann.open(path)
    for details in ann.driver.find_elements("css selector", "main details:not([open]) > summary"):
        details.click()
    for size in (WIDE, PHONE):
        for is_dark in (False, True):
            ann.screenshot(path.strip("/") or "trade", size, is_dark=is_dark)
            assert ann.barriers() == []
            assert ann.overflow() == 0
    ann.screenshot(path.strip("/") or "trade")


def test_the_keyboard_is_enough_to_place_an_order(ann: Person) -> None:
    focused = ann.driver.switch_to
    ann.find("body").send_keys("\t")
    assert focused.active_element.text == "Skip to the content"
    focused.active_element.send_keys("\n")
    for _ in range(12):
        focused.active_element.send_keys("\t")
        if focused.active_element.get_attribute("id") == "ticket-symbol":
            break
    focused.active_element.send_keys("KEY\t")
    focused.active_element.send_keys("999\n")
    ann.sees("#ticket-preview", "KEY")
    ann.find("#place").send_keys("\n")
    ann.sees("#orders", "KEY")
    ann.click("#cancel-buy")
    ann.sees("#orders", "Nothing waits")


def test_the_administrator_resets_a_password_and_its_user_chooses_another(
    stack: RunningStack, ann: Person, name: str
) -> None:
    printed = stack.addresses["administrator"].split(" ")[0]
    with ExitStack() as people:
        root = people.enter_context(person(stack.addresses["web-2"]))
        root.log_in("administrator", printed)
        root.open("/admin")
        root.screenshot("admin")
        assert root.barriers() == []
        assert "up" in root.text("main table")
        root.click("a[href='/admin/nodes/node-1']")
        root.sees("main", "ready")
        root.screenshot("node")
        assert root.barriers() == []
        root.open(f"/admin/users/{name}")
        root.click("button.danger")
        root.sees("main", "shown only now")
        made = root.text("#made-password")
        root.open("/admin")
        root.click("form[action='/admin/log'] button")
        log = root.downloads / "daytrade-log.xml"
        root.until(log.exists, "everybody's log is there")
        load_schema().assertValid(etree.fromstring(log.read_bytes()))
        assert name in log.read_text()
    ann.open("/")
    assert ann.path == "/log-in"
    ann.log_in(name, made)
    assert ann.path == "/password"
    ann.fill(old=made, password=PASSWORD, again=PASSWORD)
    ann.click("button.main")
    ann.until(lambda: ann.path == "/", "the password is the user's own")


def test_an_open_page_goes_to_the_log_in_when_its_session_is_over(
    stack: RunningStack, ann: Person, name: str
) -> None:
    ann.sees("#stats", "Cash")
    statement = "UPDATE web_session SET seen_ms = 0 WHERE user_name = %s"
    with psycopg2.connect(stack.addresses["Postgres"]) as database, database.cursor() as cursor:
        cursor.execute(statement, [name])
    ann.fill(add_amount="5")
    ann.click("button[value=ADD]")
    ann.until(lambda: ann.path == "/log-in", "the session is over")
    ann.log_in(name, PASSWORD)


def test_after_the_log_out_the_back_button_shows_nothing(ann: Person, name: str) -> None:
    ann.open("/history")
    ann.open("/")
    ann.sees("#stats", "Cash")
    ann.click(".who button")
    ann.until(lambda: ann.path == "/log-in", "logged out")
    ann.screenshot("log-in", PHONE)
    assert ann.barriers() == []
    ann.driver.back()
    time.sleep(0.5)
    ann.until(lambda: ann.path == "/log-in", "nothing is shown")
    assert "Cash" not in ann.text("body")
    ann.log_in(name, PASSWORD)
