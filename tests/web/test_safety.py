"""What every answer bears, and what is refused that our own pages did not send."""

import pytest

from tests.web.premises import Browser, Premises
from web.assembly import WebSettings
from web.gate import SAFETY_HEADERS
from web.visit import Door, Route

TLS = WebSettings(is_secure=True, origin="https://trade.test")


def filled(route: Route) -> str:
    """A path that leads to the route."""
    return route.path.replace("{name}", "ann")


def every_answer(premises: Premises, browser: Browser) -> list[tuple[str, object]]:
    """An answer of each route there is, and of some that are none."""
    answers: list[tuple[str, object]] = []
    for route in premises.web.gate.routes:
        method, path = route.method, filled(route)
        answers.append((f"{method} {path}", browser.send(method, path, b"", {})))
    for method, path in (("GET", "/none"), ("PUT", "/"), ("GET", "/api/v1/none"), ("GET", "/..")):
        answers.append((f"{method} {path}", browser.send(method, path, b"", {})))
    return answers


@pytest.mark.parametrize("is_secure", [False, True])
def test_every_answer_has_every_safety_header(is_secure: bool) -> None:
    premises = Premises(settings=TLS if is_secure else WebSettings())
    for browser in (premises.browser(), premises.browser()):
        for where, answer in every_answer(premises, browser):
            for name, value in SAFETY_HEADERS.items():
                assert answer[name.lower()] == value, where  # type: ignore[index]
            strict = answer["strict-transport-security"]  # type: ignore[index]
            assert bool(strict) is is_secure, where


def test_scripts_and_styles_may_come_from_our_own_files_alone() -> None:
    policy = SAFETY_HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert "unsafe" not in policy and "*" not in policy
    for name in ("base-uri", "frame-ancestors", "object-src"):
        assert f"{name} 'none'" in policy


def test_no_page_holds_a_script_or_style_of_its_own(premises: Premises) -> None:
    ann = premises.user("ann")
    ann.command("BUY", symbol="ABC", amount="100")
    for path in ("/", "/history", "/account", "/api", "/password"):
        text = ann.get(path).text
        assert "<style" not in text and " style=" not in text and " on" + "click" not in text
        assert text.count("<script") == 1 and '<script src="/static/app.' in text


def test_private_pages_are_never_kept_and_static_files_for_ever(premises: Premises) -> None:
    ann = premises.user("ann")
    page = ann.get("/")
    assert page["cache-control"] == "no-store"
    assert ann.send("POST", "/api/v1/display-summary", b"", {})["cache-control"] == "no-store"
    style = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    sheet = ann.get(style)
    assert sheet.status == 200 and "immutable" in sheet["cache-control"]
    assert ann.get("/static/app.css").status == 404


def test_no_path_leads_out_of_the_static_files(premises: Premises) -> None:
    for path in ("/static/../gate.py", "/static/%2e%2e%2fgate.py", "/static//etc/passwd"):
        assert premises.browser().get(path).status == 404


@pytest.mark.parametrize(
    ("settings", "names", "marks"),
    [
        (WebSettings(), ["daytrade-form", "daytrade-sid"], {"HttpOnly", "SameSite=Lax"}),
        (TLS, ["__Host-form", "__Host-sid"], {"HttpOnly", "SameSite=Lax", "Secure"}),
    ],
    ids=["loopback", "TLS"],
)
def test_cookies_are_out_of_reach_for_scripts_and_other_sites(
    settings: WebSettings, names: list[str], marks: set[str]
) -> None:
    premises = Premises(settings=settings)
    browser = premises.browser()
    browser.origin = settings.origin or browser.origin
    cookies = browser.get("/sign-up").all("set-cookie")
    cookies += browser.sign_up("ann").all("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == names
    for cookie in cookies:
        parts = cookie.split("; ")
        assert marks <= set(parts) and "Path=/" in parts
        assert not any(part.startswith("Domain") for part in parts)
        assert "1000" not in cookie and "ann" not in cookie


def posts(premises: Premises) -> list[Route]:
    """Every route that changes something by a form."""
    return [
        route
        for route in premises.web.gate.routes
        if route.method == "POST" and not route.door.is_api
    ]


def test_nothing_is_changed_by_looking(premises: Premises) -> None:
    ann = premises.user("ann")
    for route in posts(premises):
        if route.path not in ("/log-in", "/sign-up", "/password"):
            assert ann.get(filled(route)).status == 405


@pytest.mark.parametrize("csrf", ["", "0" * 64, "ä"], ids=["missing", "forged", "odd"])
def test_a_form_without_our_secret_is_refused_everywhere(premises: Premises, csrf: str) -> None:
    ann = premises.user("ann")
    seq = premises.house.account("ann").seq
    for route in posts(premises):
        reply = ann.post(filled(route), {"csrf": csrf, "command": "ADD", "amount": "5"})
        assert (reply.status, "6103" in reply.text) == (403, True), route.path
    assert premises.house.account("ann").seq == seq


def test_the_secret_of_another_user_is_not_ours(premises: Premises) -> None:
    ann, bob = premises.user("ann"), premises.user("bob")
    stolen = bob.get("/").field("csrf")
    form = {"csrf": stolen, "command": "ADD", "amount": "5"}
    assert ann.post("/command", form).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://trade.test.evil.test"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused_everywhere(
    premises: Premises, headers: dict[str, str]
) -> None:
    ann = premises.user("ann")
    for route in posts(premises):
        ann.get("/")
        reply = ann.post(filled(route), {"command": "ADD", "amount": "5"}, **headers)
        assert reply.status == 403, route.path


def test_a_program_cannot_be_called_with_a_browsers_cookie(premises: Premises) -> None:
    """So no other site can make a browser trade for it."""
    ann = premises.user("ann")
    for route in premises.web.gate.routes:
        if route.door is Door.API:
            reply = ann.send(route.method, filled(route), b'{"amount": "5"}', {})
            assert (reply.status, reply["content-type"]) == (401, "application/problem+json")


def test_what_breaks_inside_is_told_without_a_word_of_it(
    premises: Premises, failures: list[str]
) -> None:
    async def broken(*_arguments: object) -> None:
        raise RuntimeError("secret detail")

    premises.store.user = broken  # type: ignore[method-assign,assignment]
    reply = premises.browser().log_in("ann")
    assert reply.status == 500 and "secret detail" not in reply.text
    assert failures == ["secret detail"]
    failures.clear()
