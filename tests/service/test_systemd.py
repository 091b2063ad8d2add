"""systemd is told that a daemon is ready, lives and stops, where it wants to hear that."""

import socket
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from service.systemd import Notifier


class SystemdDouble:
    """A socket where systemd would listen."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))

    def told(self) -> list[str]:
        """What was told since the last time."""
        texts = []
        while True:
            try:
                texts.append(self._socket.recv(1_000).decode())
            except BlockingIOError:
                return texts


@pytest.fixture
def systemd(tmp_path: Path) -> SystemdDouble:
    return SystemdDouble(tmp_path / "notify")


def test_readiness_life_and_the_end_are_told(systemd: SystemdDouble, tmp_path: Path) -> None:
    clock = Clock()
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
    notifier = Notifier(clock, environment)
    notifier.ready()
    assert systemd.told() == ["READY=1", "WATCHDOG=1"]
    clock.pump([10, 10])
    assert systemd.told() == ["WATCHDOG=1"] * 2
    notifier.stopping()
    assert systemd.told() == ["STOPPING=1"]


def test_without_a_watchdog_only_readiness_is_told(systemd: SystemdDouble, tmp_path: Path) -> None:
    clock = Clock()
    Notifier(clock, {"NOTIFY_SOCKET": str(tmp_path / "notify")}).ready()
    clock.advance(60)
    assert systemd.told() == ["READY=1"]
    assert clock.getDelayedCalls() == []


def test_where_nobody_listens_nothing_goes_wrong(tmp_path: Path) -> None:
    clock = Clock()
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        notifier = Notifier(clock, environment)
        notifier.ready()
        notifier.stopping()
