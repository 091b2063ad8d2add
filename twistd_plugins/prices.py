"""A process's way to prices: the quote proxies it was told of, and the legacy server behind them.

Used by the plugins of nodes and trigger services.
"""

import random
from typing import Any

from audit.hits import HitRecorder
from quote_proxy.billing import BilledSource
from quote_proxy.breaker import Breaker
from quote_proxy.figures import legacy_figures
from quote_proxy.operations import legacy_verb
from quote_proxy.proxy_source import ProxySource
from service.credentials import Credential
from service.daemon import DaemonOptions, client_endpoint
from service.time import wall_ms
from twistd_plugins.common import legacy_client, named_endpoints

QUOTES_OPTION = [
    "quotes",
    "q",
    "",
    "Quote proxies, as NAME=ENDPOINT separated by commas; without one the legacy server is asked.",
]


class LegacyRoute:
    """The legacy server asked by this process itself, and the bill for that.

    :ivar hits: takes each answered hit on to the audit daemon.
    :ivar figures: what is counted here.
    :ivar verb: what operators may ask about it.
    """

    def __init__(self, reactor: Any, options: DaemonOptions, credential: Credential) -> None:
        audit = client_endpoint(reactor, options["audit"])
        name = options["name"]
        self.hits = HitRecorder(reactor, name, audit, credential, wall_ms, random.random)
        legacy = legacy_client(reactor, options["legacy"])
        self.source = Breaker(reactor, BilledSource(legacy, self.hits.record))
        self.figures = legacy_figures(legacy, self.source)
        self.verb = legacy_verb(legacy, self.source)


class PriceRoute:
    """The proxies, and what is needed to do without them.

    :ivar source: where the process's own cache gets its prices from.
    :ivar hits: takes each answered hit on to the audit daemon.
    :ivar figures: what is counted on the way to the legacy server.
    :ivar legacy_verb: what operators may ask about it.
    """

    def __init__(self, reactor: Any, options: DaemonOptions, credential: Credential) -> None:
        legacy = LegacyRoute(reactor, options, credential)
        self.hits = legacy.hits
        self.figures = legacy.figures
        self.legacy_verb = legacy.verb
        endpoints = named_endpoints(reactor, "quotes", options["quotes"])
        self.source = ProxySource(reactor, endpoints, credential, random.random, legacy.source)

    async def start(self) -> None:
        """Connect to the proxies, and to the audit daemon for the bill."""
        self.hits.start()
        self.source.start()

    async def stop(self) -> None:
        """Let go of them, once the daemon has the bill."""
        await self.source.stop()
        await self.hits.drain()
        await self.hits.stop()
