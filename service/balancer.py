"""Which of several servers serves which key: nodes their users, proxies their symbols.

May be imported by everything above `protocol`. Pure: whoever watches the nodes calls `mark_down`
and `mark_up`. Invariant: while the same nodes are healthy a user has the same node, in every
process, and a node that fails moves its own users only.

Rendezvous hashing: each node's claim on a user is a hash of both names, and the healthy node with
the highest claim wins.
"""

from collections.abc import Iterable
from hashlib import blake2b


class Balancer:
    """Spreads users over named nodes; all are healthy at first."""

    __slots__ = ("_healthy", "_nodes")

    def __init__(self, nodes: Iterable[str]) -> None:
        self._nodes = frozenset(nodes)
        self._healthy = self._nodes

    @property
    def healthy(self) -> frozenset[str]:
        """The nodes that users are sent to."""
        return self._healthy

    def node_for(self, user: str) -> str | None:
        """Return the node that serves the user, or None while no node is healthy."""
        return max(self._healthy, key=lambda node: _claim(node, user), default=None)

    def mark_down(self, node: str) -> None:
        """Send the node's users elsewhere; raises KeyError for a node that is not one of ours."""
        self._check(node)
        self._healthy -= {node}

    def mark_up(self, node: str) -> None:
        """Send the node's users back to it; raises KeyError for a node that is not one of ours."""
        self._check(node)
        self._healthy |= {node}

    def _check(self, node: str) -> None:
        if node not in self._nodes:
            raise KeyError(node)


def _claim(node: str, user: str) -> bytes:
    # The lengths keep two pairs of names that read alike in a row apart.
    return blake2b(f"{len(node)}:{node}{user}".encode(), digest_size=16).digest()
