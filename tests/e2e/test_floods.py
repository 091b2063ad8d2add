"""Slow, never-reading and flooding clients are let go, and good users' commands all succeed.

The short form of `make floods`, which prints what it costs the good users in time.
"""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.bad_clients import connection_flood, slow_clients
from benchmarks.floods import GoodClients, GoodUsers
from protocol.messages import Health, HealthRequest, Summary
from service.credentials import read_credential
from tests.e2e.process_table import pid_of, wait_until
from tests.e2e.stack import RunningStack, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def test_bad_clients_are_let_go_and_good_users_fail_nothing(directory: Path) -> None:
    with running_stack(directory, "--web-clients", "0", nodes=1) as stack:
        port, secret = stack.port(), stack.secret("administrator")
        good = GoodUsers(port, secret, 800, 400)
        with slow_clients(port, 400, read_credential(secret)) as met:
            assert met.opened == 410
            good.p99_ms(1)
            wait_until(lambda: met.ended >= 400, "all that never logged in were let go", 30.0)
        with connection_flood(port, 800) as met:
            good.p99_ms(2)
        assert met.opened > 1_000
        assert met.ended > 0
        assert is_well(stack)


def test_all_clients_that_a_storm_cut_off_come_back(directory: Path) -> None:
    with running_stack(directory, "--web-clients", "0", nodes=1) as stack:
        crowd = GoodClients(stack.port(), read_credential(stack.secret("workload")), 50)
        with connection_flood(stack.port(), 800) as met:
            wait_until(lambda: met.opened > 1_000, "the flood has come")
            assert len(crowd.reconnect()) == 50
        crowd.close()
        assert is_well(stack)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="no prlimit here")
def test_a_node_that_has_no_files_left_goes_on_and_takes_new_clients_later(
    directory: Path,
) -> None:
    with running_stack(directory, "--web-clients", "0", nodes=1) as stack, ExitStack() as crowd:
        node = pid_of(stack.data, "trade-server", "node-1")
        assert node is not None
        usual = resource.prlimit(node, resource.RLIMIT_NOFILE)
        with stack.client() as early:
            held = len(list(Path(f"/proc/{node}/fd").iterdir()))
            resource.prlimit(node, resource.RLIMIT_NOFILE, (held + 10, usual[1]))
            late = [
                crowd.enter_context(socket.create_connection(("127.0.0.1", stack.port()), 20.0))
                for _ in range(50)
            ]
            wait_until(
                lambda: sum(is_closed(each) for each in late) >= 30,
                "those for whom there was no file are let go",
            )
            assert isinstance(early.summary("nobody"), Summary)
        resource.prlimit(node, resource.RLIMIT_NOFILE, usual)
        assert pid_of(stack.data, "trade-server", "node-1") == node
        assert is_well(stack)


def is_closed(client: socket.socket) -> bool:
    """Whether the server has ended a connection without a word."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def is_well(stack: RunningStack) -> bool:
    """Whether the node takes a new client and says that it is ready."""
    with stack.client() as client:
        health = client.ask(HealthRequest())
        return isinstance(health, Health) and health.ready
