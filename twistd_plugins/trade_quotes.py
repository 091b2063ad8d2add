"""`twistd trade-quotes`: the quote proxy that nodes and trigger services share."""

import random
from importlib.util import find_spec
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from audit.figures import shipper_figures
from quote_proxy.cache import QuoteCache
from quote_proxy.figures import cache_figures, shelf_figures
from quote_proxy.operations import CacheVerbs
from quote_proxy.proxy import QuoteProxy
from quote_proxy.shelf import ShelvedSource
from service.daemon import DaemonOptions, client_endpoint, daemon_service
from service.ordered import Step
from service.time import wall_ms
from twistd_plugins.common import accept_option, check_endpoints, credential_option
from twistd_plugins.port import OperatedPort
from twistd_plugins.prices import LegacyRoute
from twistd_plugins.security import SecurityLog

PRICE_MARGIN_S = 0.5
"""A price that lapses this soon is fetched anew: a node has to decide and commit with it."""


class Options(DaemonOptions):
    """What the quote proxy is told on the command line."""

    optParameters: list[list[Any]] = [
        ["listen", "l", "tcp:12400:interface=127.0.0.1:backlog=1024", "Endpoint for nodes."],
        ["name", "n", "quotes-1", "The proxy's name."],
        ["accept", None, None, "File with the names that may log in, and their verifiers."],
        ["legacy", None, "tcp:127.0.0.1:12300", "Endpoint of the legacy quote server."],
        ["audit", "a", "tcp:127.0.0.1:12200", "Endpoint of the audit daemon."],
        ["redis", None, None, "Endpoint of a Redis in which prices outlive the proxy; optional."],
        ["credential", "c", None, "File with the name and password for the audit daemon."],
    ]

    def postOptions(self) -> None:
        """Check what can be checked without asking anybody."""
        clients = ("legacy", "audit") if self["redis"] is None else ("legacy", "audit", "redis")
        check_endpoints(self, clients=clients, servers=("listen",))
        if self["redis"] is not None and find_spec("txredisapi") is None:
            raise usage.UsageError("--redis: install daytrade[redis] first")
        self.credential = credential_option(self.required_path("credential"))
        self.verifiers = accept_option(self.required_path("accept"))


def makeService(options: Options, reactor: Any = None) -> IService:
    """Build the proxy: legacy client, breaker, cache, the port, and the way of the bill."""
    if reactor is None:
        from twisted.internet import reactor as global_reactor

        reactor = global_reactor
    name = options["name"]
    legacy = LegacyRoute(reactor, options, options.credential)
    shelf = None
    if options["redis"] is not None:
        # Not imported above: txredisapi takes the global reactor, and is an extra.
        from quote_proxy.redis_shelf import RedisShelf

        shelf = RedisShelf(client_endpoint(reactor, options["redis"]))
    source = legacy.source if shelf is None else ShelvedSource(legacy.source, shelf, wall_ms)
    quotes = QuoteCache(source, reactor, wall_ms=wall_ms, margin_s=PRICE_MARGIN_S)
    proxy = QuoteProxy(reactor, quotes, random.Random())
    figures = [
        *cache_figures(quotes),
        *(shelf_figures(source) if isinstance(source, ShelvedSource) else ()),
        *shipper_figures({"hits": legacy.hits.shipper}),
        *legacy.figures,
    ]
    security = SecurityLog.shipped(reactor, options, options.credential)
    verbs = [*CacheVerbs(quotes).verbs(), legacy.verb]
    port = OperatedPort(reactor, options, proxy, options.verifiers, figures, verbs, security)

    async def start_shipping() -> None:
        legacy.hits.start()

    async def end_sessions() -> None:
        proxy.stop()
        port.factory.close_all()

    steps = [
        *security.steps,
        Step("audit records", start_shipping, legacy.hits.stop),
        Step("last audit records", stop=legacy.hits.drain, stop_timeout_s=5.0),
        *([] if shelf is None else [Step("shelf", shelf.start, shelf.stop)]),
        Step("sessions", stop=end_sessions),
        Step("port", port.listener.open, port.listener.close),
    ]
    return daemon_service(reactor, options, name, steps, lambda: port.address, port.watch)
