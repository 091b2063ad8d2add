"""The JSON API on a real stack: the program in the documentation trades."""

import http.cookiejar
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener
from uuid import uuid4

import pytest

from tests.e2e.stack import COMMAND_S_MAX, RunningStack
from tests.source_tree import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

PASSWORD = "correct horse 9"


def sign_up(site: str) -> str:
    """Sign up as a browser without a script does; returns the user's name."""
    browser = build_opener(HTTPCookieProcessor(http.cookiejar.CookieJar()))
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
