"""Imports run one way, and nobody but the edge takes the global reactor."""

import ast
from pathlib import Path

import pytest

from tests.source_tree import LEVELS, PACKAGES, ROOT, product_files, read

REACTOR = "twisted.internet.reactor"


def level_of(package: str) -> int:
    """How high a package stands; 0 is the wire."""
    return next(level for level, packages in enumerate(LEVELS) if package in packages)


def imported(node: ast.AST) -> list[str]:
    """The full names that an import statement takes in; of other nodes, none."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
    return []


def forbidden_imports(path: Path, source: str) -> list[str]:
    """What a module of a package imports that stands no lower than the package itself."""
    package = path.parts[0]
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        for name in imported(node):
            top = name.split(".")[0]
            relative = name.startswith(".")
            upward = top in PACKAGES - {package} and level_of(top) >= level_of(package)
            if relative or upward or top == "tests":
                found.append(name)
    return found


def misplaced_reactors(path: Path, source: str) -> list[int]:
    """The lines that import the global reactor anywhere but inside a function of the edge: a
    plugin's makeService, or any in the command line's package.
    """
    tree = ast.parse(source)
    allowed: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            path.parts[0] == "daytrade"
            or (path.parts[0] == "twistd_plugins" and node.name == "makeService")
        ):
            allowed.update(ast.walk(node))
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(f"{name}.".startswith(f"{REACTOR}.") for name in imported(node))
        and node not in allowed
    ]


def in_packages() -> list[Path]:
    """The modules of the packages, without the drop-ins."""
    return [path for path in product_files() if path.parts[0] in PACKAGES]


def test_every_package_at_the_root_has_its_place_in_the_order() -> None:
    present = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert present <= PACKAGES
    assert {path.parts[0] for path in in_packages()} == present


@pytest.mark.parametrize("path", in_packages(), ids=str)
def test_a_module_imports_only_its_own_package_and_those_below(path: Path) -> None:
    assert forbidden_imports(path, read(path)) == []


@pytest.mark.parametrize("path", product_files(), ids=str)
def test_the_global_reactor_is_taken_only_inside_functions_of_the_edge(path: Path) -> None:
    assert misplaced_reactors(path, read(path)) == []


@pytest.mark.parametrize(
    "path", [p for p in in_packages() if p.parts[0] == "protocol"], ids=lambda path: path.name
)
def test_the_wire_knows_no_io_no_clock_and_no_chance(path: Path) -> None:
    tops = {
        name.split(".")[0] for node in ast.walk(ast.parse(read(path))) for name in imported(node)
    }
    assert not tops & {"twisted", "socket", "time", "datetime", "random", "secrets", "os"}


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("protocol/x.py", "import ledger"),
        ("ledger/x.py", "from service.wire import WireProtocol"),
        ("service/x.py", "def late():\n    from audit import store"),
        ("audit/x.py", "import quote_proxy.cache as cache"),
        ("trigger/x.py", "from reactor_server import node"),
        ("generator/x.py", "import daytrade"),
        ("ledger/x.py", "from . import account"),
        ("ledger/x.py", "from tests.protocol import pair"),
    ],
)
def test_a_planted_import_upward_or_sideways_is_found(file: str, source: str) -> None:
    assert len(forbidden_imports(Path(file), source)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("ledger/x.py", "from ledger.account import Account\nfrom protocol import money"),
        ("daytrade/x.py", "import generator, audit, protocol, twisted, os"),
    ],
)
def test_an_import_downward_is_not_taken_for_one_upward(file: str, source: str) -> None:
    assert forbidden_imports(Path(file), source) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("service/x.py", "from twisted.internet import reactor"),
        ("service/x.py", "def f():\n    from twisted.internet import reactor"),
        ("service/x.py", "import twisted.internet.reactor"),
        ("service/x.py", "from twisted.internet.reactor import callLater"),
        ("daytrade/x.py", "from twisted.internet import defer, reactor as r"),
        ("twistd_plugins/x.py", "def other():\n    from twisted.internet import reactor"),
        ("twistd_plugins/x.py", "from twisted.internet import reactor"),
    ],
)
def test_a_planted_global_reactor_is_found(file: str, source: str) -> None:
    assert len(misplaced_reactors(Path(file), source)) == 1


@pytest.mark.parametrize("file", ["twistd_plugins/x.py", "daytrade/x.py"])
def test_the_global_reactor_inside_make_service_is_in_its_place(file: str) -> None:
    source = "def makeService(options):\n    from twisted.internet import reactor"
    assert misplaced_reactors(Path(file), source) == []
