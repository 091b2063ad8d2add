"""Fifty secrets go through a running stack, rightly and wrongly used: none comes to any log."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from protocol.messages import Error
from tests.e2e.client import Client
from tests.e2e.stack import RunningStack, daytrade
from tests.e2e.telnet import telnet

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

COUNT = 50


def test_no_secret_comes_to_any_log(stack: RunningStack) -> None:
    planted = [f"planted-{uuid4().hex}" for _ in range(COUNT)]
    for place, secret in enumerate(planted[:40]):
        with Client(stack.port(f"node-{place % 2 + 1}")) as client:
            client.greet()
            name = ("workload", "administrator", "nobody", "node")[place % 4]
            assert isinstance(client.log_in(name, secret), Error)
    for secret in planted[40:43]:
        with telnet(stack.port("console")) as guesser:
            guesser.log_in(f"who-{secret[-4:]}", secret)
            guesser.see("Authentication failed")
    for secret in planted[43:]:
        done = daytrade("up", "--database", f"host=127.0.0.1 port=1 password={secret}")
        assert done.returncode == 1
        assert secret not in done.stdout + done.stderr
    real = [json.loads(path.read_text()) for path in (stack.data / "secrets").glob("*.json")]
    kept = [each["password"] for each in real if "password" in each]
    assert len(kept) >= 4
    logs = {path: path.read_text() for path in logs_of(stack)}
    assert len(logs) >= 8
    secrets = planted + kept
    found = [(path, secret) for path, text in logs.items() for secret in secrets if secret in text]
    assert found == []
    told = daytrade("audit", "security", "--data", stack.data).stdout
    assert not any(secret in told for secret in secrets)


def logs_of(stack: RunningStack) -> list[Path]:
    """What every process of the stack has printed."""
    return sorted((stack.data / "logs").glob("*.log"))
