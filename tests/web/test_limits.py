"""Nobody guesses passwords for long, and nobody keeps us busy with requests that never end."""

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred

from protocol.errors import Code, TradeError
from service.limits import Rate
from tests.service.links import outcome_of
from tests.web.premises import Premises
from web.assembly import WebSettings
from web.passwords import WAITING_MAX, Hashing, quick_hasher
from web.site import BODY_BYTES_MAX, CONNECTIONS_MAX, PER_ADDRESS_MAX, REQUEST_S_MAX

HEAD = b"POST /log-in HTTP/1.1\r\nHost: trade.test\r\n"


def test_of_a_thousand_guesses_at_one_name_few_are_judged_and_then_one_now_and_then(
    premises: Premises,
) -> None:
    premises.user("ann")
    statuses = []
    for number in range(1000):
        thief = premises.browser()
        thief.address = f"198.51.{number // 250}.{number % 250}"
        statuses.append(thief.log_in("ann", f"guess number {number}").status)
    assert statuses.count(401) == 5
    assert statuses.count(429) == 995
    premises.pass_time(30)
    assert premises.browser().log_in("ann").status == 303


def test_of_a_thousand_guesses_from_one_address_few_are_judged(premises: Premises) -> None:
    thief = premises.browser()
    statuses = [thief.log_in(f"user-{number}", "a guess").status for number in range(1000)]
    assert statuses.count(401) == 20
    other = premises.browser()
    other.address = "198.51.100.1"
    assert other.log_in("user-1", "a guess").status == 401


def test_too_many_guesses_are_answered_alike_for_known_and_unknown_names(
    premises: Premises,
) -> None:
    premises.user("ann")
    pages = {}
    for name in ("ann", "nobody"):
        browser = premises.browser()
        for number in range(6):
            browser.address = f"198.51.100.{number}"
            browser.log_in(name, "a guess")
        pages[name] = browser.page
    assert pages["ann"].status == pages["nobody"].status == 429
    assert (
        pages["ann"].words("main").partition("Name")[0]
        == (pages["nobody"].words("main").partition("Name")[0])
    )


def test_one_address_signs_up_so_many_users_and_no_more(premises: Premises) -> None:
    browser = premises.browser()
    statuses = []
    for number in range(12):
        browser.cookies.clear()
        statuses.append(browser.sign_up(f"user-{number}", "").status)
    assert statuses == [303] * 10 + [429] * 2


def test_passwords_that_find_no_room_to_wait_are_refused_and_those_that_wait_are_judged() -> None:
    threads: list[Deferred[object]] = []

    def in_thread(*_work: object) -> Deferred[object]:
        threads.append(Deferred())
        return threads[-1]

    hashing = Hashing(in_thread, quick_hasher())
    waiting = [outcome_of(hashing.fits(None, "guess")) for _ in range(WAITING_MAX)]
    (refused,) = outcome_of(hashing.fits(None, "guess"))
    assert isinstance(refused, TradeError) and refused.code is Code.SLOW_DOWN
    assert len(threads) == WAITING_MAX
    threads[0].callback(False)
    assert waiting[0] == [False]
    assert outcome_of(hashing.fits(None, "guess")) == []


def test_a_body_that_says_it_is_huge_is_refused_before_it_comes(premises: Premises) -> None:
    length = b"Content-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1)
    assert premises.say(HEAD + length).status == 413


def test_a_body_that_does_not_say_how_huge_it_is_is_cut_off(premises: Premises) -> None:
    transport = premises.connection()
    channel = transport.protocol  # type: ignore[attr-defined]
    channel.dataReceived(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        channel.dataReceived(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
    assert transport.value().startswith(b"HTTP/1.1 413 ")
    assert transport.value().count(b"HTTP/1.1") == 1
    assert transport.disconnecting


def test_a_request_that_comes_byte_by_byte_has_so_many_seconds_in_all(premises: Premises) -> None:
    transport = premises.connection()
    channel = transport.protocol  # type: ignore[attr-defined]
    channel.dataReceived(HEAD + b"Content-Length: 1000\r\n\r\n")
    for _ in range(int(REQUEST_S_MAX)):
        channel.dataReceived(b"x")
        premises.pass_time(1)
    assert transport.disconnected
    assert transport.value() == b""


def test_a_client_that_says_nothing_is_let_go(premises: Premises) -> None:
    transport = premises.connection()
    premises.pass_time(REQUEST_S_MAX)
    assert transport.disconnected


def test_headers_without_end_are_refused(premises: Premises) -> None:
    assert premises.say(HEAD + b"X: 0123456789\r\n" * 2000 + b"\r\n").status == 400


def test_there_are_so_many_connections_and_no_more(premises: Premises) -> None:
    first = premises.connection()
    for number in range(CONNECTIONS_MAX - 1):
        assert premises.site.buildProtocol(peer(number)) is not None
    assert premises.site.buildProtocol(peer(CONNECTIONS_MAX)) is None
    first.protocol.connectionLost()  # type: ignore[attr-defined]
    assert premises.site.buildProtocol(peer(CONNECTIONS_MAX)) is not None


def test_one_address_has_so_many_of_them(premises: Premises) -> None:
    first = premises.connection("198.51.100.1")
    for _ in range(PER_ADDRESS_MAX - 1):
        premises.site.buildProtocol(first.getPeer())
    assert premises.site.buildProtocol(first.getPeer()) is None
    assert premises.site.buildProtocol(peer(2)) is not None
    first.protocol.connectionLost()  # type: ignore[attr-defined]
    assert premises.site.buildProtocol(first.getPeer()) is not None


def peer(number: int) -> IPv4Address:
    """An address of which not many come."""
    return IPv4Address("TCP", f"203.0.{number // 250}.{number % 250}", 5000)


def test_nonsense_is_answered_and_ends_nothing(premises: Premises) -> None:
    for data in (
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
    ):
        premises.say(data)
    assert premises.browser().get("/log-in").status == 200


def test_who_trades_too_fast_is_told_to_slow_down_and_others_are_not() -> None:
    premises = Premises(settings=WebSettings(pace=Rate(1.0, 20.0)))
    ann, bob = premises.user("ann"), premises.user("bob")
    ann.get("/")
    form = {"command": "ADD", "amount": "1", "csrf": ann.page.field("csrf")}
    statuses = [ann.post("/command", {**form, "key": str(n)}).status for n in range(30)]
    assert 429 in statuses and statuses[0] == 303
    assert bob.get("/").status == 200
    premises.pass_time(5)
    assert ann.get("/").status == 200
