"""A whole web client in memory: real pages, real nodes, a browser that speaks real HTTP.

For the tests of this folder only. Only sockets, time, chance and the price of a hash are doubles.
"""

import re
from html import unescape
from itertools import count
from typing import Any
from urllib.parse import urlencode

from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from audit.security import Outcome
from service.server import WireServerFactory
from tests.reactor_server.house import House, Node
from tests.service.links import MemoryEndpoint, outcome_of
from tests.service.premises import VERIFIERS, credential
from web.assembly import Surroundings, WebAssembly, WebSettings
from web.memory_store import MemoryWebStore
from web.passwords import quick_hasher
from web.site import Front, LimitedSite

PASSWORD = "correct horse 9"
HOST = "trade.test"


class Response:
    """What came back, taken apart."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1]) if first else 0
        self.headers: list[tuple[str, str]] = []
        for line in lines:
            name, _, value = line.partition(": ")
            self.headers.append((name.lower(), value))
        if self["transfer-encoding"] == "chunked":
            self.body = _joined(self.body)

    def __getitem__(self, name: str) -> str:
        return next((value for known, value in self.headers if known == name), "")

    def all(self, name: str) -> list[str]:
        """Every header of this name."""
        return [value for known, value in self.headers if known == name]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def words(self, element_id: str) -> str:
        """What a person reads in an element, up to the end of its card."""
        _, _, rest = self.text.partition(f'id="{element_id}"')
        inside = rest.partition(">")[2].partition("</section>")[0]
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", inside)).split())

    def field(self, name: str) -> str:
        """The value of the first form field of this name."""
        found = re.search(f'name="{name}" value="([^"]*)"', self.text)
        assert found is not None, self.text
        return unescape(found[1])


def _joined(chunked: bytes) -> bytes:
    parts = []
    while chunked:
        size, _, rest = chunked.partition(b"\r\n")
        length = int(size, 16)
        parts.append(rest[:length])
        chunked = rest[length + 2 :]
    return b"".join(parts)


class Recorded:
    """A security log in memory: who, what, and how it ended."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, Outcome]] = []
        self.details: list[str] = []

    def record(self, actor: str, action: str, outcome: Outcome, **more: str) -> None:
        self.events.append((actor, action, outcome))
        self.details.append(more.get("detail", ""))


class Premises:
    """One web client before the nodes of a house.

    :ivar store: users and sessions; several premises may share one.
    """

    def __init__(
        self,
        house: House | None = None,
        store: MemoryWebStore | None = None,
        settings: WebSettings | None = None,
        *,
        nodes: int = 1,
    ) -> None:
        self.house = house or House()
        self.clock = self.house.clock
        while len(self.house.nodes) < nodes:
            self.house.node()
        self.store = store or MemoryWebStore(self.house.now_ms, self.house.ledger.accounts)
        self.endpoints = {node.name: self._endpoint_of(node) for node in self.house.nodes}
        self.security = Recorded()
        self._random = count(1)
        self.web = WebAssembly(
            Surroundings(
                self.clock,
                self.store,
                maybeDeferred,
                quick_hasher(),
                self.random_bytes,
                lambda: 0.5,
                self.security,
            ),
            self.endpoints,
            credential("bench"),
            credential("root"),
            settings or WebSettings(),
        )
        front = Front(self.web.gate.answer, is_behind_proxy=False)
        self.site = LimitedSite(self.clock, front)
        outcome_of(self.web.start())
        self.turn()

    def _endpoint_of(self, node: Node) -> MemoryEndpoint:
        factory = WireServerFactory(
            self.clock, node.name, node.assembly.service, VERIFIERS, b"decoy"
        )
        return MemoryEndpoint(self.clock, factory)

    def random_bytes(self, size: int) -> bytes:
        """Bytes that differ each time, and are the same in each run."""
        return next(self._random).to_bytes(8, "big").rjust(size, b"r")

    def turn(self) -> None:
        """Let everything happen that needs no time to pass."""
        self.clock.advance(0)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.pass_time(seconds)

    def connection(self, address: str = "192.0.2.7") -> StringTransport:
        """A connection on which nothing was said yet; what comes back can be read from it."""
        peer = IPv4Address("TCP", address, 5000)
        transport = StringTransport(peerAddress=peer)
        channel: Any = self.site.buildProtocol(peer)
        transport.protocol = channel  # type: ignore[attr-defined]
        channel.makeConnection(transport)
        return transport

    def say(self, data: bytes, address: str = "192.0.2.7") -> Response:
        """Send a request byte for byte."""
        transport = self.connection(address)
        transport.protocol.dataReceived(data)  # type: ignore[attr-defined]
        self.turn()
        transport.protocol.connectionLost(Failure(ConnectionDone()))  # type: ignore[attr-defined]
        return Response(transport.value())

    def browser(self) -> "Browser":
        """Somebody who comes for the first time."""
        return Browser(self)

    def user(self, name: str = "ann", deposit: str = "1000.00") -> "Browser":
        """Somebody who has signed up and is logged in."""
        browser = Browser(self)
        reply = browser.sign_up(name, deposit)
        assert reply.status == 303, reply.text
        return browser


class Browser:
    """Keeps cookies, and sends forms with what their page has hidden in them.

    :ivar page: the last page.
    """

    def __init__(self, premises: Premises) -> None:
        self.premises = premises
        self.cookies: dict[str, str] = {}
        self.page = Response(b"")
        self.address = "192.0.2.7"
        self.origin = f"http://{HOST}"

    def get(self, path: str, **headers: str) -> Response:
        """Load a page."""
        return self.send("GET", path, b"", headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Response:
        """Send a form; the field `csrf` comes from the last page unless it is given."""
        if "csrf" not in form and 'name="csrf"' in self.page.body.decode("utf-8", "replace"):
            form = {"csrf": self.page.field("csrf"), **form}
        encoded = urlencode(form).encode()
        given = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.origin,
            **headers,
        }
        return self.send("POST", path, encoded, given)

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Response:
        """Send a request with the browser's cookies, and keep those that come back."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{n}={v}" for n, v in self.cookies.items()))
        data = "\r\n".join([*lines, "", ""]).encode("utf-8") + body
        response = self.premises.say(data, self.address)
        for cookie in response.all("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if "Max-Age=0" in "".join(response.all("set-cookie")):
            self.cookies = {name: value for name, value in self.cookies.items() if value}
        if b"<main" in response.body:
            self.page = response
        return response

    # What people do.

    def sign_up(self, name: str, deposit: str = "1000.00", password: str = PASSWORD) -> Response:
        """Sign up."""
        self.get("/sign-up")
        form = {"name": name, "password": password, "again": password, "amount": deposit}
        return self.post("/sign-up", form)

    def log_in(self, name: str, password: str = PASSWORD, **more: str) -> Response:
        """Log in."""
        self.get("/log-in")
        return self.post("/log-in", {"name": name, "password": password, **more})

    def command(self, name: str, **fields: str) -> Response:
        """Send a command from the trading page, and look at the page that follows."""
        self.get("/")
        form = {"command": name, "key": self.page.field("key"), **fields}
        reply = self.post("/command", form)
        return self.get(reply["location"]) if reply.status == 303 else reply
