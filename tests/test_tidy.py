"""Habits of the source that a reader relies on, held by reading it."""

import ast
import re
import tokenize
from io import StringIO
from pathlib import Path

import pytest

from tests.source_tree import ROOT, all_files, product_files, read

LINES_MAX = 500
LINES_GOOD = 300
LONG_BY_NATURE = {Path("protocol/messages.py")}
"""Product code over LINES_GOOD, and rightly: all messages declared, to be seen side by side."""

SECONDS = re.compile(r"_s$|_S$|_S_")
"""Names of durations, which are floats in Twisted and no money."""

VAGUE = re.compile(r"manager|handler|processor|helper|util|engine", re.IGNORECASE)
REMINDER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

each_file = pytest.mark.parametrize("path", all_files(), ids=str)
each_product_module = pytest.mark.parametrize(
    "path", [p for p in product_files() if p.parts[0] != "twisted"], ids=str
)
each_product_file = pytest.mark.parametrize("path", product_files(), ids=str)
each_file_with_money = pytest.mark.parametrize(
    "path",
    [p for p in product_files() if p.parts[0] == "ledger" or p == Path("protocol/money.py")],
    ids=str,
)


def vague_names(path: Path, source: str) -> list[str]:
    """Names of the file, its folders or its classes that say nothing."""
    names = [*path.parts[:-1], path.stem]
    names += [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    return [name for name in names if VAGUE.search(name)]


def reminders(source: str) -> list[str]:
    """Comments and docstrings that put work off."""
    tokens = tokenize.generate_tokens(StringIO(source).readline)
    texts = [t.string for t in tokens if t.type in (tokenize.COMMENT, tokenize.STRING)]
    return [text for text in texts if REMINDER.search(text)]


def prints(source: str) -> list[int]:
    """Lines that print."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("print", "breakpoint")
    ]


def floats(source: str) -> list[int]:
    """Lines in which a number may become a float, but for those that name seconds."""
    tree = ast.parse(source)
    seconds = {inner for node in ast.walk(tree) if names_seconds(node) for inner in ast.walk(node)}
    lines: set[int] = set()
    for node in ast.walk(tree):
        if node in seconds:
            continue
        if (
            (isinstance(node, ast.Constant) and isinstance(node.value, float))
            or (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))
            or (isinstance(node, ast.Name) and node.id == "float")
        ):
            lines.add(node.lineno)
    return sorted(lines)


def names_seconds(node: ast.AST) -> bool:
    """Tell whether a node gives a duration its name: a constant, an attribute or a parameter."""
    if isinstance(node, ast.arg):
        return SECONDS.search(node.arg) is not None
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return all(SECONDS.search(ast.unparse(target)) for target in targets)
    return False


@each_file
def test_no_file_is_too_long_to_be_read_whole(path: Path) -> None:
    assert len(read(path).splitlines()) <= LINES_MAX


def test_the_list_of_long_product_files_holds_only_the_excused() -> None:
    long = {path for path in product_files() if len(read(path).splitlines()) > LINES_GOOD}
    assert long == LONG_BY_NATURE


@each_product_module
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(read(path)))


@pytest.mark.parametrize("path", sorted({*all_files()} - {*product_files()}), ids=str)
def test_a_file_of_tests_says_what_it_is_for_unless_it_is_empty(path: Path) -> None:
    source = read(path)
    assert source == "" or ast.get_docstring(ast.parse(source))


@each_file
def test_names_say_what_a_thing_is(path: Path) -> None:
    assert vague_names(path, read(path)) == []


@each_product_file
def test_nothing_is_put_off(path: Path) -> None:
    assert reminders(read(path)) == []


@each_product_file
def test_product_code_logs_and_does_not_print(path: Path) -> None:
    assert prints(read(path)) == []


@each_file_with_money
def test_no_number_becomes_a_float_where_money_is(path: Path) -> None:
    assert floats(read(path)) == []


def test_the_plugin_folder_leaves_twisteds_own_package_alone() -> None:
    """A file of this name would replace Twisted's own when installed."""
    assert list((ROOT / "twisted").rglob("__init__.py")) == []


@pytest.mark.parametrize("path", sorted((ROOT / "twisted/plugins").glob("*.py")), ids=str)
def test_a_drop_in_only_names_the_module_that_makes_the_service(path: Path) -> None:
    """twistd runs every drop-in to list them, so a drop-in must cost and change nothing."""
    imports, made = ast.parse(path.read_text("utf-8")).body
    assert ast.unparse(imports) == "from twisted.application.service import ServiceMaker"
    assert isinstance(made, ast.Assign)
    assert isinstance(made.value, ast.Call)
    assert ast.unparse(made.value.func) == "ServiceMaker"


def test_the_walks_see_the_source() -> None:
    assert Path("protocol/codec.py") in product_files()
    assert Path("tests/test_tidy.py") in all_files()
    assert Path("tests/test_tidy.py") not in product_files()


def test_planted_offences_are_found() -> None:
    assert vague_names(Path("ledger/utils.py"), "class OrderManager: pass") == [
        "utils",
        "OrderManager",
    ]
    assert len(reminders("x = 1  # TO" + "DO later\n")) == 1
    assert prints("def f():\n    print(1)") == [2]
    assert floats("a = 1.5\nb = 3 / 2\nb /= 2\nc = float(3)\nd: float") == [1, 2, 3, 4, 5]
    assert floats("def f(price: float): pass\n\nprices = [2.5]") == [1, 3]


def test_whole_numbers_and_durations_are_not_taken_for_floats_of_money() -> None:
    assert floats("a = 3 // 2\na = 15\n") == []
    assert floats("LATE_S_MAX = 5.0\ndef f(wait_s: float): pass\nself._wait_s = 2.5") == []
