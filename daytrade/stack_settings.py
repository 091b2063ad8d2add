"""What kind of stack to start, and where its parts listen.

Used by everything in `daytrade` that starts one.
"""

import random
from collections.abc import Iterator, Mapping
from itertools import count

import msgspec
from msgspec import Struct

from console.settings import ConsoleSettings
from daytrade.ports import FreePorts
from service.limits import PortLimits


class StackSettings(Struct, frozen=True):
    """What kind of stack to start.

    :ivar database: DSN of a Postgres that runs elsewhere; None: the embedded one.
    :ivar legacy: endpoint of a quote server that runs elsewhere; None: its double.
    :ivar legacy_delay: the double's delay: `none`, `course`, or seconds.
    :ivar price_step_s: how long the double's prices stay as they are.
    :ivar proxies: quote proxies, which share the symbols among them.
    :ivar trigger_services: one is active, the others stand by.
    :ivar web_clients: web clients, each with a port of its own.
    :ivar answer_s: how long a service may leave a question about its health open before it is
        killed and started again.
    :ivar stall_s: how long an event loop may stand still before its stack is told.
    :ivar environment: more environment variables for some of the processes, by their name.
    :ivar base_port: the first node's port, from which the others follow; None: free ones.
    :ivar console: start the operators' console too.
    :ivar tls: let the services speak TLS, with certificates of the stack's own authority.
    :ivar limits: of the ports of all services but the quote server's double.
    :ivar console_settings: how the console treats who is idle, and who guesses.
    :ivar redis: endpoint of a Redis in which prices outlive the proxies; None: none.
    :ivar metrics_port: the first port for figures, from which the others follow; None: no figures.
    """

    nodes: int = 1
    database: str | None = None
    legacy: str | None = None
    legacy_delay: str = "none"
    seed: int = 1
    price_step_s: float = 10.0
    lanes: int = 1
    proxies: int = 1
    trigger_services: int = 1
    web_clients: int = 0
    base_port: int | None = None
    answer_s: float = 5.0
    stall_s: float = 1.0
    environment: Mapping[str, Mapping[str, str]] = {}
    metrics_port: int | None = None
    redis: str | None = None
    console: bool = False
    tls: bool = False
    limits: PortLimits = PortLimits()
    console_settings: ConsoleSettings = ConsoleSettings()


class StackAddresses(Struct, frozen=True):
    """Where the parts of a stack listen, as client endpoints; several of a kind by name.

    :ivar control: the control port of the legacy double, or None without one.
    :ivar metrics: where each service tells its figures, by name; empty where none does.
    """

    nodes: dict[str, str]
    audit: str
    quotes: dict[str, str]
    legacy: str
    control: str | None
    web: dict[str, str]
    triggers: dict[str, str] = {}
    console: str | None = None
    metrics: dict[str, str] = {}


def addresses_for(settings: StackSettings) -> StackAddresses:
    """Addresses on this machine: free ports, or those that follow the base port."""
    ports = _addresses(settings.base_port)
    addresses = StackAddresses(
        {f"node-{number + 1}": next(ports) for number in range(settings.nodes)},
        next(ports),
        {f"quotes-{number + 1}": next(ports) for number in range(settings.proxies)},
        settings.legacy or next(ports),
        None if settings.legacy else next(ports),
        {f"web-{number + 1}": next(ports) for number in range(settings.web_clients)},
        {f"triggers-{number + 1}": next(ports) for number in range(settings.trigger_services)},
        next(ports) if settings.console else None,
    )
    metrics = _metrics_addresses(settings.metrics_port, addresses)
    return msgspec.structs.replace(addresses, metrics=metrics)


def _metrics_addresses(first_port: int | None, addresses: StackAddresses) -> dict[str, str]:
    if first_port is None:
        return {}
    named = (addresses.quotes, addresses.triggers, addresses.nodes, addresses.web)
    names = ["audit", *(name for each in named for name in each)]
    names += [] if addresses.control is None else ["legacy-quotes"]
    names += [] if addresses.console is None else ["console"]
    return {name: f"tcp:127.0.0.1:{first_port + place}" for place, name in enumerate(names)}


def _addresses(base_port: int | None) -> Iterator[str]:
    free = FreePorts(random.Random())
    for number in count():
        port = free.take() if base_port is None else base_port + number
        yield f"tcp:127.0.0.1:{port}"
