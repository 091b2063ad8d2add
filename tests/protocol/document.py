"""docs/protocol.md taken apart: its tables, and the frames it shows.

For the tests of the wire only. Reading is strict: what does not have the form that the page
promises is an error, so that nothing on the page goes unread.
"""

import ast
import re
from pathlib import Path
from typing import Any

from msgspec import Struct

from protocol import messages

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"

_IDS = {"zero": bytes(16), "A": bytes.fromhex("00112233445566778899aabbccddeeff")}
_SPLIT_LINE = re.compile(r"((?:[0-9a-f]{2} )+)  .+")

Row = dict[str, str]


class Example(Struct, frozen=True):
    """A message as the page writes it, and the bytes that the page gives for it."""

    text: str
    request_id: bytes
    message: messages.Message
    frame: bytes


def tables(*columns: str) -> list[Row]:
    """All rows of all tables whose header is exactly `columns`."""
    rows: list[Row] = []
    inside = False
    for line in DOCUMENT.read_text("utf-8").splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if inside and not set(line) <= set("|-"):
            rows.append(dict(zip(columns, cells, strict=True)))
        inside = inside or cells == list(columns)
    if not rows:
        raise AssertionError(f"the page has no table with the columns {columns}")
    return rows


def kinds() -> list[Row]:
    """The rows of the tables of messages."""
    return tables("kind", "name", "from", "part", "fields", "answered by")


def transitions() -> dict[tuple[str, str, str], str]:
    """The table of states, one entry for each message: (state, sender, message) -> next state."""
    parts: dict[str, list[str]] = {}
    for row in kinds():
        parts.setdefault(f"any {row['part']}", []).append(row["name"])
    return {
        (row["state"], sender, name): row["next state"]
        for row in tables("state", "from", "message", "next state")
        for sender in (("client", "server") if row["from"] == "either" else (row["from"],))
        for name in parts.get(row["message"], [row["message"]])
    }


def examples() -> list[Example]:
    """All frames that the page shows under its messages."""
    lines = [line for block in _blocks("frames") for line in block]
    found: list[Example] = []
    while lines:
        label, _, text = lines.pop(0).partition(" ")
        digits = ""
        while lines and not lines[0].startswith(tuple(_IDS)):
            digits += lines.pop(0)
        value = _value(ast.parse(text, mode="eval").body)
        found.append(Example(text, _IDS[label], value, bytes.fromhex(digits)))
    return found


def split_frames() -> list[bytes]:
    """The frames that the page takes apart byte by byte."""
    frames: list[bytes] = []
    for block in _blocks("split"):
        matches = [_SPLIT_LINE.fullmatch(line) for line in block]
        frames.append(b"".join(bytes.fromhex(match[1]) for match in matches if match))
        assert all(matches), f"a line is not bytes and their meaning: {block}"
    return frames


def _blocks(language: str) -> list[list[str]]:
    found = re.findall(
        rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return [block.splitlines() for block in found]


def _value(node: ast.expr) -> Any:
    """The value of a message, a record, a list or a literal as the page writes it."""
    if isinstance(node, ast.List):
        return [_value(element) for element in node.elts]
    if not isinstance(node, ast.Call):
        return ast.literal_eval(node)
    assert isinstance(node.func, ast.Name)
    if node.func.id == "hex":
        return bytes.fromhex(ast.literal_eval(node.args[0]))
    fields = {str(keyword.arg): _value(keyword.value) for keyword in node.keywords}
    return getattr(messages, node.func.id)(**fields)
