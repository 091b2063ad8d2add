"""What is counted where browsers and programs are answered.

Used by `twistd_plugins.trade_web`.
"""

from service.figures import Figure
from web.assembly import WebAssembly
from web.site import LimitedSite


def web_figures(web: WebAssembly, site: LimitedSite) -> list[Figure]:
    """The figures of one web client."""
    return [
        Figure("counter", "daytrade_web_requests", "Requests answered, by HTTP status.",
               lambda: {str(status): count for status, count in web.gate.answered.items()},
               "status"),
        Figure("gauge", "daytrade_web_connections", "Connections that are open.",
               lambda: site.connections),
        Figure("gauge", "daytrade_web_pages", "Pages that are open and told of changes.",
               lambda: web.watches.pages),
        Figure("gauge", "daytrade_web_passwords_waiting", "Passwords that are being hashed.",
               lambda: web.hashing.waiting),
        Figure("gauge", "daytrade_web_nodes_up", "Nodes that take commands.",
               lambda: sum(node.is_up for node in web.nodes.lines())),
    ]  # fmt: skip
