"""A private authority and certificates of its making, for TLS among the services of one system.

Used by `daytrade certs` and by the stack. What is there already is kept, so that it can be run
again for one service more.

    ca.pem, ca.key            the authority; whoever has the key can be anybody
    roots/ca.pem              what `trustRoots=` of a client's endpoint names
    NAME.pem, NAME.key        a service, or a person at the console, and what it may log in as
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from protocol.authentication import AccessRole

AUTHORITY_DAYS = 3_650
CERTIFICATE_DAYS = 365
_SLACK = timedelta(minutes=5)
"""Clocks of other machines may be a little behind."""


class CertificateFolder:
    """The folder that holds an authority and what it has signed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.authority_path = path / "ca.pem"
        self.roots_path = path / "roots"

    def certificate_path(self, name: str) -> Path:
        """The certificate of a service."""
        return self.path / f"{name}.pem"

    def key_path(self, name: str) -> Path:
        """The private key of a service."""
        return self.path / f"{name}.key"

    def ensure(self, name: str, roles: Sequence[AccessRole], hosts: Sequence[str]) -> bool:
        """Make a certificate, and the authority if there is none; False if it is there already.

        :param roles: what the holder may log in as.
        :param hosts: names and addresses at which it can be reached.
        """
        if self.certificate_path(name).exists():
            return False
        authority, authority_key = self._ensure_authority()
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, roles, hosts, key, authority, authority_key)
        _write(self.key_path(name), _pem_of_key(key), 0o600)
        _write(self.certificate_path(name), _pem(certificate), 0o644)
        return True

    def _ensure_authority(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key_path = self.path / "ca.key"
        if not self.authority_path.exists():
            self.roots_path.mkdir(parents=True, exist_ok=True)
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = _authority(key)
            _write(key_path, _pem_of_key(key), 0o600)
            _write(self.authority_path, _pem(certificate), 0o644)
            _write(self.roots_path / "ca.pem", _pem(certificate), 0o644)
        loaded = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        return x509.load_pem_x509_certificate(self.authority_path.read_bytes()), loaded


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DayTrade private authority")])
    return (
        _unsigned(name, name, key, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(may_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    name: str,
    roles: Sequence[AccessRole],
    hosts: Sequence[str],
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    units = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role.value) for role in roles]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), *units])
    both_ends = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name), *map(_host, hosts)])
    return (
        _unsigned(subject, authority.subject, key, CERTIFICATE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(may_sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both_ends), critical=False)
        .add_extension(alternatives, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, may_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not may_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=may_sign,
        crl_sign=may_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
