"""The control port of the double: one command per line, one answer per line."""

from random import Random

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from quote_proxy.control import ControlFactory, DoubleControl
from quote_proxy.double import LegacyQuoteDouble
from quote_proxy.faults import Fault
from quote_proxy.prices import Prices
from tests.quote_proxy.links import EPOCH_MS, wall_of


@pytest.fixture
def double() -> LegacyQuoteDouble:
    clock = Clock()
    return LegacyQuoteDouble(clock, wall_ms=wall_of(clock), seed=1, prices=Prices(1))


def test_a_price_is_pinned_and_unpinned(double: LegacyQuoteDouble) -> None:
    control = DoubleControl(double)
    walking = double.prices.at("ABC", EPOCH_MS)
    assert control.obey("price abc 12.5") == "ok ABC 12.50"
    assert double.prices.at("ABC", EPOCH_MS) == 1250
    assert control.obey("unpin ABC") == "ok ABC"
    assert double.prices.at("ABC", EPOCH_MS) == walking


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_is_set_by_its_name(double: LegacyQuoteDouble, fault: Fault) -> None:
    assert DoubleControl(double).obey(f"fault {fault.value}") == f"ok {fault.value}"
    assert double.fault is fault


def test_a_delay_is_set(double: LegacyQuoteDouble) -> None:
    assert DoubleControl(double).obey("delay 0.5") == "ok 0.5"
    assert double.delay(Random(1)) == 0.5


def test_hits_are_told_in_total_and_per_symbol(double: LegacyQuoteDouble) -> None:
    """Bad input is in the total, for it is charged, but has no symbol."""
    control = DoubleControl(double)
    assert control.obey("hits") == "ok 0"
    double.hits.update({"XYZ": 3, "ABC": 2, "": 1})
    assert control.obey("hits") == "ok 6 ABC=2 XYZ=3"


def test_calls_are_counted_since_the_last_fault(double: LegacyQuoteDouble) -> None:
    control = DoubleControl(double)
    assert control.obey("calls") == "ok 0 -"
    for symbol, now_s in (("ABC", 1.0), ("", 1.0), ("ABC", 2.25)):
        double.calls.note(symbol, now_s)
    assert control.obey("calls") == "ok 3 1250"
    control.obey("fault none")
    assert control.obey("calls") == "ok 0 -"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "no command"),
        ("sell ABC", "no command"),
        ("price ABC", "takes 2 words"),
        ("hits ABC", "takes 0 words"),
        ("price ABCD 1.00", "is no symbol"),
        ("unpin A1", "is no symbol"),
        ("price ABC 1.005", "is not an amount"),
        ("price ABC 0.00", "above zero"),
        ("price ABC -1", "above zero"),
        ("fault tired", "no fault"),
        ("delay soon", "is no delay"),
    ],
)
def test_what_cannot_be_done_is_an_error_and_changes_nothing(
    double: LegacyQuoteDouble, line: str, complaint: str
) -> None:
    before = (double.fault, double.delay, double.prices.at("ABC", EPOCH_MS))
    answer = DoubleControl(double).obey(line)
    assert answer.startswith("error ")
    assert complaint in answer
    assert (double.fault, double.delay, double.prices.at("ABC", EPOCH_MS)) == before


def test_lines_over_a_connection_are_answered_in_order(double: LegacyQuoteDouble) -> None:
    connection = ControlFactory(double).buildProtocol(None)
    transport = StringTransport()
    connection.makeConnection(transport)
    connection.dataReceived(b"fault hang\r\nunpin \xff\nhi")
    connection.dataReceived(b"ts\n")
    ok, error, hits = transport.value().decode("ascii").splitlines()
    assert ok == "ok hang"
    assert error.startswith("error ")
    assert hits == "ok 0"
    assert double.fault is Fault.HANG
