"""Where the parts of a stack are found, and where they listen."""

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from daytrade.data_directory import DataDirectory
from daytrade.errors import StackError
from daytrade.stack import LocalStack, client_endpoint
from daytrade.stack_settings import StackSettings
from daytrade.stack_ways import listening


def stack_of(settings: StackSettings) -> LocalStack:
    """A stack that is not started."""
    return LocalStack(Clock(), DataDirectory(Path("/nowhere")), settings, lambda _n, _s: None)


def test_the_ports_follow_from_the_first_nodes() -> None:
    stack = stack_of(StackSettings(nodes=2, base_port=21_000))
    assert stack.addresses.nodes == {
        "node-1": "tcp:127.0.0.1:21000",
        "node-2": "tcp:127.0.0.1:21001",
    }
    assert stack.addresses.quotes == {"quotes-1": "tcp:127.0.0.1:21003"}
    assert (stack.addresses.audit, stack.addresses.legacy, stack.addresses.control) == (
        "tcp:127.0.0.1:21002",
        "tcp:127.0.0.1:21004",
        "tcp:127.0.0.1:21005",
    )


def test_a_quote_server_of_ones_own_takes_the_place_of_the_double_and_its_control() -> None:
    stack = stack_of(StackSettings(nodes=1, base_port=21_000, legacy="tcp:quotes.example:4444"))
    assert (stack.addresses.audit, stack.addresses.legacy, stack.addresses.control) == (
        "tcp:127.0.0.1:21001",
        "tcp:quotes.example:4444",
        None,
    )


def test_without_a_first_port_every_part_has_a_free_one_of_its_own() -> None:
    stack = stack_of(StackSettings(nodes=3))
    addresses = {
        *stack.addresses.nodes.values(),
        *stack.addresses.quotes.values(),
        stack.addresses.audit,
        stack.addresses.legacy,
        stack.addresses.control,
    }
    assert len(addresses) == 7


def test_a_database_of_ones_own_is_known_before_the_start() -> None:
    assert stack_of(StackSettings(database="host=db dbname=trade")).dsn == "host=db dbname=trade"


def test_nothing_runs_before_the_start() -> None:
    stack = stack_of(StackSettings())
    assert (stack.processes, stack.usage()) == ({}, {})


def test_a_part_listens_on_this_machine_only() -> None:
    assert listening("tcp:127.0.0.1:21000") == "tcp:21000:interface=127.0.0.1:backlog=1024"


@pytest.mark.parametrize("text", ["", "nonsense", "tcp:host", "tcp:host:port", "udp:host:1"])
def test_an_endpoint_that_is_none_is_told_with_its_option(text: str) -> None:
    with pytest.raises(StackError, match="^--legacy: not an endpoint like tcp:127.0.0.1:12100: "):
        client_endpoint(Clock(), "--legacy", text)
