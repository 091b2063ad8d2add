"""Script and SQL in every field, by page and by API: each is refused or told as the text it is."""

import msgspec
import pytest

from tests.web.premises import PASSWORD, Browser, Premises, Response
from web.commands import FORMS

SCRIPT = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
]
SQL = [
    "' OR '1'='1",
    "'; DROP TABLE account; --",
    "1; SELECT pg_sleep(10)",
    "%s %(name)s",
    "\\'; --",
]
ODD = ["\0", "a\r\nSet-Cookie: x=y", "\ud7ff", "😀" * 50, "-" * 300]
ALL = SCRIPT + SQL + ODD


def assert_is_harmless(reply: Response, text: str) -> None:
    """What came in is nowhere in the answer as markup, nor as a header."""
    assert reply.status < 500
    assert "x=y" not in "".join(reply.all("set-cookie"))
    if text in SCRIPT[:2]:
        assert text not in reply.text
    assert "49" not in reply.words("notice")


@pytest.fixture
def ann(premises: Premises) -> Browser:
    return premises.user("ann")


@pytest.mark.parametrize("text", ALL)
def test_a_text_in_any_field_of_any_command_changes_nothing_but_the_journal(
    premises: Premises, ann: Browser, text: str
) -> None:
    ann.get("/")
    for form in FORMS.values():
        for field in (*form.fields, "command"):
            fields = {"command": form.name, "symbol": "ABC", "amount": "1", "key": "k", field: text}
            assert_is_harmless(ann.post("/command", fields), text)
    quote = {"command": "QUOTE", "symbol": "ABC", "key": text}
    assert_is_harmless(ann.post("/command", quote), text)
    ticket = {"side": text, "symbol": text, "amount": text}
    assert_is_harmless(ann.post("/ticket", ticket), text)
    account = premises.house.account("ann")
    assert account.cash_cents + account.reserve_cents == 1000_00


@pytest.mark.parametrize("text", ALL)
def test_a_text_in_any_field_of_log_in_and_sign_up_is_told_as_a_text(
    premises: Premises, text: str
) -> None:
    browser = premises.browser()
    for path in ("/log-in", "/sign-up"):
        for field in ("name", "password", "amount", "again", "remember"):
            form = {
                "name": "eve",
                "password": "guess",
                "again": "guess",
                "amount": "1",
                field: text,
            }
            browser.get(path)
            assert_is_harmless(browser.post(path, form), text)


@pytest.mark.parametrize("text", ALL)
def test_a_text_in_any_part_of_an_address_is_told_as_a_text(ann: Browser, text: str) -> None:
    from urllib.parse import quote, urlencode

    for path in ("/", "/history", "/admin"):
        for name in ("symbol", "seq", "kind", "before", "side", "after", text):
            assert_is_harmless(ann.get(f"{path}?{urlencode({name: text})}"), text)
    assert_is_harmless(ann.get(f"/admin/users/{quote(text, safe='')}"), text)
    assert_is_harmless(ann.get(f"/{quote(text, safe='')}"), text)


@pytest.mark.parametrize("text", ALL)
def test_a_text_in_any_field_of_the_api_is_refused_with_a_code(
    premises: Premises, ann: Browser, text: str
) -> None:
    login = msgspec.json.encode({"name": "ann", "password": PASSWORD})
    token = msgspec.json.decode(ann.send("POST", "/api/v1/token", login, {}).body)["token"]
    for form in FORMS.values():
        for field in form.fields:
            body = msgspec.json.encode({"symbol": "ABC", "amount": "1", field: text})
            reply = ann.send(
                "POST", f"/api/v1/{form.path}", body, {"Authorization": f"Bearer {token}"}
            )
            assert 400 <= reply.status < 500
            assert msgspec.json.decode(reply.body)["code"] in (1105, 2003)
    for name, password in ((text, PASSWORD), ("ann", text)):
        body = msgspec.json.encode({"name": name, "password": password})
        assert ann.send("POST", "/api/v1/token", body, {}).status in (401, 429)
    assert premises.house.account("ann").cash_cents == 1000_00


def test_no_template_trusts_what_it_is_given() -> None:
    from importlib import resources

    folder = resources.files("web") / "templates"
    files = [*folder.iterdir(), *(folder / "regions").iterdir()]
    texts = [file.read_text() for file in files if file.is_file()]
    assert len(texts) > 15
    for text in texts:
        assert "|safe" not in text.replace(" ", "") and "autoescape" not in text
