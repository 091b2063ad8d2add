"""The control port of the legacy server's double: one command per line, one answer per line.

For the local stack, chaos runs and people with telnet. Every answer begins with `ok` or `error`.

    price SYM 12.34    pin a price           fault NAME    misbehave from now on; `none` ends it
    unpin SYM          let it walk again     delay SPEC    none, course, or seconds
    hits               the number of answers sent, then SYM=NUMBER for each symbol
    calls              the number of connections since the last `fault`, and how many ms apart, at
                       the least, two for one symbol were (- where there were not two)
"""

from collections.abc import Callable

from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver

from protocol.errors import TradeError
from protocol.fields import is_symbol
from protocol.money import format_cents, parse_amount
from quote_proxy.delays import parse_delay
from quote_proxy.double import LegacyQuoteDouble
from quote_proxy.faults import Fault


class DoubleControl:
    """The commands; each method's arguments are the words after the command."""

    def __init__(self, double: LegacyQuoteDouble) -> None:
        self._double = double
        self._commands: dict[str, tuple[int, Callable[..., str]]] = {
            "price": (2, self._price),
            "unpin": (1, self._unpin),
            "fault": (1, self._fault),
            "delay": (1, self._delay),
            "hits": (0, self._hits),
            "calls": (0, self._calls),
        }

    def obey(self, line: str) -> str:
        """Carry out one line and return the answer to it, without a line end."""
        name, *words = line.split() or [""]
        if name not in self._commands:
            return f"error no command {name!r}; there are: {', '.join(self._commands)}"
        count, command = self._commands[name]
        if len(words) != count:
            return f"error {name} takes {count} words after it"
        try:
            return f"ok {command(*words)}"
        except TradeError as refused:
            return f"error {refused.message}"
        except ValueError as refused:
            return f"error {refused}"

    def _price(self, symbol: str, amount: str) -> str:
        price = parse_amount(amount)
        self._double.prices.pin(_symbol(symbol), price)
        return f"{_symbol(symbol)} {format_cents(price)}"

    def _unpin(self, symbol: str) -> str:
        self._double.prices.unpin(_symbol(symbol))
        return _symbol(symbol)

    def _fault(self, name: str) -> str:
        try:
            self._double.fault = Fault(name)
        except ValueError:
            raise ValueError(f"no fault {name!r}; there are: {', '.join(Fault)}") from None
        self._double.calls.clear()
        return name

    def _delay(self, text: str) -> str:
        self._double.delay = parse_delay(text)
        return text

    def _hits(self) -> str:
        hits = self._double.hits
        return " ".join([str(hits.total()), *(f"{s}={hits[s]}" for s in sorted(hits) if s)])

    def _calls(self) -> str:
        calls = self._double.calls
        closest_s = calls.closest_s
        return f"{calls.total} {'-' if closest_s is None else round(closest_s * 1000)}"


def _symbol(text: str) -> str:
    if not is_symbol(text):
        raise ValueError(f"{text!r} is no symbol: 1 to 3 letters")
    return text.upper()


class ControlConnection(LineOnlyReceiver):
    """One person or program at the control port."""

    delimiter = b"\n"
    MAX_LENGTH = 256
    transport: ITCPTransport

    def __init__(self, control: DoubleControl) -> None:
        self._control = control

    def lineReceived(self, line: bytes) -> None:
        self.sendLine(
            self._control.obey(line.decode("ascii", "replace")).encode("ascii", "replace")
        )


class ControlFactory(Factory):
    """Gives every connection to the control port the same commands."""

    noisy = False

    def __init__(self, double: LegacyQuoteDouble) -> None:
        self._control = DoubleControl(double)

    def buildProtocol(self, addr: IAddress | None) -> ControlConnection:
        return ControlConnection(self._control)
