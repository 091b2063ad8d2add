"""`twistd trade-web`: pages and a JSON API for people and programs."""

import os
import random
from functools import partial
from typing import Any

from twisted.application.service import IService
from twisted.internet.threads import deferToThreadPool
from twisted.python import usage
from twisted.python.threadpool import ThreadPool

from audit.security_recorder import SecurityRecorder
from protocol.messages import Health
from service.daemon import DaemonOptions, Listener, Watch, client_endpoint, daemon_service
from service.intake import intake_figures
from service.ordered import Step
from service.time import make_timers_monotonic, wall_ms
from twistd_plugins.common import check_endpoints, credential_option, number_within
from web.assembly import Surroundings, WebAssembly, WebSettings
from web.figures import web_figures
from web.passwords import strong_hasher
from web.postgres_store import PostgresWebStore
from web.sessions import SECOND_MS, Lifetimes
from web.site import CONNECTIONS_MAX, PER_ADDRESS_MAX, Front, LimitedSite

IDLE_S = number_within("idle", 1, 86_400)


class Options(DaemonOptions):
    """What the web client is told on the command line."""

    optFlags = [
        *DaemonOptions.optFlags,
        [
            "behind-proxy",
            None,
            "Believe X-Forwarded-For; only for a port behind a proxy.",
        ],
    ]
    optParameters: list[list[Any]] = [
        ["listen", "l", "tcp:12500:interface=127.0.0.1", "Endpoint for browsers; tls13: for TLS."],
        ["name", "n", "web-1", "The web client's name."],
        ["nodes", None, None, "Trading nodes, as NAME=ENDPOINT separated by commas."],
        ["database", "d", None, "DSN of the Postgres that keeps users and sessions."],
        ["credential", "c", None, "File with a name and password of role workload."],
        ["audit", "a", "tcp:127.0.0.1:12200", "Endpoint of the audit daemon."],
        ["audit-credential", None, None, "File with a name and password of role node, for it."],
        ["administrator", None, None, "File with those of role administrator, for all logs."],
        ["origin", None, "", "The site as browsers see it, such as https://trade.example.com."],
        ["idle", None, 900, "Seconds without a request after which a session ends.", IDLE_S],
    ]

    def postOptions(self) -> None:
        """Check what can be checked without asking anybody."""
        self.required("database")
        named_endpoints(None, self.required("nodes"))
        check_endpoints(self, clients=("audit",), servers=("listen",))
        self.credential = credential_option(self.required_path("credential"))
        self.audit_credential = credential_option(self.required_path("audit-credential"))
        administrator = self.path("administrator")
        self.administrator = None if administrator is None else credential_option(administrator)
        origin = self["origin"]
        if origin and not origin.startswith(("https://", "http://")):
            raise usage.UsageError("--origin: write it as in https://trade.example.com")

    @property
    def is_secure(self) -> bool:
        """Whether browsers come over TLS, to us or to a proxy in front."""
        return str(self["origin"] or self["listen"]).startswith(("https:", "ssl:", "tls13:"))


def named_endpoints(reactor: Any, description: str) -> dict[str, Any]:
    """The nodes named by --nodes; raises `usage.UsageError`."""
    endpoints = {}
    for part in description.split(","):
        name, equals, endpoint = part.partition("=")
        if not equals or not name:
            raise usage.UsageError(f"--nodes: {part!r} is not NAME=ENDPOINT")
        endpoints[name] = client_endpoint(reactor, endpoint)
    return endpoints


def makeService(options: Options, reactor: Any = None) -> IService:
    """Build the web client: its store, its threads for passwords, and the port for browsers."""
    if reactor is None:
        from twisted.internet import reactor as global_reactor

        reactor = global_reactor
    make_timers_monotonic(reactor)
    name = options["name"]
    store = PostgresWebStore(reactor, options["database"])
    security = SecurityRecorder(
        reactor,
        name,
        client_endpoint(reactor, options["audit"]),
        options.audit_credential,
        wall_ms,
        random.random,
    )
    threads = ThreadPool(minthreads=0, maxthreads=os.cpu_count() or 1, name="passwords")
    web = WebAssembly(
        Surroundings(
            reactor,
            store,
            partial(deferToThreadPool, reactor, threads),
            strong_hasher(),
            os.urandom,
            random.random,
            security,
        ),
        named_endpoints(reactor, options["nodes"]),
        options.credential,
        options.administrator,
        WebSettings(
            options.is_secure,
            options["origin"],
            Lifetimes(idle_ms=options["idle"] * SECOND_MS),
            options.limits.user_requests,
        ),
    )
    front = Front(web.gate.answer, is_behind_proxy=bool(options["behind-proxy"]))
    # A proxy's connections all come from its own address.
    per_address_max = CONNECTIONS_MAX if options["behind-proxy"] else PER_ADDRESS_MAX
    site = LimitedSite(reactor, front, per_address_max)
    listener = Listener(reactor, options["listen"], site, options.limits)

    async def start_threads() -> None:
        threads.start()

    async def start_recording() -> None:
        security.start()

    async def stop_threads() -> None:
        threads.stop()

    async def close_store() -> None:
        store.close()

    steps = [
        Step("store", stop=close_store),
        Step("security log", start_recording, security.stop),
        Step("last security events", stop=security.drain, stop_timeout_s=5.0),
        Step("threads", start_threads, stop_threads),
        Step("web", web.start, web.stop),
        Step("port", listener.open, listener.close),
    ]

    def health() -> Health:
        is_up = any(node.is_up for node in web.nodes.lines())
        return Health(is_up, "" if is_up else "no node is up")

    watch = Watch([*web_figures(web, site), *intake_figures(listener.intake)], health)
    return daemon_service(reactor, options, options["name"], steps, lambda: listener.address, watch)
