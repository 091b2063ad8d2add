"""`twistd trade-console`: the operators' console over telnet.

For twistd and the local stack. It holds no data of its own: what it shows it asks the daemons for.
"""

import os
from typing import Any

from twisted.application.service import IService
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from console.access import OperatorChecker
from console.settings import ConsoleSettings
from protocol.authentication import AccessRole
from service.daemon import DaemonOptions, Listener, daemon_service, set_by
from service.ordered import Step
from twistd_plugins.common import accept_option, check_endpoints, credential_option, named_endpoints
from twistd_plugins.security import SecurityLog


class Options(DaemonOptions):
    """What the console is told on the command line."""

    optParameters: list[list[Any]] = [
        ["listen", "l", "tcp:12600:interface=127.0.0.1", "Endpoint for telnet."],
        ["name", "n", "console", "The console's name."],
        ["daemons", "d", None, "Daemons to ask, as NAME=ENDPOINT separated by commas."],
        ["audit", "a", "tcp:127.0.0.1:12200", "Endpoint of the audit daemon."],
        ["credential", "c", None, "File with the name and password for the audit daemon."],
        ["accept", None, None, "File with the names that may log in, and their verifiers."],
        ["operator", None, None, "File with what operators' questions are asked by."],
        ["administrator", None, None, "File with what administrators' are asked by."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.settings = ConsoleSettings()

    def opt_setting(self, text: str) -> None:
        """A setting of the console, as NAME=NUMBER, for each that is not the usual one: those of
        [console] in docs/settings.md."""
        self.settings = set_by("--setting", self.settings, text)

    def postOptions(self) -> None:
        """Check what can be checked without asking anybody."""
        check_endpoints(self, clients=("audit",), servers=("listen",))
        self.credential = credential_option(self.required_path("credential"))
        named_endpoints(None, "daemons", self.required("daemons"))
        self.verifiers = accept_option(self.required_path("accept"))
        self.credentials = {
            role: credential_option(self.required_path(role.value), role.value)
            for role in (AccessRole.OPERATOR, AccessRole.ADMINISTRATOR)
        }


def makeService(options: Options, reactor: Any = None) -> IService:
    """Build the console: log-in, realm, and the port for telnet."""
    if reactor is None:
        from twisted.internet import reactor as global_reactor

        reactor = global_reactor
    # Twisted's line editing takes the global reactor as it is imported.
    from console.telnet import ConsoleFactory, ConsoleRealm

    pool = ThreadPool(minthreads=0, maxthreads=1, name="console passwords")

    security = SecurityLog.shipped(reactor, options, options.credential)

    checker = OperatorChecker(
        reactor,
        options.verifiers,
        lambda work: deferToThreadPool(reactor, pool, work),
        os.urandom(32),
        security.console_log_in,
        options.settings,
    )
    endpoints = named_endpoints(reactor, "daemons", options["daemons"])
    realm = ConsoleRealm(reactor, endpoints, options.credentials, security.typed, options.settings)
    factory = ConsoleFactory(reactor, realm, checker)
    listener = Listener(reactor, options["listen"], factory, options.limits)

    async def start_threads() -> None:
        pool.start()

    async def stop_threads() -> None:
        pool.stop()

    async def end_sessions() -> None:
        factory.close_all()

    steps = [
        *security.steps,
        Step("threads", start_threads, stop_threads),
        Step("sessions", stop=end_sessions),
        Step("port", listener.open, listener.close),
    ]
    return daemon_service(reactor, options, options["name"], steps, lambda: listener.address)
