"""Staying connected: log in, and log in again after each loss, ever more slowly while it fails.

Imports only `service` and Twisted. Twisted's ClientService is not used, because a connection that
ends while it is being prepared, as ours do when the log-in is refused, breaks its state machine.
"""

from collections.abc import Callable
from typing import Any

from twisted.application.internet import backoffPolicy
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from service.client import ClientProtocol, connect
from service.credentials import Credential
from service.limits import HEARTBEAT_S

RETRY_S_MAX = 3.0


class StayingConnected(Service):
    """One connection that is made again whenever it is lost.

    :param on_connected: called with each connection once it is logged in.
    :param on_failure: called with the reason each time that did not work.
    :param random: gives the jitter of the pauses, from 0 to 1.
    """

    log = Logger()

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        agent: str,
        credential: Credential,
        on_connected: Callable[[ClientProtocol], None],
        random: Callable[[], float],
        on_failure: Callable[[Exception], None] | None = None,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._agent = agent
        self._credential = credential
        self._on_connected = on_connected
        self._on_failure = on_failure
        self._heartbeat_s = heartbeat_s
        self._pause_s = backoffPolicy(0.1, RETRY_S_MAX, 1.6, random)
        self._connection: ClientProtocol | None = None
        self._keeping: Deferred[Any] | None = None

    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        self._keeping = Deferred.fromCoroutine(self._keep())
        self._keeping.addErrback(self._broken)

    async def _keep(self) -> None:
        failures = 0
        while self.running:
            try:
                self._connection = await connect(
                    self._endpoint, self._clock, self._agent, self._credential, self._heartbeat_s
                )
            except CancelledError:
                raise
            except Exception as error:
                failures += 1
                self.log.info("{agent}: cannot connect: {why}", agent=self._agent, why=str(error))
                if self._on_failure is not None:
                    self._on_failure(error)
            else:
                failures = 0
                self._on_connected(self._connection)
                await self._connection.when_ended()
                self._connection = None
            await deferLater(self._clock, self._pause_s(failures))

    def _broken(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            self.log.failure("{agent}: not connected any more", failure, agent=self._agent)

    async def stopService(self) -> None:
        """Close the connection and make no other; done when it is gone."""
        super().stopService()
        connection, self._connection = self._connection, None
        if self._keeping is not None:
            self._keeping.cancel()
        if connection is not None and not connection.is_lost:
            gone: Deferred[None] = Deferred()
            connection.on_end = lambda: gone.callback(None)
            connection.close()
            await gone
