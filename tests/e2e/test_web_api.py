"""The JSON API on a real stack: the program in the documentation trades."""

import re
import ssl
import subprocess
import sys
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPSHandler, build_opener, urlopen
from uuid import uuid4

import pytest

from tests.e2e.stack import COMMAND_S_MAX, RunningStack, running_stack
from tests.source_tree import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

PASSWORD = "correct horse 9"


def sign_up(site: str, jar: CookieJar | None = None, tls: ssl.SSLContext | None = None) -> str:
    """Sign up as a browser without a script does; returns the user's name."""
    browser = build_opener(HTTPCookieProcessor(jar), HTTPSHandler(context=tls))
    page = browser.open(f"{site}/sign-up").read().decode()
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found is not None
    user = f"user-{uuid4().hex[:12]}"
    form = {"csrf": found[1], "name": user, "password": PASSWORD, "again": PASSWORD}
    encoded = urlencode({**form, "amount": "1000.00"}).encode()
    assert b"$1,000.00" in browser.open(f"{site}/sign-up", encoded).read()
    return user


def test_the_program_of_the_documentation_trades(stack: RunningStack, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "web.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    program = tmp_path / "trade.py"
    program.write_text(code)
    stack.tell_double("price ABC 20.00")
    site = stack.addresses["web-1"]
    done = subprocess.run(
        [sys.executable, program, f"{site}/api/v1", sign_up(site), PASSWORD],
        capture_output=True,
        text=True,
        timeout=COMMAND_S_MAX,
        check=False,
    )
    assert re.fullmatch(r"bought \d+ ABC at \d+\.\d\d\n", done.stdout), done.stderr


def test_over_tls_cookies_are_secure_and_the_browser_is_told_to_stay_there(
    directory: Path,
) -> None:
    """The nodes and the audit daemon are reached by TLS too, with the web's own certificate."""
    with running_stack(directory, "--tls", nodes=1) as stack:
        site, jar = stack.addresses["web-1"], CookieJar()
        assert site.startswith("https://")
        roots = stack.data / "tls" / "roots" / "ca.pem"
        tls = ssl.create_default_context(cafile=str(roots))
        sign_up(site, jar, tls)
        assert {cookie.name: cookie.secure for cookie in jar} == {
            "__Host-form": True,
            "__Host-sid": True,
        }
        with urlopen(f"{site}/log-in", context=tls) as page:
            assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        with pytest.raises(OSError):
            urlopen(site.replace("https", "http"))
