"""The local stack: everything on one machine, each part a process started through its twistd
plugin.

The `daytrade` command and tests may import this. Whoever a process depends on is started before it
and stopped after it, and no process outlives the one that started the stack.
"""

from pathlib import Path
from typing import Any

import msgspec
import psycopg2
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.threads import deferToThread

from audit.heads import HeadKey
from daytrade.certificates import CertificateFolder
from daytrade.data_directory import DataDirectory
from daytrade.embedded_postgres import EmbeddedPostgres
from daytrade.errors import StackError
from daytrade.process_group import ProcessGroup
from daytrade.process_run import Command
from daytrade.process_usage import Usage
from daytrade.processes import Backoff, SupervisedProcess
from daytrade.stack_services import (
    OnExit,
    StackServices,
    accept_path,
    audit_path,
    console_accept_path,
    head_key_path,
    operated,
)
from daytrade.stack_settings import StackSettings, addresses_for
from daytrade.stack_ways import PERSON, Ways
from ledger.postgres.migrate import SchemaError, migrate
from ledger.postgres.store import PostgresStore
from protocol.authentication import AccessRole, make_verifier
from service import endpoints
from service.credentials import Credential, read_credential, write_accept_file
from service.time import wall_ms
from web.passwords import hash_password, strong_hasher

POSTGRES_GRACE_S = 30.0
_OPERATORS = (AccessRole.OPERATOR, AccessRole.ADMINISTRATOR)


class LocalStack:
    """One stack on an open data directory.

    :ivar settings: what kind of stack it is.
    :ivar addresses: where its parts listen; by TLS, if the settings say so.
    :ivar is_new: nobody could know the administrator's password before.
    :param on_exit: called when a part ends by itself; it is started again.
    """

    def __init__(
        self,
        reactor: Any,
        directory: DataDirectory,
        settings: StackSettings,
        on_exit: OnExit,
    ) -> None:
        self._reactor = reactor
        self._directory = directory
        self.settings = settings
        self._on_exit = on_exit
        self._postgres: EmbeddedPostgres | None = None
        self._database_group: ProcessGroup | None = None
        self._service_group: ProcessGroup | None = None
        self._store: PostgresStore | None = None
        self.addresses = addresses_for(settings)
        self.is_new = False
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
        """Start the database alone, as those need it who only read; raises `StackError`."""
        if self.settings.database is not None:
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
        except psycopg2.Error as error:
            raise StackError(f"Postgres cannot be reached: {str(error).strip()}") from None
        try:
            migrate(connection)
            with connection, connection.cursor() as cursor:
                for role in (AccessRole.WORKLOAD, *_OPERATORS):
                    _accept(cursor, self.credential(role))
                self.is_new = _accept_on_web(cursor, self.credential(AccessRole.ADMINISTRATOR))
        except (SchemaError, psycopg2.Error) as error:
            raise StackError(f"the ledger cannot be prepared: {str(error).strip()}") from None
        finally:
            connection.close()
        operators = [self.credential(role) for role in _OPERATORS]
        write_accept_file(console_accept_path(self._directory), operators)
        accepted = [self.credential(AccessRole.NODE), *operators]
        write_accept_file(accept_path(self._directory), accepted)
        HeadKey.ensure(head_key_path(self._directory))

    async def _start_services(self) -> None:
        ways = Ways(CertificateFolder(self._directory.tls_dir) if self.settings.tls else None)
        names = [*operated(self.addresses), *self.addresses.web, "console"]
        await deferToThread(ways.make_certificates, names)
        services = StackServices(
            self._reactor,
            self._directory,
            self.settings,
            self.addresses,
            self.dsn,
            self._on_exit,
            ways,
        )
        self._service_group = ProcessGroup(self._reactor, services.in_order())
        await self._service_group.start()
        daemons = operated(self.addresses).items()
        self._directory.write_daemons({name: ways.reach(PERSON, at) for name, at in daemons})

    # What users of the stack need.

    @property
    def audit_path(self) -> Path:
        """The audit daemon's file."""
        return audit_path(self._directory)

    def credential(self, role: AccessRole) -> Credential:
        """The stack's own account of this role, made on first use."""
        self._directory.credentials(role.value)
        return read_credential(self._directory.credentials_path(role.value))

    def endpoint(self, address: str) -> IStreamClientEndpoint:
        """A client endpoint of one of the stack's addresses."""
        return endpoints.client_endpoint(self._reactor, address)

    @property
    def postgres(self) -> EmbeddedPostgres | None:
        """The embedded database, None where it runs elsewhere."""
        return self._postgres

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


def client_endpoint(reactor: Any, option: str, text: str) -> IStreamClientEndpoint:
    """The endpoint that an option of the command line names; raises `StackError`."""
    try:
        return endpoints.client_endpoint(reactor, text)
    except endpoints.BadEndpoint as error:
        raise StackError(f"{option}: not an endpoint like tcp:127.0.0.1:12100: {error}") from None


def _accept(cursor: Any, credential: Credential) -> None:
    """Write the verifier of a credential, unless the name has one that it may still fit."""
    verifier = make_verifier(credential.password, credential.role)
    cursor.execute(
        "INSERT INTO credential VALUES (%s, %s) ON CONFLICT (name) DO NOTHING",
        [credential.name, msgspec.json.encode(verifier).decode()],
    )


def _accept_on_web(cursor: Any, credential: Credential) -> bool:
    """Let the administrator log in on the web; False where that was so already."""
    cursor.execute("SELECT 1 FROM web_user WHERE name = %s", [credential.name])
    if cursor.fetchone() is not None:
        return False
    password_hash = hash_password(strong_hasher(), credential.password)
    cursor.execute(
        "INSERT INTO web_user VALUES (%s, %s, %s, %s, false)",
        [credential.name, password_hash, credential.role.value, wall_ms()],
    )
    return True
