"""What Prometheus is told of the web."""

from tests.web.premises import Premises
from tests.web.test_live import OpenPage
from web.figures import web_figures


def told(premises: Premises) -> dict[str, object]:
    """All figures by name."""
    figures = web_figures(premises.web, premises.site)
    return {figure.name.removeprefix("daytrade_web_"): figure.values() for figure in figures}


def test_requests_are_counted_by_how_they_were_answered(premises: Premises) -> None:
    ann = premises.user("ann")
    ann.get("/")
    ann.get("/none")
    requests = told(premises)["requests"]
    assert requests == {"200": 2, "303": 1, "404": 1}


def test_open_pages_and_nodes_are_told(premises: Premises) -> None:
    OpenPage(premises.user("ann"))
    figures = told(premises)
    assert (figures["pages"], figures["connections"]) == ({"": 1}, {"": 1})
    assert (figures["nodes_up"], figures["passwords_waiting"]) == ({"": 1}, {"": 0})
