"""Telling systemd that a daemon is ready, lives and stops: the datagrams of sd_notify(3).

Used by `service.daemon`. Where nobody has set NOTIFY_SOCKET, nothing is told.
"""

import os
import socket
from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

_US_PER_S = 1_000_000


class Notifier:
    """Tells the service manager that started this process.

    :param environment: NOTIFY_SOCKET, and WATCHDOG_USEC where it wants to hear from us regularly.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._alive = LoopingCall(self._tell, "WATCHDOG=1")
        self._alive.clock = clock
        self._interval_s = int(environment.get("WATCHDOG_USEC", "0")) / _US_PER_S / 3

    def ready(self) -> None:
        """The daemon can do its work; from now on a turning reactor is told as a sign of life."""
        self._tell("READY=1")
        if self._address and self._interval_s:
            self._alive.start(self._interval_s)

    def stopping(self) -> None:
        """The daemon stops, in order."""
        self._tell("STOPPING=1")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        # A leading @ stands for the abstract namespace, whose names begin with a zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(text.encode(), address)
        except OSError as error:
            self.log.warn("systemd is not told {text}: {why}", text=text, why=str(error))
