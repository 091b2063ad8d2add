"""Slow, never-reading and flooding clients are let go, and good users' commands all succeed.

The short form of `make floods`, which prints what it costs the good users in time.
"""

from pathlib import Path

import pytest

from benchmarks.floods import GoodUsers, connection_flood, slow_clients
from protocol.messages import Health, HealthRequest
from service.credentials import read_credential
from tests.e2e.process_table import wait_until
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


def is_well(stack: RunningStack) -> bool:
    """Whether the node takes a new client and says that it is ready."""
    with stack.client() as client:
        health = client.ask(HealthRequest())
        return isinstance(health, Health) and health.ready
