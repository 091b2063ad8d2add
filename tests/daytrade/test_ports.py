"""Free ports for a local stack."""

import random
import socket

import pytest

from daytrade.errors import NoFreePort
from daytrade.ports import LOOPBACK, PORT_MAX, PORT_MIN, FreePorts


def test_ports_lie_below_those_the_kernel_gives_to_clients() -> None:
    ports = FreePorts(random.Random(1)).take_many(50)
    assert all(PORT_MIN <= port <= PORT_MAX < 32_768 for port in ports)


def test_a_port_is_never_handed_out_twice() -> None:
    """Small enough a range that drawing with replacement would repeat one."""
    ports = FreePorts(random.Random(2), first=20_000, last=20_040)
    taken = ports.take_many(15) + [ports.take() for _ in range(15)]
    assert len(set(taken)) == 30


def test_a_port_with_a_listener_is_passed_over() -> None:
    with socket.socket() as listener:
        port = FreePorts(random.Random()).take()
        listener.bind((LOOPBACK, port))
        listener.listen()
        with pytest.raises(NoFreePort, match=f"{port}-{port}"):
            FreePorts(random.Random(), first=port, last=port).take()


def test_stacks_with_different_seeds_try_different_ports() -> None:
    assert FreePorts(random.Random(1)).take_many(3) != FreePorts(random.Random(2)).take_many(3)
