"""`twistd legacy-quotes`: the legacy quote server's double as a service.

For twistd and the local stack. A port that is taken ends the process: a deaf double would look like
an outage.
"""

from typing import Any, cast

from twisted.application.service import IService
from twisted.python import usage

from quote_proxy.control import ControlFactory
from quote_proxy.delays import Delay, parse_delay
from quote_proxy.double import LegacyQuoteDouble
from quote_proxy.prices import Prices
from service.daemon import DaemonOptions, Listener, daemon_service
from service.ordered import Step
from service.time import wall_ms
from twistd_plugins.common import check_endpoints, number_within

SEED = number_within("seed", 0, 2**63 - 1)
STEP_S = number_within("step", 0.001, 86_400.0)

# A client may open hundreds of connections in one turn. Past the usual backlog of 50 the kernel
# drops them and tries again after seconds, which would look like delays of our own.
LISTEN_DEFAULT = "tcp:12300:interface=127.0.0.1:backlog=1024"


class Options(DaemonOptions):
    """What the double is told on the command line."""

    optParameters: list[list[Any]] = [
        ["listen", "l", LISTEN_DEFAULT, "Endpoint to answer requests on."],
        ["control", "c", None, "Endpoint of the control port; none without it."],
        ["seed", "s", 1, "Seed of prices, delays and cryptokeys.", SEED],
        ["delay", "d", "none", "How long an answer takes: none, course, or seconds."],
        ["step", None, 10.0, "Seconds for which a price stays as it is.", STEP_S],
    ]

    def postOptions(self) -> None:
        try:
            self.parsed_delay: Delay = parse_delay(self["delay"])
        except ValueError as refused:
            raise usage.UsageError(f"--delay: {refused}") from None
        if self["control"] is not None:
            check_endpoints(self, servers=("control",))
        check_endpoints(self, servers=("listen",))


def makeService(options: Options, reactor: Any = None) -> IService:
    """Build the service: the double, and its control port if one was asked for."""
    if reactor is None:
        from twisted.internet import reactor as global_reactor

        reactor = cast(Any, global_reactor)
    double = LegacyQuoteDouble(
        reactor,
        wall_ms=wall_ms,
        seed=options["seed"],
        prices=Prices(options["seed"], step_s=options["step"]),
        delay=options.parsed_delay,
    )
    quotes = Listener(reactor, options["listen"], double)
    steps = [Step("quotes", quotes.open, quotes.close)]
    if options["control"] is not None:
        control = Listener(reactor, options["control"], ControlFactory(double))
        steps.insert(0, Step("control", control.open, control.close))
    return daemon_service(reactor, options, "legacy-quotes", steps, lambda: quotes.address)
