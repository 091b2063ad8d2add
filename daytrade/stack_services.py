"""The processes of a local stack, each described as a twistd command.

Used by `daytrade.stack` alone. Whoever a process depends on comes before it.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from daytrade.data_directory import DataDirectory
from daytrade.process_run import Command, ExitStatus
from daytrade.processes import Backoff, SupervisedProcess
from daytrade.stack_settings import StackAddresses, StackSettings
from daytrade.stack_ways import Ways, listening
from daytrade.watchdog import WatchLimits
from protocol.authentication import AccessRole
from service.described import unusual

SERVICE_GRACE_S = 20.0
_JSON_LOG = ("--logger", "service.json_log.to_stdout")
_TWISTD = "from twisted.scripts.twistd import run; run()"

OnExit = Callable[[str, ExitStatus], None]


class StackServices:
    """The services of one stack.

    :param dsn: the ledger's Postgres.
    """

    def __init__(
        self,
        reactor: Any,
        directory: DataDirectory,
        settings: StackSettings,
        addresses: StackAddresses,
        dsn: str,
        on_exit: OnExit,
        ways: Ways,
    ) -> None:
        self._reactor = reactor
        self._directory = directory
        self._settings = settings
        self._addresses = addresses
        self._dsn = dsn
        self._on_exit = on_exit
        self._ways = ways

    def in_order(self) -> list[SupervisedProcess]:
        """All services, those first that others depend on."""
        addresses = self._addresses
        processes = [] if addresses.control is None else [self._legacy_double(addresses.control)]
        processes.append(self._audit_daemon())
        processes += [self._quote_proxy(name, at) for name, at in addresses.quotes.items()]
        processes += [self._triggers(name, at) for name, at in addresses.triggers.items()]
        processes += [self._node(name, at) for name, at in addresses.nodes.items()]
        processes += [self._web_client(name, at) for name, at in addresses.web.items()]
        return processes + ([] if addresses.console is None else [self._console(addresses.console)])

    def _legacy_double(self, control: str) -> SupervisedProcess:
        return self._service(
            "legacy-quotes",
            "legacy-quotes",
            ("--listen", listening(self._addresses.legacy), "--control", listening(control)),
            ("--delay", self._settings.legacy_delay, "--seed", str(self._settings.seed)),
            ("--step", str(self._settings.price_step_s)),
        )

    def _audit_daemon(self) -> SupervisedProcess:
        accept = str(accept_path(self._directory))
        return self._service(
            "audit",
            "trade-audit",
            ("--listen", self._ways.listen("audit", self._addresses.audit), "--accept", accept),
            ("--store", str(audit_path(self._directory))),
            ("--database", self._dsn, "--head-key", str(head_key_path(self._directory))),
        )

    def _quote_proxy(self, name: str, address: str) -> SupervisedProcess:
        accept = str(accept_path(self._directory))
        return self._service(
            name,
            "trade-quotes",
            ("--name", name, "--listen", self._ways.listen(name, address), "--accept", accept),
            ("--legacy", self._addresses.legacy, *self._to_audit(name)),
            () if self._settings.redis is None else ("--redis", self._settings.redis),
        )

    def _triggers(self, name: str, address: str) -> SupervisedProcess:
        return self._service(
            name,
            "trade-triggers",
            ("--name", name, "--listen", self._ways.listen(name, address)),
            ("--database", self._dsn),
            (*self._to_prices(name), *self._to_audit(name)),
        )

    def _node(self, name: str, address: str) -> SupervisedProcess:
        return self._service(
            name,
            "trade-server",
            ("--name", name, "--listen", self._ways.listen(name, address, is_mutual=False)),
            ("--database", self._dsn),
            (*self._to_prices(name), *self._to_audit(name)),
            ("--lanes", str(self._settings.lanes)),
        )

    def _web_client(self, name: str, address: str) -> SupervisedProcess:
        nodes = self._named(name, self._addresses.nodes)
        return self._service(
            name,
            "trade-web",
            ("--name", name, "--listen", self._ways.listen(name, address, is_mutual=False)),
            ("--database", self._dsn),
            ("--nodes", nodes, "--credential", self._credential(AccessRole.WORKLOAD)),
            ("--administrator", self._credential(AccessRole.ADMINISTRATOR)),
            ("--audit", self._ways.reach(name, self._addresses.audit)),
            ("--audit-credential", self._credential(AccessRole.NODE)),
        )

    def _credential(self, role: AccessRole) -> str:
        return str(self._directory.credentials_path(role.value))

    def _console(self, address: str) -> SupervisedProcess:
        daemons = self._named("console", operated(self._addresses))
        return self._service(
            "console",
            "trade-console",
            ("--listen", listening(address), "--daemons", daemons),
            ("--accept", str(console_accept_path(self._directory))),
            ("--operator", self._credential(AccessRole.OPERATOR)),
            ("--administrator", self._credential(AccessRole.ADMINISTRATOR)),
            self._to_audit("console"),
            _each("--setting", unusual(self._settings.console_settings)),
        )

    def _to_audit(self, name: str) -> tuple[str, ...]:
        audit = self._ways.reach(name, self._addresses.audit)
        return "--audit", audit, "--credential", self._credential(AccessRole.NODE)

    def _to_prices(self, name: str) -> tuple[str, ...]:
        proxies = self._named(name, self._addresses.quotes)
        return "--quotes", proxies, "--legacy", self._addresses.legacy

    def _named(self, name: str, addresses: Mapping[str, str]) -> str:
        """How a service reaches several others."""
        return ",".join(f"{each}={self._ways.reach(name, at)}" for each, at in addresses.items())

    def _service(self, name: str, plugin: str, *options: tuple[str, ...]) -> SupervisedProcess:
        twistd = (sys.executable, "-c", _TWISTD, "--nodaemon", "--pidfile=", *_JSON_LOG, plugin)
        arguments = [argument for group in options for argument in group]
        if plugin != "legacy-quotes":
            arguments += _each("--limit", unusual(self._settings.limits))
        if name in self._addresses.metrics:
            arguments += ["--metrics", listening(self._addresses.metrics[name])]
        command = Command(
            name,
            (*twistd, "--lifeline", "--stall-s", str(self._settings.stall_s), *arguments),
            self._directory.process_dir(name),
            self._directory.log_path(name),
            self._settings.environment.get(name, {}),
            answers=True,
        )
        return SupervisedProcess(
            self._reactor,
            self._reactor,
            command,
            grace_s=SERVICE_GRACE_S,
            backoff=Backoff(),
            watch=WatchLimits(answer_s=self._settings.answer_s),
            on_exit=lambda process, status: self._on_exit(process.name, status),
        )


def _each(option: str, values: Iterable[str]) -> tuple[str, ...]:
    """An option that is given once for each value."""
    return tuple(word for value in values for word in (option, value))


def operated(addresses: StackAddresses) -> dict[str, str]:
    """The daemons that operators may ask, by name."""
    return {
        **addresses.nodes,
        **addresses.quotes,
        **addresses.triggers,
        "audit": addresses.audit,
    }


def console_accept_path(directory: DataDirectory) -> Path:
    """Who may log in to the console."""
    return directory.secrets_dir / "console.json"


def accept_path(directory: DataDirectory) -> Path:
    """Who may log in to the services that have no ledger to ask."""
    return directory.secrets_dir / "accept.json"


def head_key_path(directory: DataDirectory) -> Path:
    """The key that signs the audit log's heads."""
    return directory.secrets_dir / "audit-heads.pem"


def audit_path(directory: DataDirectory) -> Path:
    """The audit daemon's file."""
    return directory.audit_dir / "audit.sqlite"
