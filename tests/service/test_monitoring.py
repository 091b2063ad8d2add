"""The HTTP port of a daemon: figures, whether it lives, whether it can work."""

from prometheus_client.parser import text_string_to_metric_families
from twisted.web.test.requesthelper import DummyRequest

from protocol.messages import Health
from service.figures import Figure
from service.monitoring import monitoring_site

FIGURES = [Figure("counter", "hits", "Hits.", lambda: 3)]


WELL = Health(True, "")


def get(path: str, health: Health = WELL) -> tuple[int, str]:
    """Ask for a page; return its status and text."""
    request = DummyRequest([part.encode() for part in path.split("/")])
    site = monitoring_site("node-1", FIGURES, lambda: health)
    written = site.resource.getChildWithDefault(request.postpath.pop(0), request).render(request)
    assert isinstance(written, bytes)
    return request.responseCode or 200, written.decode()


def test_the_figures_are_those_of_the_service_and_its_process() -> None:
    code, text = get("metrics")
    assert code == 200
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["hits"].samples[0].value == 3
    assert families["daytrade_up"].samples[0].labels == {"service": "node-1"}
    assert families["process_resident_memory_bytes"].samples[0].value > 0


def test_whoever_answers_is_alive_even_where_it_cannot_work() -> None:
    assert get("healthz", Health(False, "no ledger")) == (200, "ok\n")


def test_readiness_tells_why_not() -> None:
    assert get("readyz") == (200, "ok\n")
    assert get("readyz", Health(False, "no ledger")) == (503, "no ledger\n")
