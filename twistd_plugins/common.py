"""Parts that several of the plugins are put together from.

Used by `twistd_plugins` alone.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn
from twisted.python import usage

from quote_proxy.legacy_client import LegacyQuoteClient
from service.credentials import (
    Credential,
    CredentialsError,
    FixedVerifiers,
    read_accept_file,
    read_credential,
)
from service.daemon import DaemonOptions, client_endpoint, server_endpoint
from service.endpoints import is_open_to_others, is_this_machine
from service.time import wall_ms

N = TypeVar("N", int, float)


def number_within(name: str, lowest: N, highest: N) -> Callable[[str], N]:
    """Read an option's number, of the type of its limits, and refuse one outside them."""

    def read(text: str) -> N:
        try:
            number = type(lowest)(text)
        except ValueError:
            number = None
        if number is None or not lowest <= number <= highest:
            raise ValueError(f"--{name}: write a number from {lowest} to {highest}")
        return number

    return read


def check_endpoints(
    options: DaemonOptions, *, clients: tuple[str, ...] = (), servers: tuple[str, ...] = ()
) -> None:
    """Raise `usage.UsageError` for the first of these options that describes no endpoint.

    twistd shows a usage error only while it reads the options: later it would be a traceback.
    """
    # To look at a description no reactor is needed, but Twisted warns of its lack for TLS.
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        for name in clients + servers:
            try:
                if name in clients:
                    client_endpoint(None, options[name])
                else:
                    server_endpoint(None, options[name])
                    _check_openness(options, name)
            except usage.UsageError as error:
                raise usage.UsageError(f"--{name}: {error}") from None


def _check_openness(options: DaemonOptions, name: str) -> None:
    if is_open_to_others(options[name]) and not options["plain-text"]:
        raise usage.UsageError(
            f"{options[name]!r} would let others in without TLS: listen on 127.0.0.1, use "
            "tls13:, or say --plain-text"
        )


def database_option(options: DaemonOptions) -> str:
    """The DSN of --database; raises `usage.UsageError` where the way there could be read."""
    dsn = options.required("database")
    try:
        known = parse_dsn(dsn)
    except ProgrammingError as error:
        raise usage.UsageError(f"--database: {str(error).strip()}") from None
    hosts = (known.get("hostaddr") or known.get("host") or "").split(",")
    is_near = all(not host or host.startswith("/") or is_this_machine(host) for host in hosts)
    is_safe = is_near or known.get("sslmode") == "verify-full"
    if not is_safe and not options["plain-text"]:
        raise usage.UsageError(
            "--database: another machine is reached with sslmode=verify-full, or say --plain-text"
        )
    return dsn


def legacy_client(reactor: Any, description: str) -> LegacyQuoteClient:
    """A client of the legacy quote server at this endpoint."""
    endpoint = client_endpoint(reactor, description)
    return LegacyQuoteClient(reactor, endpoint, wall_ms=wall_ms, random=Random())


def accept_option(path: Path) -> FixedVerifiers:
    """Who may log in, from a file named on the command line; raises `usage.UsageError`."""
    try:
        return read_accept_file(path)
    except CredentialsError as error:
        raise usage.UsageError(f"--accept: {error}") from None


def credential_option(path: Path, name: str = "credential") -> Credential:
    """The credential in a file named by an option; raises `usage.UsageError`."""
    try:
        return read_credential(path)
    except CredentialsError as error:
        raise usage.UsageError(f"--{name}: {error}") from None


def named_endpoints(reactor: Any, option: str, description: str) -> dict[str, Any]:
    """The endpoints of an option like NAME=ENDPOINT,...; raises `usage.UsageError`."""
    endpoints = {}
    for part in filter(None, description.split(",")):
        name, equals, endpoint = part.partition("=")
        if not equals or not name:
            raise usage.UsageError(f"--{option}: {part!r} is not NAME=ENDPOINT")
        endpoints[name] = client_endpoint(reactor, endpoint)
    return endpoints
