"""`twistd legacy-quotes`: the legacy quote server's double as a service.

For twistd and the local stack. A port that is taken ends the process: a deaf double would look like
an outage.
"""

import time
from typing import cast

from twisted.application.service import IService, MultiService
from twisted.application.strports import service as listening
from twisted.internet.interfaces import IReactorCore, IReactorTime
from twisted.python import usage

from quote_proxy.control import ControlFactory
from quote_proxy.delays import Delay, parse_delay
from quote_proxy.double import LegacyQuoteDouble
from quote_proxy.prices import Prices


class Options(usage.Options):
    """What the double is told on the command line."""

    optParameters = [
        ["listen", "l", "tcp:12300:interface=127.0.0.1", "Endpoint to answer requests on."],
        ["control", "c", None, "Endpoint of the control port; none without it."],
        ["seed", "s", 1, "Seed of prices, delays and cryptokeys.", int],
        ["delay", "d", "none", "How long an answer takes: none, course, or seconds."],
        ["step", None, 10.0, "Seconds for which a price stays as it is.", float],
    ]

    def postOptions(self) -> None:
        try:
            self.parsed_delay: Delay = parse_delay(self["delay"])
        except ValueError as refused:
            raise usage.UsageError(f"--delay: {refused}") from None
        if not 0.001 <= self["step"] <= 86_400:
            raise usage.UsageError("--step: write seconds from 0.001 to 86400")


def makeService(options: Options, reactor: IReactorCore | None = None) -> IService:
    """Build the service: the double, and its control port if one was asked for."""
    if reactor is None:
        from twisted.internet import reactor as global_reactor

        reactor = cast(IReactorCore, global_reactor)
    double = LegacyQuoteDouble(
        cast(IReactorTime, reactor),
        wall_ms=lambda: time.time_ns() // 1_000_000,
        seed=options["seed"],
        prices=Prices(options["seed"], step_s=options["step"]),
        delay=options.parsed_delay,
    )
    services = MultiService()
    listening(options["listen"], double, reactor).setServiceParent(services)
    if options["control"] is not None:
        listening(options["control"], ControlFactory(double), reactor).setServiceParent(services)
    return cast(IService, services)
