"""Reading a DUMPLOG as an outsider would: by the schema, the course's own where it is at hand.

For the end-to-end tests only.
"""

from pathlib import Path

from lxml import etree
from msgspec import Struct

from audit.schema import load_schema

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
_COURSE_SCHEMA = REFERENCE / "logfile.xsd"


class LogRecord(Struct, frozen=True):
    """One element of the log."""

    kind: str
    fields: dict[str, str]


def read_log(xml: bytes) -> list[LogRecord]:
    """Return the records of a log; fails the test where a schema does not accept it."""
    root = etree.fromstring(xml)
    load_schema().assertValid(root)
    if _COURSE_SCHEMA.exists():
        etree.XMLSchema(etree.parse(_COURSE_SCHEMA)).assertValid(root)
    return [
        LogRecord(str(element.tag), {str(child.tag): child.text or "" for child in element})
        for element in root
    ]
