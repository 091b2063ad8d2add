"""The services that twistd can run: each is built from its options, and bad options are told by
name while twistd still reads them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.application.service import IService, IServiceMaker
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError

from protocol.authentication import AccessRole
from service.credentials import Credential, write_accept_file
from service.daemon import DaemonOptions, Watch
from service.ordered import Step
from tests.source_tree import ROOT
from twistd_plugins import trade_audit, trade_quotes, trade_server, trade_triggers, trade_web

NODE = Credential("node", "secret", AccessRole.NODE)


def makers() -> dict[str, Any]:
    """What our drop-ins offer to twistd, by the name that is typed."""
    offered: list[Any] = list(getPlugins(IServiceMaker))
    return {maker.tapname: maker for maker in offered if maker.module.startswith("twistd_plugins.")}


class Words:
    """The least that each service must be told."""

    def __init__(self, directory: Path) -> None:
        credential, accept = directory / "credential.json", directory / "accept.json"
        credential.write_bytes(msgspec.json.encode(NODE))
        write_accept_file(accept, [NODE])
        ledger = ("--database", "dbname=ledger", "--credential", str(credential))
        credentials = ("--operator", str(credential), "--administrator", str(credential))
        self.needed: dict[str, tuple[str, ...]] = {
            "legacy-quotes": (),
            "trade-audit": ("--store", str(directory / "audit.sqlite"), "--accept", str(accept)),
            "trade-console": (
                "--daemons",
                "a=tcp:a:1",
                "--accept",
                str(accept),
                *credentials,
                *ledger[2:],
            ),
            "trade-quotes": ("--accept", str(accept), "--credential", str(credential)),
            "trade-server": ledger,
            "trade-triggers": ledger,
            "trade-web": (
                *("--nodes", "node-1=tcp:127.0.0.1:12100", "--audit-credential", str(credential)),
                *ledger,
            ),
        }

    def options(self, name: str, *more: str) -> DaemonOptions:
        """The options of a service as twistd reads them; what comes later counts."""
        options: DaemonOptions = makers()[name].options()
        options.parseOptions([*self.needed[name], *more])
        return options


@pytest.fixture
def words(tmp_path: Path) -> Words:
    return Words(tmp_path)


def test_each_module_that_makes_a_service_has_its_drop_in(words: Words) -> None:
    modules = {
        f"twistd_plugins.{path.stem}"
        for path in (ROOT / "twistd_plugins").glob("*.py")
        if "def makeService(" in path.read_text("utf-8")
    }
    assert {maker.module for maker in makers().values()} == modules
    assert words.needed.keys() <= makers().keys()


@pytest.mark.parametrize(
    "name",
    [
        "legacy-quotes",
        "trade-audit",
        "trade-console",
        "trade-quotes",
        "trade-server",
        "trade-triggers",
        "trade-web",
    ],
)
def test_a_service_is_built_from_its_options_and_begins_nothing_yet(
    words: Words, name: str
) -> None:
    reactor = MemoryReactorClock()
    service = makers()[name].makeService(words.options(name), reactor=reactor)
    assert IService.providedBy(service)
    assert not service.running
    assert not (reactor.tcpServers or reactor.tcpClients or reactor.getDelayedCalls())


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("trade-audit", "--store"),
        ("trade-audit", "--accept"),
        ("trade-console", "--accept"),
        ("trade-console", "--credential"),
        ("trade-console", "--administrator"),
        ("trade-console", "--daemons"),
        ("trade-console", "--operator"),
        ("trade-quotes", "--accept"),
        ("trade-quotes", "--credential"),
        ("trade-server", "--database"),
        ("trade-server", "--credential"),
        ("trade-triggers", "--database"),
        ("trade-triggers", "--credential"),
        ("trade-web", "--nodes"),
        ("trade-web", "--database"),
        ("trade-web", "--credential"),
        ("trade-web", "--audit-credential"),
    ],
)
def test_what_must_be_given_is_missed_by_name(words: Words, name: str, missing: str) -> None:
    given = list(words.needed[name])
    where = given.index(missing)
    del given[where : where + 2]
    words.needed[name] = tuple(given)
    with pytest.raises(UsageError, match=f"{missing} must be given"):
        words.options(name)


ENDPOINTS = [
    ("legacy-quotes", "listen"),
    ("legacy-quotes", "control"),
    ("trade-audit", "listen"),
    ("trade-console", "listen"),
    ("trade-console", "audit"),
    ("trade-quotes", "listen"),
    ("trade-quotes", "legacy"),
    ("trade-quotes", "audit"),
    ("trade-server", "listen"),
    ("trade-server", "legacy"),
    ("trade-server", "audit"),
    ("trade-triggers", "listen"),
    ("trade-triggers", "legacy"),
    ("trade-triggers", "audit"),
    ("trade-web", "listen"),
    ("trade-web", "audit"),
]


@pytest.mark.parametrize(("name", "option"), ENDPOINTS)
@pytest.mark.parametrize("wrong", ["tcp", "tcp:there", "carrier-pigeon:1", ""])
def test_an_endpoint_that_is_none_is_refused_by_name(
    words: Words, name: str, option: str, wrong: str
) -> None:
    with pytest.raises(UsageError, match=f"--{option}: '{wrong}' is no endpoint"):
        words.options(name, f"--{option}={wrong}")


_RIGHT_CLIENTS = ("tcp:localhost:12345", "tls:localhost:12345")
_RIGHT_SERVERS = ("tcp:12345:interface=127.0.0.1", "tcp:12345:interface=\\:\\:1")


@pytest.mark.parametrize(("name", "option"), ENDPOINTS)
def test_any_kind_of_endpoint_may_be_given(words: Words, name: str, option: str) -> None:
    is_client = option in ("legacy", "audit")
    for right in _RIGHT_CLIENTS if is_client else _RIGHT_SERVERS:
        assert words.options(name, f"--{option}={right}")[option] == right
    assert words.options(name, f"--{option}=unix:/run/it")[option] == "unix:/run/it"


@pytest.mark.parametrize(
    ("name", "option"), [each for each in ENDPOINTS if each[1] in ("listen", "control")]
)
def test_a_port_that_lets_others_in_without_tls_must_be_wanted(
    words: Words, name: str, option: str
) -> None:
    with pytest.raises(UsageError, match=f"--{option}: .*without TLS.*say --plain-text"):
        words.options(name, f"--{option}=tcp:12345")
    words.options(name, f"--{option}=tcp:12345", "--plain-text")


@pytest.mark.parametrize("name", ["trade-server", "trade-triggers"])
def test_a_ledger_on_another_machine_is_reached_by_verified_tls(words: Words, name: str) -> None:
    far = "host=db.example.org dbname=ledger"
    for near in ("host=/run/postgresql", "host=127.0.0.1", "dbname=ledger"):
        words.options(name, f"--database={near}")
    with pytest.raises(UsageError, match="--database: .*sslmode=verify-full"):
        words.options(name, f"--database={far}")
    words.options(name, f"--database={far} sslmode=verify-full")
    words.options(name, f"--database={far}", "--plain-text")


@pytest.mark.parametrize(
    ("name", "option", "wrong"),
    [
        ("trade-server", "lanes", "0"),
        ("trade-server", "lanes", "17"),
        ("trade-server", "lanes", "two"),
        ("trade-server", "lanes", "1.5"),
        ("trade-web", "idle", "0"),
        ("trade-web", "idle", "never"),
        ("legacy-quotes", "step", "0"),
        ("legacy-quotes", "step", "nan"),
        ("legacy-quotes", "step", "86401"),
        ("legacy-quotes", "seed", "-1"),
        ("legacy-quotes", "seed", "x"),
        ("legacy-quotes", "delay", "soon"),
    ],
)
def test_a_number_that_is_none_or_out_of_range_is_refused_by_name(
    words: Words, name: str, option: str, wrong: str
) -> None:
    with pytest.raises(UsageError, match=f"--{option}: "):
        words.options(name, f"--{option}={wrong}")


def test_numbers_at_the_edge_of_their_range_are_taken(words: Words) -> None:
    assert words.options("trade-server", "--lanes=1")["lanes"] == 1
    assert words.options("trade-server", "--lanes=16")["lanes"] == 16
    assert words.options("legacy-quotes", "--step=0.001")["step"] == 0.001
    assert words.options("legacy-quotes", "--step=86400")["step"] == 86_400.0


@pytest.mark.parametrize(
    ("name", "option"),
    [("trade-audit", "accept"), ("trade-server", "credential"), ("trade-triggers", "credential")],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    words: Words, tmp_path: Path, name: str, option: str
) -> None:
    (tmp_path / "odd.json").write_text("[1]")
    for file in ("none.json", "odd.json"):
        with pytest.raises(UsageError, match=f"--{option}: .*{file}"):
            words.options(name, f"--{option}={tmp_path / file}")


@pytest.mark.parametrize(
    ("module", "name", "order"),
    [
        (
            trade_server,
            "trade-server",
            [
                *("port", "drain", "commands", "sessions", "audit records", "node", "prices"),
                *("store", "last security events", "security log"),
            ],
        ),
        (
            trade_triggers,
            "trade-triggers",
            [
                "port",
                "sessions",
                "standby",
                "triggers",
                "last audit records",
                "audit records",
                "prices",
                "store",
                "last security events",
                "security log",
            ],
        ),
        (
            trade_quotes,
            "trade-quotes",
            [
                *("port", "sessions", "last audit records", "audit records"),
                *("last security events", "security log"),
            ],
        ),
        (
            trade_web,
            "trade-web",
            ["port", "web", "threads", "last security events", "security log", "store"],
        ),
        (
            trade_audit,
            "trade-audit",
            [
                *("port", "requests", "connections"),
                *("last security events", "security log", "log", "threads"),
            ],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_service_ends_what_takes_work_in_before_what_the_work_needs(
    words: Words, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, order: list[str]
) -> None:
    """Steps are stopped in the reverse of their order."""
    stopped: list[str] = []

    def take_steps(
        _reactor: object,
        _options: DaemonOptions,
        _name: str,
        steps: list[Step],
        _address: Callable[[], str],
        _watch: Watch,
    ) -> None:
        stopped.extend(step.name for step in reversed(steps) if step.stop is not None)

    monkeypatch.setattr(module, "daemon_service", take_steps)
    module.makeService(words.options(name), reactor=MemoryReactorClock())
    assert stopped == order
