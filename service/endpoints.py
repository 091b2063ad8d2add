"""Endpoints by description: Twisted's own, and TLS 1.3 for servers that may ask for certificates.

May be imported by everything above `protocol`. Besides what Twisted understands a server may be

    tls13:PORT:certificate=FILE:privateKey=FILE[:clients=FILE][:interface=HOST][:backlog=N]

where `clients` names the authority that every client must have a certificate of. For clients
Twisted's `tls:HOST:PORT:trustRoots=FOLDER[:certificate=FILE:privateKey=FILE]` is the other end.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    TLSVersion,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

_COLON = re.compile(r"(?<!\\):")
_OURS = ("certificate", "privateKey", "clients")


class BadEndpoint(ValueError):
    """A description names no endpoint, or one that may not be used; the message says why."""


def client_endpoint(reactor: Any, description: str) -> IStreamClientEndpoint:
    """The endpoint of a description like `tcp:127.0.0.1:12000`; raises `BadEndpoint`."""
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, description)
    except (ValueError, TypeError, OSError, SSL.Error, crypto.Error) as error:
        raise BadEndpoint(f"{description!r} is no endpoint: {error}") from None
    return endpoint


def server_endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """The endpoint to listen on; raises `BadEndpoint`."""
    try:
        if description.startswith("tls13:"):
            return _tls_endpoint(reactor, description)
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except (ValueError, TypeError, KeyError, OSError, SSL.Error, crypto.Error) as error:
        raise BadEndpoint(f"{description!r} is no endpoint: {error}") from None
    return endpoint


def is_open_to_others(description: str) -> bool:
    """Tell whether plain text may leave the machine through an endpoint to listen on."""
    kind, *parts = _COLON.split(description)
    if kind not in ("tcp", "tcp6"):
        return False
    named = dict(part.partition("=")[::2] for part in parts)
    return not is_this_machine(named.get("interface", "").replace("\\", ""))


def is_this_machine(host: str) -> bool:
    """Tell whether a host's name or address is the machine's own loopback."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls_endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    parts = _COLON.split(description)[1:]
    files = {}
    plain = ["tcp"]
    for part in parts:
        name, equals, value = part.partition("=")
        if equals and name in _OURS:
            files[name] = Path(value.replace("\\:", ":"))
        else:
            plain.append(part)
    for name in _OURS[:2]:
        if name not in files:
            raise ValueError(f"{name}= is missing")
    options = server_options(files["certificate"], files["privateKey"], files.get("clients"))
    return _TLSEndpoint(serverFromString(reactor, ":".join(plain)), options)


def server_options(
    certificate: Path, private_key: Path, clients: Path | None = None
) -> CertificateOptions:
    """TLS 1.3 alone, for a server.

    :param clients: certificates of the authorities that clients must have one of; None: clients
        need no certificate.
    """
    own = crypto.load_certificate(crypto.FILETYPE_PEM, certificate.read_bytes())
    key = crypto.load_privatekey(crypto.FILETYPE_PEM, private_key.read_bytes())
    trusted = None if clients is None else [Certificate.loadPEM(clients.read_bytes())]
    return CertificateOptions(
        privateKey=key,
        certificate=own,
        trustRoot=None if trusted is None else trustRootFromCertificates(trusted),
        raiseMinimumTo=TLSVersion.TLSv1_3,
    )


@implementer(IStreamServerEndpoint)
class _TLSEndpoint:
    """TLS over another endpoint."""

    def __init__(self, endpoint: IStreamServerEndpoint, options: CertificateOptions) -> None:
        self._endpoint = endpoint
        self._options = options

    def listen(self, protocolFactory: IProtocolFactory) -> "Deferred[IListeningPort]":
        """Listen, and let everybody in by TLS."""
        return self._endpoint.listen(TLSMemoryBIOFactory(self._options, False, protocolFactory))


def certified_roles(transport: Any) -> frozenset[str] | None:
    """The roles that a peer's certificate allows, by its organizational units.

    None where there is no certificate, or no TLS.
    """
    peer = getattr(transport, "getPeerCertificate", lambda: None)()
    if peer is None:
        return None
    subject: x509.Name = peer.to_cryptography().subject
    units = subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return frozenset(str(unit.value) for unit in units)
