"""The local stack: everything on one machine, each part a process started through its twistd
plugin.

The `daytrade` command and tests may import this. Whoever a process depends on is started before it
and stopped after it, and no process outlives the one that started the stack.
"""

import random
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import psycopg2
from msgspec import Struct
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IStreamClientEndpoint

from daytrade.data_directory import DataDirectory
from daytrade.embedded_postgres import EmbeddedPostgres
from daytrade.errors import StackError
from daytrade.ports import FreePorts
from daytrade.process_group import ProcessGroup
from daytrade.process_run import Command, ExitStatus
from daytrade.process_usage import Usage
from daytrade.processes import Backoff, SupervisedProcess
from ledger.postgres.migrate import SchemaError, migrate
from ledger.postgres.store import PostgresStore
from protocol.authentication import AccessRole, make_verifier
from service.credentials import Credential, read_credential, write_accept_file

POSTGRES_GRACE_S = 30.0
SERVICE_GRACE_S = 20.0
_TWISTD = "from twisted.scripts.twistd import run; run()"


class StackSettings(Struct, frozen=True):
    """What kind of stack to start.

    :ivar database: DSN of a Postgres that runs elsewhere; None: the embedded one.
    :ivar legacy: endpoint of a quote server that runs elsewhere; None: its double.
    :ivar legacy_delay: the double's delay: `none`, `course`, or seconds.
    :ivar price_step_s: how long the double's prices stay as they are.
    :ivar proxies: quote proxies, which share the symbols among them.
    :ivar trigger_services: one is active, the others stand by.
    :ivar base_port: the first node's port, from which the others follow; None: free ones.
    """

    nodes: int = 1
    database: str | None = None
    legacy: str | None = None
    legacy_delay: str = "none"
    seed: int = 1
    price_step_s: float = 10.0
    lanes: int = 2
    proxies: int = 1
    trigger_services: int = 1
    base_port: int | None = None


