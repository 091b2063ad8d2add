"""How the parts of a stack listen and reach each other: plainly on this machine, or by TLS.

Used by `daytrade.stack` and `daytrade.stack_services`. Addresses are plain ones like
`tcp:127.0.0.1:12100`; what is made of them here goes to the services as their options. The legacy
server, telnet and figures stay plain, on loopback.
"""

from collections.abc import Iterable

from daytrade.certificates import CertificateFolder
from protocol.authentication import AccessRole

PERSON = "administrator"
"""The certificate of whoever sits at this machine's console."""

_HOSTS = ("127.0.0.1", "localhost")
_ROLES = {
    PERSON: (AccessRole.ADMINISTRATOR, AccessRole.OPERATOR),
    "console": (AccessRole.ADMINISTRATOR, AccessRole.OPERATOR, AccessRole.NODE),
    "web": (AccessRole.WORKLOAD, AccessRole.ADMINISTRATOR, AccessRole.NODE),
}


def listening(address: str) -> str:
    """The plain server endpoint for a client endpoint on this machine."""
    _, host, port = address.split(":")
    return f"tcp:{port}:interface={host}:backlog=1024"


class Ways:
    """The ways of one stack.

    :param certificates: where they are; None: everything is plain.
    """

    def __init__(self, certificates: CertificateFolder | None) -> None:
        self.certificates = certificates

    def make_certificates(self, names: Iterable[str]) -> None:
        """Make what is missing, for these services and the person at the console."""
        if self.certificates is not None:
            for name in (*names, PERSON):
                kind = name.partition("-")[0]
                roles = _ROLES.get(kind, (AccessRole.NODE,))
                self.certificates.ensure(name, roles, _HOSTS)

    def listen(self, name: str, address: str, *, is_mutual: bool = True) -> str:
        """Where a service listens.

        :param is_mutual: clients need a certificate too.
        """
        if self.certificates is None:
            return listening(address)
        tls = "tls13:" + listening(address).removeprefix("tcp:") + self._own(name)
        return f"{tls}:clients={self.certificates.authority_path}" if is_mutual else tls

    def reach(self, name: str, address: str) -> str:
        """How a service, or a person, reaches another."""
        if self.certificates is None:
            return address
        roots = f":trustRoots={self.certificates.roots_path}"
        return "tls:" + address.removeprefix("tcp:") + roots + self._own(name)

    def _own(self, name: str) -> str:
        assert self.certificates is not None
        certificate = self.certificates.certificate_path(name)
        return f":certificate={certificate}:privateKey={self.certificates.key_path(name)}"
