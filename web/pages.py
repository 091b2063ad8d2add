"""Pages from templates. Whatever comes from outside is escaped by the templates' engine.

Used by the views. A template never marks anything as safe; a test looks.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from protocol.errors import Code
from web.commands import FORMS
from web.static_files import StaticFiles
from web.visit import Reply, Visit


class Pages:
    """The templates of the package.

    :param new_key: gives a form something by which its sending again is recognized.
    """

    def __init__(
        self, static: StaticFiles, now_ms: Callable[..., int], new_key: Callable[[], str]
    ) -> None:
        self._environment = Environment(
            loader=PackageLoader("web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            money=money, signed=signed, clock_time=clock_time, day_time=day_time, count=whole
        )
        self._environment.globals.update(
            static=static.path, now_ms=now_ms, new_key=new_key, forms=FORMS, code_name=code_name
        )

    def render(self, template: str, visit: Visit, **values: Any) -> bytes:
        """A whole page, or a part of one."""
        return self._environment.get_template(template).render(visit=visit, **values).encode()

    def page(self, template: str, visit: Visit, status: int = 200, **values: Any) -> Reply:
        """A whole page as an answer."""
        return Reply(status, self.render(template, visit, **values))


def money(cents: int | None) -> str:
    """An amount as people write it: $1,234.50."""
    if cents is None:
        return "–"
    sign = "−" if cents < 0 else ""
    whole_part, part = divmod(abs(cents), 100)
    return f"{sign}${whole_part:,}.{part:02d}"


def signed(cents: int | None) -> str:
    """A gain or a loss: it always has a sign."""
    return f"+{money(cents)}" if cents is not None and cents > 0 else money(cents)


def whole(number: int) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,}"


def clock_time(at_ms: int) -> str:
    """The time of the day, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S")


def day_time(at_ms: int) -> str:
    """Day and time, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def code_name(code: int) -> str:
    """How an outcome is called."""
    try:
        known = Code(code)
    except ValueError:
        return f"error {code}"
    return "done" if known is Code.OK else known.name.replace("_", " ").lower()
