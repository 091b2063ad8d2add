"""Records as XML and back, in constant memory, however long the log is.

May be imported by everyone. Text that is not plain goes through lxml, which escapes it and refuses
what XML cannot hold.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from functools import lru_cache
from typing import IO

from lxml import etree

from audit.records import Record, RecordKind

CHUNK_BYTES = 64 * 1024
"""About how many bytes a chunk has."""

_KINDS = {kind.value: kind for kind in RecordKind}


class InvalidLog(Exception):
    """A document is no audit log; the message says where and why."""


class _Templates:
    """The text of each shape of record, made by lxml once, with places for the texts.

    With lxml serializing each record by itself, a dump takes 1.6 times as long (measured).
    """

    __slots__ = ("_templates",)

    def __init__(self) -> None:
        self._templates: dict[tuple[RecordKind, tuple[str, ...]], str] = {}

    def text_of(self, record: Record) -> str:
        """A record as XML, with the end of its line."""
        names, texts = zip(*record.fields, strict=True) if record.fields else ((), ())
        template = self._templates.get((record.kind, names))
        if template is None:
            template = self._templates[record.kind, names] = _template(record.kind, names)
        if _NOT_PLAIN.search("".join(texts)) is not None:
            texts = tuple(map(_escaped, texts))
        return template % texts


def _template(kind: RecordKind, names: tuple[str, ...]) -> str:
    element = etree.Element(kind)
    for name in names:
        etree.SubElement(element, name).text = "%s"
    return etree.tostring(element, encoding="unicode") + "\n"


_NOT_PLAIN = re.compile(r"[^ !-%'-;=?-~]")
"""What may have to be escaped; lxml decides."""


@lru_cache(10_000)
def _escaped(text: str) -> str:
    """The text as lxml writes it; raises `ValueError` for what XML cannot hold."""
    element = etree.Element("t")
    element.text = text + "."
    written = etree.tostring(element, encoding="unicode")
    return written.removeprefix("<t>").removesuffix(".</t>")


def xml_chunks(records: Iterable[Record]) -> Generator[bytes, None, None]:
    """Yield the log of these records, in parts of about `CHUNK_BYTES`."""
    templates = _Templates()
    parts, size = ["<?xml version='1.0' encoding='utf-8'?>\n<log>"], 0
    for record in records:
        text = templates.text_of(record)
        parts.append(text)
        size += len(text)
        if size >= CHUNK_BYTES:
            yield "".join(parts).encode()
            parts.clear()
            size = 0
    parts.append("</log>")
    yield "".join(parts).encode()


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
