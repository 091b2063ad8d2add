"""What the tests of the service share: a server, and the project's own client of it."""

import pytest

from service.client import ClientProtocol
from tests.service.premises import Caller, ServerInMemory


@pytest.fixture
def server() -> ServerInMemory:
    """A server with nobody connected."""
    return ServerInMemory()


@pytest.fixture
def caller(server: ServerInMemory) -> Caller:
    """A logged-in client that says what the test wants."""
    return server.logged_in()


@pytest.fixture
def client(server: ServerInMemory) -> ClientProtocol:
    """The project's own client, logged in."""
    return server.client()
