"""Parts that several of the plugins are put together from.

Used by `twistd_plugins` alone.
"""

from pathlib import Path
from random import Random
from typing import Any

from twisted.python import usage

from quote_proxy.legacy_client import LegacyQuoteClient
from service.credentials import Credential, CredentialsError, read_credential
from service.daemon import client_endpoint
from service.time import wall_ms


def legacy_client(reactor: Any, description: str) -> LegacyQuoteClient:
    """A client of the legacy quote server at this endpoint."""
    endpoint = client_endpoint(reactor, description)
    return LegacyQuoteClient(reactor, endpoint, wall_ms=wall_ms, random=Random())


def credential_option(path: Path) -> Credential:
    """The credential in a file named on the command line; raises `usage.UsageError`."""
    try:
        return read_credential(path)
    except CredentialsError as error:
        raise usage.UsageError(f"--credential: {error}") from None
