"""Endpoints by description: TLS 1.3 with certificates, and what would let plain text out."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory

from daytrade.certificates import CertificateFolder
from protocol.authentication import AccessRole
from service.endpoints import (
    BadEndpoint,
    certified_roles,
    client_endpoint,
    is_open_to_others,
    server_endpoint,
    server_options,
)
from tests.service.links import outcome_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> CertificateFolder:
    """Certificates of a server and of two clients, and of a stranger by another authority."""
    path = tmp_path_factory.mktemp("tls")
    folder = CertificateFolder(path)
    folder.ensure("audit", [AccessRole.NODE], ["127.0.0.1"])
    folder.ensure("node-1", [AccessRole.NODE], ["127.0.0.1"])
    folder.ensure("console", [AccessRole.OPERATOR, AccessRole.ADMINISTRATOR], ["127.0.0.1"])
    CertificateFolder(path / "other").ensure("node-1", [AccessRole.NODE], ["127.0.0.1"])
    return folder


def description(folder: CertificateFolder, *more: str) -> str:
    certificate, key = folder.certificate_path("audit"), folder.key_path("audit")
    return ":".join(["tls13", "12200", f"certificate={certificate}", f"privateKey={key}", *more])


def handshake(server: Any, client: SSL.Context) -> tuple[SSL.Connection, SSL.Connection]:
    """Let two ends of TLS talk in memory until both are done; raises `SSL.Error`."""
    ends = (SSL.Connection(server, None), SSL.Connection(client, None))
    ends[0].set_accept_state()
    ends[1].set_connect_state()
    for _ in range(6):
        for end, other in (ends[::-1], ends):
            with contextlib.suppress(SSL.WantReadError):
                end.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(end.bio_read(1 << 16))
    for end in ends:
        end.do_handshake()
    # In TLS 1.3 a client learns of a refusal of its certificate when it reads.
    ends[1].send(b"hello")
    ends[0].bio_write(ends[1].bio_read(1 << 16))
    assert ends[0].recv(5) == b"hello"
    return ends


def client_context(folder: CertificateFolder | None, name: str = "node-1") -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    if folder is not None:
        context.use_certificate_file(str(folder.certificate_path(name)))
        context.use_privatekey_file(str(folder.key_path(name)))
    return context


def test_a_server_listens_by_tls_on_what_the_description_says(folder: CertificateFolder) -> None:
    reactor = MemoryReactorClock()
    endpoint = server_endpoint(reactor, description(folder, "interface=127.0.0.1", "backlog=7"))
    outcome_of(endpoint.listen(Factory()))
    ((port, factory, backlog, interface),) = reactor.tcpServers
    assert (port, backlog, interface) == (12200, 7, "127.0.0.1")
    assert isinstance(factory, TLSMemoryBIOFactory)


@pytest.mark.parametrize(
    "wrong",
    [
        "tls13:12200",
        "tls13:12200:certificate=/nonexistent:privateKey=/nonexistent",
        "tls13:port:interface=127.0.0.1",
        "carrier-pigeon:1",
    ],
)
def test_what_names_no_endpoint_is_told(wrong: str) -> None:
    with pytest.raises(BadEndpoint, match="is no endpoint"):
        server_endpoint(MemoryReactorClock(), wrong)


def test_a_client_endpoint_that_is_none_is_told() -> None:
    with pytest.raises(BadEndpoint, match="is no endpoint"):
        client_endpoint(MemoryReactorClock(), "tls:127.0.0.1:1:certificate=/nonexistent")


class TestMutualTLS:
    def options(self, folder: CertificateFolder) -> Any:
        paths = folder.certificate_path("audit"), folder.key_path("audit")
        return server_options(*paths, folder.authority_path).getContext()

    def test_a_client_of_the_same_authority_is_let_in_with_its_roles(
        self, folder: CertificateFolder
    ) -> None:
        class Transport:
            def __init__(self, end: SSL.Connection) -> None:
                self.getPeerCertificate = end.get_peer_certificate

        for name, roles in (
            ("node-1", frozenset({"node"})),
            ("console", frozenset({"operator", "administrator"})),
        ):
            server, _ = handshake(self.options(folder), client_context(folder, name))
            assert certified_roles(Transport(server)) == roles

    def test_strangers_are_not(self, folder: CertificateFolder) -> None:
        for stranger in (None, CertificateFolder(folder.path / "other")):
            with pytest.raises(SSL.Error):
                handshake(self.options(folder), client_context(stranger))

    def test_older_tls_is_not(self, folder: CertificateFolder) -> None:
        context = client_context(folder)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        with pytest.raises(SSL.Error):
            handshake(self.options(folder), context)

    def test_where_clients_need_none_they_may_have_none(self, folder: CertificateFolder) -> None:
        options = server_options(folder.certificate_path("audit"), folder.key_path("audit"))
        server, _ = handshake(options.getContext(), client_context(None))
        assert server.get_peer_certificate() is None


def test_a_peer_without_tls_has_no_certified_roles() -> None:
    assert certified_roles(object()) is None


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("tcp:12100", True),
        ("tcp:12100:interface=0.0.0.0", True),
        ("tcp:12100:interface=192.0.2.1", True),
        ("tcp6:12100:interface=\\:\\:", True),
        ("tcp:12100:interface=127.0.0.1", False),
        ("tcp:12100:interface=\\:\\:1:backlog=5", False),
        ("tcp:12100:interface=localhost", False),
        ("tls13:12100:certificate=a:privateKey=b", False),
        ("unix:/run/daytrade.sock", False),
    ],
)
def test_plain_text_that_would_leave_the_machine_is_noticed(text: str, is_open: bool) -> None:
    assert is_open_to_others(text) is is_open


def test_the_key_is_for_its_owner_alone_and_nothing_is_made_twice(
    folder: CertificateFolder, tmp_path: Path
) -> None:
    for path in folder.path.glob("*.key"):
        assert path.stat().st_mode & 0o077 == 0
    before = folder.certificate_path("audit").read_bytes()
    assert not folder.ensure("audit", [AccessRole.NODE], ["127.0.0.1"])
    assert folder.certificate_path("audit").read_bytes() == before
