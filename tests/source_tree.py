"""The project's own source files, for the tests that read source instead of running it.

For tests only. What is product code is said here, once.
"""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

LEVELS: list[set[str]] = [
    {"protocol"},
    {"ledger", "service"},
    {"quote_proxy", "audit"},
    {"trigger", "reactor_server"},
    {"generator", "web", "console"},
    {"twistd_plugins", "daytrade", "simulation"},
]
"""The packages from the bottom up: each may import those of the levels below its own."""

PACKAGES = set().union(*LEVELS)


def product_files() -> list[Path]:
    """Every module of the product, the twistd drop-ins included, relative to the root."""
    return sorted(_modules_below(*PACKAGES, "twisted"))


def all_files() -> list[Path]:
    """Every module of the project, tests and benchmarks included, relative to the root."""
    return sorted(_modules_below(*PACKAGES, "twisted", "tests", "benchmarks"))


def read(path: Path) -> str:
    """The text of a file named relative to the root."""
    return (ROOT / path).read_text("utf-8")


def _modules_below(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            yield path.relative_to(ROOT)
