"""The API's description is whole, and tells the routes that there are."""

from tests.web.premises import Premises
from web.openapi import API, description
from web.visit import Door


def references(value: object) -> set[str]:
    """Everything that the description refers to."""
    if isinstance(value, list):
        return set().union(*map(references, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(references, value.values()))


def test_each_route_is_described_and_nothing_else(premises: Premises) -> None:
    described = {
        (method.upper(), API + path)
        for path, methods in description()["paths"].items()
        for method in methods
    }
    routes = {
        (route.method, route.path)
        for route in premises.web.gate.routes
        if route.door in (Door.API, Door.API_OPEN) and not route.path.endswith(".json")
    }
    assert described == routes


def test_whatever_is_referred_to_is_there() -> None:
    schemas = description()["components"]["schemas"]
    assert references(description()) == {f"#/components/schemas/{name}" for name in schemas}


def test_it_is_served_to_programs_and_shown_to_people(premises: Premises) -> None:
    browser = premises.browser()
    assert browser.get(f"{API}/openapi.json")["content-type"] == "application/json"
    page = browser.get("/api").text
    for path in description()["paths"]:
        assert f"{API}{path}" in page
