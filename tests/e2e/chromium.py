"""A headless Chromium, driven as a person would: Debian's own, skipped where there is none.

For the end-to-end tests only. Screenshots are kept in `build/screenshots`.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from axe_core_python.selenium import Axe
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.source_tree import ROOT

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WAIT_S_MAX = 15.0
SCREENSHOTS = ROOT / "build" / "screenshots"
WIDE, PHONE = (1280, 800), (390, 844)

_FLAGS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-sync",
    "disable-background-networking",
    "disable-component-update",
    "hide-scrollbars",
)

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="no chromium here: apt-get install chromium chromium-driver",
)


class Person:
    """Somebody at a browser, on one site."""

    def __init__(self, driver: Chrome, site: str, downloads: Path) -> None:
        self.driver = driver
        self.site = site
        self.downloads = downloads

    def open(self, path: str) -> None:
        """Go to a page."""
        self.driver.get(self.site + path)

    @property
    def path(self) -> str:
        """The page that the browser is on."""
        return self.driver.current_url.removeprefix(self.site).partition("?")[0]

    def find(self, selector: str) -> WebElement:
        """The first element that fits."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What a person reads there; nothing where there is no such element now."""
        found = self.driver.execute_script(
            "return document.querySelector(arguments[0])?.innerText ?? ''", selector
        )
        return str(found)

    def fill(self, **fields: str) -> None:
        """Type texts into fields, each named by its id with `_` for `-`."""
        for name, text in fields.items():
            element = self.find(f"#{name.replace('_', '-')}, [name={name}]")
            element.clear()
            element.send_keys(text)

    def click(self, selector: str) -> None:
        """Click, once what is to be clicked is there."""
        self.until(lambda: self._try_to_click(selector), f"click {selector}")

    def _try_to_click(self, selector: str) -> bool:
        """The page may put another element in the place of one just when it is found."""
        try:
            self.find(selector).click()
        except (NoSuchElementException, StaleElementReferenceException):
            return False
        return True

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Look again and again until it holds."""
        give_up_s = time.monotonic() + WAIT_S_MAX
        while not holds():
            assert time.monotonic() < give_up_s, f"{what}; there is: {self._all_text}"
            time.sleep(0.05)

    @property
    def _all_text(self) -> str:
        return self.find("main").text

    def sees(self, selector: str, text: str) -> None:
        """Wait until a text is to be read there."""
        self.until(lambda: text in self.text(selector), f"{text!r} in {selector}")

    # What people do.

    def sign_up(self, name: str, password: str) -> None:
        """Sign up, with the deposit that is offered, and come to the trading page."""
        self.open("/sign-up")
        self.fill(name=name, password=password, again=password)
        self.click("button.main")
        self.sees("#stats", "$10,000.00")

    def log_in(self, name: str, password: str) -> None:
        """Log in."""
        self.open("/log-in")
        self.fill(name=name, password=password)
        self.click("button.main")
        self.until(lambda: self.path != "/log-in", "logged in")

    def order(self, side: str, symbol: str, amount: str) -> None:
        """Fill in the ticket, look at the price, and place the order."""
        self.click(f"#ticket input[value={side}] + span")
        self.fill(ticket_symbol=symbol, ticket_amount=amount)
        self.click("#ticket form button.main")
        self.sees("#ticket-preview", symbol)
        self.click("#place")
        self.sees("#orders", f"{side.capitalize()} ")

    # What only a test does.

    def scripting(self, *, is_on: bool) -> None:
        """Let pages run their scripts, or not."""
        command = "Emulation.setScriptExecutionDisabled"
        self.driver.execute_cdp_cmd(command, {"value": not is_on})

    def screenshot(self, name: str, size: tuple[int, int] = WIDE, *, is_dark: bool = False) -> None:
        """Keep a picture of the whole page, as it is at this size."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._set_size(*size)
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        self._set_size(size[0], max(int(height), size[1]))
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        look = "dark" if is_dark else "light"
        assert self.driver.save_screenshot(str(SCREENSHOTS / f"{name}-{size[0]}-{look}.png"))

    def _set_size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        script = "return document.documentElement.scrollWidth - innerWidth"
        return int(self.driver.execute_script(script))

    def barriers(self) -> list[str]:
        """What axe finds that keeps people with disabilities out, as far as it is serious."""
        found: dict[str, Any] = Axe().run(self.driver)
        return [
            f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes']]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]

    def complaints(self) -> list[str]:
        """What the browser complained about, but for answers that say no."""
        return [
            line["message"]
            for line in self.driver.get_log("browser")
            if line["level"] == "SEVERE" and "responded with a status of 4" not in line["message"]
        ]


@contextmanager
def person(site: str) -> Iterator[Person]:
    """Somebody at a browser of their own."""
    options = ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in _FLAGS:
        options.add_argument(f"--{flag}")
    options.accept_insecure_certs = True
    with TemporaryDirectory(prefix="daytrade-browser-") as directory:
        options.add_argument(f"--user-data-dir={directory}/profile")
        downloads = Path(directory) / "downloads"
        downloads.mkdir()
        driver = Chrome(options=options, service=Service(DRIVER))
        try:
            behaviour = {"behavior": "allow", "downloadPath": str(downloads)}
            driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
            yield Person(driver, site, downloads)
        finally:
            driver.quit()
