"""`twistd trade-server`: one trading node."""

import random
from typing import Any

from twisted.application.service import IService

from audit.figures import shipper_figures
from audit.milestones import TimesVerb
from audit.shipper import Shipper
from ledger.postgres.store import PostgresStore
from quote_proxy.ahead import AheadPolicy
from quote_proxy.figures import cache_figures
from quote_proxy.operations import CacheVerbs
from reactor_server.assembly import NodeAssembly
from reactor_server.figures import node_figures
from reactor_server.operations import NodeVerbs
from service.daemon import DaemonOptions, client_endpoint, daemon_service
from service.ordered import Step, exit_with_failure
from twistd_plugins.common import (
    check_endpoints,
    credential_option,
    database_option,
    named_endpoints,
    number_within,
)
from twistd_plugins.port import OperatedPort
from twistd_plugins.prices import QUOTES_OPTION, PriceRoute
from twistd_plugins.security import SecurityLog

PRICE_MARGIN_S = 0.25
"""A price that lapses this soon decides nothing: the commit might come too late for it."""

LANES = number_within("lanes", 1, 16)


class Options(DaemonOptions):
    """What a node is told on the command line."""

    synopsis = "[options]"
    optParameters: list[list[Any]] = [
        ["listen", "l", "tcp:12100:interface=127.0.0.1:backlog=1024", "Endpoint for clients."],
        ["name", "n", "node-1", "The node's name; no two nodes of one ledger may share it."],
        ["database", "d", None, "DSN of the ledger's Postgres."],
        QUOTES_OPTION,
        ["legacy", None, "tcp:127.0.0.1:12300", "Endpoint of the legacy quote server."],
        ["audit", "a", "tcp:127.0.0.1:12200", "Endpoint of the audit daemon."],
        ["credential", "c", None, "File with the name and password for the audit daemon."],
        ["lanes", None, 1, "Batches that may be on their way to Postgres side by side.", LANES],
    ]

    def postOptions(self) -> None:
        """Check what can be checked without asking anybody."""
        database_option(self)
        named_endpoints(None, "quotes", self["quotes"])
        check_endpoints(self, clients=("legacy", "audit"), servers=("listen",))
        self.credential = credential_option(self.required_path("credential"))


def makeService(options: Options, reactor: Any = None) -> IService:
    """Build the node: its store, its quote cache, its lanes and the port for clients."""
    if reactor is None:
        from twisted.internet import reactor as global_reactor

        reactor = global_reactor
    name = options["name"]
    store = PostgresStore(reactor, options["database"])
    audit = client_endpoint(reactor, options["audit"])
    credential = options.credential

    prices = PriceRoute(reactor, options, credential)

    def fenced() -> None:
        exit_with_failure(reactor, f"{name}: another process writes this node's streams")

    node = NodeAssembly(
        reactor,
        name,
        store,
        prices.source,
        prices.source,
        audit,
        credential,
        lambda stream: Shipper(reactor, audit, credential, store, stream, random.random),
        fenced,
        options["lanes"],
        price_margin_s=PRICE_MARGIN_S,
        ahead=AheadPolicy(random.random),
    )
    prices.source.on_news = node.quotes.offer
    shippers = {lane.name: each for lane, each in zip(node.desk.lanes, node.shippers, strict=True)}
    figures = [
        *node_figures([lane.figures for lane in node.desk.lanes]),
        *shipper_figures({**shippers, "hits": prices.hits.shipper}),
        *cache_figures(node.quotes),
        *prices.figures,
    ]
    security = SecurityLog.shipped(reactor, options, credential)
    stages = {lane.name: lane.stages | shippers[lane.name].stages for lane in node.desk.lanes}
    verbs = [
        *NodeVerbs(store).verbs(),
        *CacheVerbs(node.quotes).verbs(),
        TimesVerb(node.steady.at_ms, stages).verb(),
        prices.legacy_verb,
    ]
    port = OperatedPort(reactor, options, node.service, store, figures, verbs, security)

    async def tell_clients() -> None:
        port.factory.drain()

    async def end_sessions() -> None:
        port.factory.close_all()

    async def close_store() -> None:
        store.close()

    steps = [
        *security.steps,
        Step("store", stop=close_store),
        Step("prices", prices.start, prices.stop, stop_timeout_s=5.0),
        Step("node", node.start, node.close),
        Step("audit records", stop=node.flush, stop_timeout_s=5.0),
        Step("sessions", stop=end_sessions),
        Step("commands", stop=node.drain),
        Step("drain", stop=tell_clients),
        Step("port", port.listener.open, port.listener.close),
    ]
    return daemon_service(reactor, options, name, steps, lambda: port.address, port.watch)
