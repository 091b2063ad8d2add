"""Records as XML and back, in constant memory, however long the log is.

May be imported by everyone. Text goes through lxml alone, which escapes it and refuses what XML
cannot hold.
"""

from collections.abc import Generator, Iterable, Iterator
from typing import IO

from lxml import etree

from audit.records import Record, RecordKind

CHUNK_BYTES = 64 * 1024
"""About how many bytes a chunk has."""

_KINDS = {kind.value: kind for kind in RecordKind}


class InvalidLog(Exception):
    """A document is no audit log; the message says where and why."""


class _Sink:
    """Where lxml writes to: keeps the bytes until they are taken."""

    __slots__ = ("_parts", "size_bytes")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        self._parts.append(data)
        self.size_bytes += len(data)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        self.size_bytes = 0
        return taken


class _Patterns:
    """One element for each shape of record, filled in anew for each record of that shape.

    To make a tree of its own for each record takes twice as long (measured).
    """

    __slots__ = ("_patterns",)

    def __init__(self) -> None:
        self._patterns: dict[tuple[str, ...], etree._Element] = {}

    def fill(self, record: Record) -> etree._Element:
        """The element of a record; good until the next call."""
        shape = (record.kind, *[name for name, _ in record.fields])
        pattern = self._patterns.get(shape)
        if pattern is None:
            pattern = self._patterns[shape] = etree.Element(record.kind)
            for name, _ in record.fields:
                etree.SubElement(pattern, name)
            pattern.tail = "\n"
        for child, (_, text) in zip(pattern, record.fields, strict=True):
            child.text = text
        return pattern


def xml_chunks(records: Iterable[Record]) -> Generator[bytes, None, None]:
    """Yield the log of these records, in parts of about `CHUNK_BYTES`."""
    sink = _Sink()
    patterns = _Patterns()
    with etree.xmlfile(sink, encoding="utf-8") as document:
        document.write_declaration()
        with document.element("log"):
            for record in records:
                document.write(patterns.fill(record), with_tail=True)
                if sink.size_bytes >= CHUNK_BYTES:
                    yield sink.take()
    yield sink.take()


def read_records(
    source: IO[bytes] | str, schema: etree.XMLSchema | None = None
) -> Iterator[Record]:
    """Yield the records of a log, one at a time, validating it on the way if a schema is given.

    Raises `InvalidLog` at the first thing that is wrong, after the records before it.
    """
    # By default external entities are not loaded. To say resolve_entities=False on top makes lxml
    # pass over the end of a document that was cut off.
    elements = etree.iterparse(source, tag=list(_KINDS), schema=schema, no_network=True)
    try:
        for _, element in elements:
            children = element.iterchildren("*")
            fields = tuple([(child.tag, child.text or "") for child in children])
            yield Record(_KINDS[element.tag], fields)
            _drop(element)
    except etree.XMLSyntaxError as error:
        raise InvalidLog(str(error)) from None


def _drop(element: etree._Element) -> None:
    """Free an element that was read, and what came before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
