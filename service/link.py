"""What a server shows its service of a client, and what it asks of the service.

Imported from `service.server` by everybody else.
"""

from collections.abc import Sequence
from typing import Protocol

from protocol.authentication import AccessRole
from protocol.codec import Framed
from protocol.messages import Health, Message


class Link(Protocol):
    """A logged-in client, as a service sees it."""

    name: str
    role: AccessRole
    is_lost: bool
    is_congested: bool

    def reply(self, request_id: bytes, message: Message) -> None:
        """Answer a request for good."""

    def reply_framed(self, frames: Sequence[Framed]) -> None:
        """Answer some requests for good, a frame for each."""

    def push(self, request_id: bytes, message: Message) -> None:
        """Send a part of a streamed answer; the answer proper is still to come."""


class Service(Protocol):
    """What answers the requests of logged-in clients."""

    def request_received(self, link: Link, request_id: bytes, request: Message) -> None:
        """Take a request; the answer goes to `link.reply`, now or later."""

    def link_lost(self, link: Link) -> None:
        """The client is gone; what it asked for may still be carried out."""

    def congestion_changed(self, link: Link) -> None:
        """The client has begun, or ceased, to read more slowly than we write."""

    def health(self) -> Health:
        """Say whether the service can do its work."""
