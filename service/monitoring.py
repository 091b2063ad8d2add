"""The HTTP port of a daemon, for those who watch it: figures, and whether it is well.

Used by `service.daemon`. It tells nothing of any account and changes nothing, and it is meant for
loopback or a network of one's own.

    /metrics   the figures, as Prometheus reads them
    /healthz   200 as long as the process turns
    /readyz    200 when it can do its work, else 503 and why
"""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from twisted.web.http import SERVICE_UNAVAILABLE, Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from protocol.messages import Health
from service.figures import Figure, FigureCollector


class _Text(Resource):
    """A page of plain text."""

    isLeaf = True

    def _text(self, request: Request, text: str) -> bytes:
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        return f"{text}\n".encode()


class _Metrics(Resource):
    """The figures.

    prometheus_client has a resource of its own, which takes the global reactor and reads in a
    thread, while the reactor's thread is changing what is read.
    """

    isLeaf = True

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._registry = registry

    def render_GET(self, request: Request) -> bytes:
        """Tell everything, in the format that was asked for."""
        encode, content_type = choose_encoder(request.getHeader("accept") or "")
        request.setHeader(b"content-type", content_type.encode())
        return encode(self._registry)


class _Alive(_Text):
    def render_GET(self, request: Request) -> bytes:
        """Whoever can answer is alive."""
        return self._text(request, "ok")


class _Ready(_Text):
    def __init__(self, health: Callable[[], Health]) -> None:
        super().__init__()
        self._health = health

    def render_GET(self, request: Request) -> bytes:
        """Tell what the service says of itself."""
        health = self._health()
        if health.ready:
            return self._text(request, "ok")
        request.setResponseCode(SERVICE_UNAVAILABLE)
        return self._text(request, health.reason)


def registry_of(service: str, figures: Sequence[Figure]) -> CollectorRegistry:
    """Everything that one daemon tells: its own figures, the process's and Python's."""
    registry = CollectorRegistry()
    info = Figure("gauge", "daytrade_up", "Always 1; says which service.", lambda: {service: 1},
                  "service")  # fmt: skip
    registry.register(FigureCollector([info, *figures]))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


class _QuietSite(Site):
    noisy = False
    displayTracebacks = False

    def log(self, request: Request) -> None:
        """Being asked every few seconds is nothing to write down."""


def monitoring_site(service: str, figures: Sequence[Figure], health: Callable[[], Health]) -> Site:
    """The site of one daemon."""
    root = Resource()
    root.putChild(b"metrics", _Metrics(registry_of(service, figures)))
    root.putChild(b"healthz", _Alive())
    root.putChild(b"readyz", _Ready(health))
    return _QuietSite(root)