class LocalStack:
    """One stack on an open data directory.

    :ivar nodes: the nodes' addresses by name.
    :ivar control: the control port of the legacy double, or None without one.
    :param on_exit: called when a part ends by itself; it is started again.
    """

    def __init__(
        self,
        reactor: Any,
        directory: DataDirectory,
        settings: StackSettings,
        on_exit: Callable[[str, ExitStatus], None],
    ) -> None:
        self._reactor = reactor
        self._directory = directory
        self._settings = settings
        self._on_exit = on_exit
        self._postgres: EmbeddedPostgres | None = None
        self._database_group: ProcessGroup | None = None
        self._service_group: ProcessGroup | None = None
        self._store: PostgresStore | None = None
        addresses = _addresses(settings)
        self.nodes = {f"node-{number + 1}": next(addresses) for number in range(settings.nodes)}
        self.audit = next(addresses)
        self.quotes = {
            f"quotes-{number + 1}": next(addresses) for number in range(settings.proxies)
        }
        self.legacy = settings.legacy or next(addresses)
        self.control = None if settings.legacy else next(addresses)
        self.dsn = settings.database or ""

    # Start and stop.

    async def start(self) -> None:
        """Start everything; raises `StackError`, with all that was started stopped again."""
        try:
            await self.start_database()
            self._prepare_ledger()
            await self._start_services()
        except BaseException:
            await self.stop()
            raise

    async def stop_services(self) -> None:
        """Stop everything but the database: the log is whole then, and nobody writes any more."""
        if self._service_group is not None:
            await self._service_group.stop()

    async def stop(self) -> None:
        """Stop everything, in order."""
        await self.stop_services()
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._database_group is not None:
            await self._database_group.stop()

    async def start_database(self) -> None:
        if self._settings.database is not None:
            return
        self._postgres = EmbeddedPostgres(self._directory.postgres_dir)
        self.dsn = self._postgres.dsn
        command = Command(
            "postgres",
            self._postgres.prepare(),
            self._directory.process_dir("postgres"),
            self._directory.log_path("postgres"),
            is_ready=self._postgres.is_ready,
        )
        server = SupervisedProcess(
            self._reactor,
            self._reactor,
            command,
            ready_timeout_s=60.0,
            grace_s=POSTGRES_GRACE_S,
            backoff=Backoff(),
            on_exit=lambda process, status: self._on_exit(process.name, status),
        )
        self._database_group = ProcessGroup(self._reactor, [server])
        await self._database_group.start()

    def _prepare_ledger(self) -> None:
        """Bring the schema up to date, and let in who may log in."""
        try:
            connection = psycopg2.connect(self.dsn)
        except psycopg2.OperationalError as error:
            raise StackError(f"Postgres cannot be reached: {str(error).strip()}") from None
        try:
            migrate(connection)
            with connection, connection.cursor() as cursor:
                for role in (AccessRole.WORKLOAD, AccessRole.ADMINISTRATOR):
                    _accept(cursor, self.credential(role))
        except (SchemaError, psycopg2.Error) as error:
            raise StackError(f"the ledger cannot be prepared: {str(error).strip()}") from None
        finally:
            connection.close()
        accepted = [self.credential(AccessRole.NODE), self.credential(AccessRole.ADMINISTRATOR)]
        write_accept_file(self._accept_path, accepted)

    async def _start_services(self) -> None:
        processes = [] if self.control is None else [self._legacy_double()]
        processes.append(self._audit_daemon())
        processes += [self._quote_proxy(name, address) for name, address in self.quotes.items()]
        for number in range(self._settings.trigger_services):
            processes.append(self._triggers(f"triggers-{number + 1}"))
        processes += [self._node(name, address) for name, address in self.nodes.items()]
        self._service_group = ProcessGroup(self._reactor, processes)
        await self._service_group.start()

    # The processes.

    def _legacy_double(self) -> SupervisedProcess:
        assert self.control is not None
        return self._service(
            "legacy-quotes",
            "legacy-quotes",
            ("--listen", listening(self.legacy), "--control", listening(self.control)),
            ("--delay", self._settings.legacy_delay, "--seed", str(self._settings.seed)),
            ("--step", str(self._settings.price_step_s)),
        )

    def _audit_daemon(self) -> SupervisedProcess:
        return self._service(
            "audit",
            "trade-audit",
            ("--listen", listening(self.audit), "--accept", str(self._accept_path)),
            ("--store", str(self.audit_path)),
        )

    def _quote_proxy(self, name: str, address: str) -> SupervisedProcess:
        return self._service(
            name,
            "trade-quotes",
            ("--name", name, "--listen", listening(address), "--accept", str(self._accept_path)),
            ("--legacy", self.legacy, *self._to_audit),
        )

    @property
    def _to_audit(self) -> tuple[str, ...]:
        return "--audit", self.audit, "--credential", str(self._node_credential_path)

    @property
    def _to_prices(self) -> tuple[str, ...]:
        proxies = ",".join(f"{name}={address}" for name, address in self.quotes.items())
        return "--quotes", proxies, "--legacy", self.legacy

    def _triggers(self, name: str) -> SupervisedProcess:
        return self._service(
            name,
            "trade-triggers",
            ("--name", name, "--database", self.dsn),
            (*self._to_prices, *self._to_audit),
        )

    def _node(self, name: str, address: str) -> SupervisedProcess:
        return self._service(
            name,
            "trade-server",
            ("--name", name, "--listen", listening(address), "--database", self.dsn),
            (*self._to_prices, *self._to_audit),
            ("--lanes", str(self._settings.lanes)),
        )

    def _service(self, name: str, plugin: str, *options: tuple[str, ...]) -> SupervisedProcess:
        twistd = (sys.executable, "-c", _TWISTD, "--nodaemon", "--pidfile=", plugin)
        arguments = [argument for group in options for argument in group]
        command = Command(
            name,
            (*twistd, "--lifeline", *arguments),
            self._directory.process_dir(name),
            self._directory.log_path(name),
        )
        return SupervisedProcess(
            self._reactor,
            self._reactor,
            command,
            grace_s=SERVICE_GRACE_S,
            backoff=Backoff(),
            on_exit=lambda process, status: self._on_exit(process.name, status),
        )

    # What users of the stack need.

    @property
    def audit_path(self) -> Path:
        """The audit daemon's file."""
        return self._directory.audit_dir / "audit.sqlite"

    @property
    def _accept_path(self) -> Path:
        return self._directory.secrets_dir / "audit-accept.json"

    @property
    def _node_credential_path(self) -> Path:
        return self._directory.credentials_path(AccessRole.NODE.value)

    def credential(self, role: AccessRole) -> Credential:
        """The stack's own account of this role, made on first use."""
        self._directory.credentials(role.value)
        return read_credential(self._directory.credentials_path(role.value))

    def endpoint(self, address: str) -> IStreamClientEndpoint:
        """A client endpoint of one of the stack's addresses."""
        endpoint: IStreamClientEndpoint = clientFromString(self._reactor, address)
        return endpoint

    @property
    def store(self) -> PostgresStore:
        """The stack's ledger, for those who check it."""
        if self._store is None:
            self._store = PostgresStore(self._reactor, self.dsn)
        return self._store

    @property
    def processes(self) -> dict[str, SupervisedProcess]:
        """The running parts by name."""
        groups = [group for group in (self._database_group, self._service_group) if group]
        return {process.name: process for group in groups for process in group.processes}

    def usage(self) -> dict[str, Usage]:
        """What each part has used of the machine so far."""
        return {name: process.usage for name, process in self.processes.items()}


def _addresses(settings: StackSettings) -> Iterator[str]:
    """Addresses on this machine for the parts of a stack, one after the other."""
    free = FreePorts(random.Random())
    base_port = settings.base_port
    for number in count():
        port = free.take() if base_port is None else base_port + number
        yield f"tcp:127.0.0.1:{port}"


def client_endpoint(reactor: Any, option: str, text: str) -> IStreamClientEndpoint:
    """The endpoint that an option of the command line names; raises `StackError`."""
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, text)
    except (ValueError, TypeError) as error:
        raise StackError(f"{option}: not an endpoint like tcp:127.0.0.1:12100: {error}") from None
    return endpoint


def listening(address: str) -> str:
    """The server endpoint for a client endpoint on this machine."""
    _, host, port = address.split(":")
    return f"tcp:{port}:interface={host}:backlog=1024"


def _accept(cursor: Any, credential: Credential) -> None:
    """Write the verifier of a credential, unless the name has one that it may still fit."""
    verifier = make_verifier(credential.password, credential.role)
    cursor.execute(
        "INSERT INTO credential VALUES (%s, %s) ON CONFLICT (name) DO NOTHING",
        [credential.name, msgspec.json.encode(verifier).decode()],
    )
