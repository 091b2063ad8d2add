"""A small system in memory that a console can ask: two nodes on one ledger, and an audit daemon.

For the tests of `console` only.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred

from audit.daemon import AuditDaemon
from audit.milestones import TimesVerb
from audit.operations import AuditVerbs
from audit.store import Store
from console.daemons import Daemons
from console.verbs import Console
from protocol.errors import TradeError
from quote_proxy.operations import CacheVerbs
from reactor_server.figures import node_figures
from reactor_server.operations import NodeVerbs
from service.common_verbs import CommonVerbs
from service.figures import Figure
from service.link import Service
from service.operations import OperatedService, Verb
from service.server import WireServerFactory
from tests.reactor_server.house import House, Node
from tests.service.links import MemoryEndpoint, outcome_of
from tests.service.premises import ROLES, VERIFIERS, credential

T = TypeVar("T")


def at_once(work: Callable[[], T]) -> Deferred[T]:
    """Run what would block in a thread right here."""
    return maybeDeferred(work)


class SystemInMemory:
    """Daemons, and consoles that ask them.

    :ivar stopped: the daemons that were told to stop.
    """

    def __init__(self, directory: Path) -> None:
        self.house = House()
        self.clock = self.house.clock
        self.stopped: list[str] = []
        self.factories: dict[str, WireServerFactory] = {}
        self.endpoints: dict[str, MemoryEndpoint] = {}
        self.nodes = [self.house.node() for _ in range(2)]
        for node in self.nodes:
            self._add_node(node)
        self.path = directory / "audit.sqlite"
        self.store = Store(self.clock, self.path, at_once, at_once)
        outcome_of(self.store.open())
        self._add(
            "audit",
            AuditDaemon(self.clock, self.store),
            [],
            AuditVerbs(self.store, self.path).verbs(),
        )

    def _add_node(self, node: Node) -> None:
        assembly = node.assembly
        figures = node_figures([lane.figures for lane in assembly.desk.lanes])
        stages = {lane.name: lane.stages for lane in assembly.desk.lanes}
        verbs = [
            *NodeVerbs(node.store).verbs(),
            *CacheVerbs(assembly.quotes).verbs(),
            TimesVerb(assembly.steady.at_ms, stages).verb(),
        ]
        self._add(node.name, assembly.service, figures, verbs)

    def _add(self, name: str, service: Service, figures: list[Figure], verbs: list[Verb]) -> None:
        operated = OperatedService(service)
        factory = WireServerFactory(self.clock, name, operated, VERIFIERS, b"decoy")
        common = CommonVerbs(
            self.clock,
            name,
            factory,
            figures,
            service.health,
            {"name": name, "database": "password=hunter2"},
            lambda: self.stopped.append(name),
        )
        operated.offer([*common.verbs(), *verbs])
        self.factories[name] = factory
        self.endpoints[name] = MemoryEndpoint(self.clock, factory)

    def ship(self) -> None:
        """Let the audit daemon have what the nodes have committed."""
        for node in self.nodes:
            for stream, shipped in node.shipped.items():
                held = self.store.positions.get(stream, 0)
                new = [entry for entry in shipped.entries[held:] if entry is not None]
                if new:
                    self.store.append(stream, held + 1, new)
        self.house.turn()

    def console(self, name: str = "root") -> Console:
        """A console with the rights of somebody."""
        daemons = Daemons(self.clock, self.endpoints, credential(name), f"{name} at home")
        return Console(self.clock, daemons, ROLES[name])

    def ask(self, line: str, console: Console | None = None) -> Any:
        """What a line is answered by; raises `TradeError`."""
        outcome = self.begin(line, console)
        self.clock.pass_time(1)
        (answer,) = outcome
        if isinstance(answer, TradeError):
            raise answer
        assert not isinstance(answer, BaseException), answer
        return answer[1]  # type: ignore[index]

    def begin(self, line: str, console: Console | None = None) -> list[object]:
        """Begin to ask; what came of it stands in the list later."""
        asking = Deferred.fromCoroutine((console or self.console()).ask(line))
        outcome = outcome_of(asking)
        self.house.turn()
        return outcome

    def shown(self, line: str) -> list[str]:
        """What a person sees."""
        console = self.console()
        answer = self.ask(line, console)
        return console.verbs[line.split()[0]].show(answer)
