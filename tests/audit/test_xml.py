"""Records as XML and back."""

import io
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from audit.records import Record, RecordKind
from audit.schema import load_schema
from audit.xml import CHUNK_BYTES, InvalidLog, read_records, xml_chunks

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=10)
fields = st.lists(st.tuples(st.sampled_from(["a", "b", "funds"]), texts), max_size=4)
records = st.lists(st.builds(Record, st.sampled_from(RecordKind), fields.map(tuple)), max_size=8)

MIB = 1024 * 1024


def change(number: int) -> Record:
    """A valid record."""
    return Record(
        RecordKind.ACCOUNT_TRANSACTION,
        (
            ("timestamp", str(1_700_000_000_000 + number)),
            ("server", "node-1"),
            ("transactionNum", str(number + 1)),
            ("action", "add"),
            ("username", "ann"),
            ("funds", "1.00"),
        ),
    )


def text_of(told: list[Record]) -> bytes:
    """The whole document."""
    return b"".join(xml_chunks(told))


@given(records)
def test_what_is_written_is_what_is_read(told: list[Record]) -> None:
    assert list(read_records(io.BytesIO(text_of(told)))) == told


def test_a_log_of_nothing_is_a_valid_document() -> None:
    assert load_schema().validate(etree.fromstring(text_of([])))


def test_a_chunk_is_neither_small_nor_large_but_for_the_last() -> None:
    *chunks, last = xml_chunks(change(number) for number in range(5_000))
    assert len(chunks) > 5
    assert all(CHUNK_BYTES <= len(chunk) < 2 * CHUNK_BYTES for chunk in chunks)
    assert last.endswith(b"</log>")


def test_text_that_looks_like_xml_stays_text() -> None:
    told = [Record(RecordKind.ERROR_EVENT, (("errorMessage", "</log><!-- & ]]>"),))]
    assert list(read_records(io.BytesIO(text_of(told)))) == told


def test_writing_may_be_given_up_in_the_middle() -> None:
    chunks = xml_chunks(change(number) for number in range(5_000))
    next(chunks)
    chunks.close()
    assert list(chunks) == []


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (lambda text: text.replace(b"<funds>1.00", b"<funds>ten", 1), "decimal"),
        (lambda text: text.replace(b"accountTransaction>", b"gift>"), "gift"),
        (lambda text: text.replace(b"</log>", b"</log><log/>"), "Extra content"),
    ],
)
def test_what_is_no_log_is_told_with_the_reason(broken: Callable[[bytes], bytes], why: str) -> None:
    source = io.BytesIO(broken(text_of([change(1), change(2)])))
    with pytest.raises(InvalidLog, match=why):
        list(read_records(source, load_schema()))


def test_a_log_that_is_cut_off_anywhere_is_no_log() -> None:
    text, schema = text_of([change(1), change(2)]), load_schema()
    for length in range(len(text)):
        with pytest.raises(InvalidLog):
            list(read_records(io.BytesIO(text[:length]), schema))


def test_an_entity_is_not_read_from_a_file() -> None:
    """A log under verification may come from anywhere."""
    evil = b'<!DOCTYPE log [<!ENTITY e SYSTEM "file:///etc/passwd">]><log><errorEvent>'
    evil += b"<errorMessage>&e;</errorMessage></errorEvent></log>"
    with pytest.raises(InvalidLog, match="Entity"):
        list(read_records(io.BytesIO(evil)))


def test_a_comment_is_no_field() -> None:
    source = b"<log><errorEvent><!-- so --><server>n</server></errorEvent></log>"
    (record,) = read_records(io.BytesIO(source))
    assert record.fields == (("server", "n"),)


def resident_bytes() -> int:
    """How much memory this process has now, that of libraries included."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class _Pipe(io.BytesIO):
    """A file made while it is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks

    def read(self, size: int | None = -1) -> bytes:
        return next(self._chunks, b"")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="tells memory on Linux only")
def test_a_long_log_is_written_validated_and_read_in_constant_memory() -> None:
    """Half a million elements pass; a tree of them would take over 100 MiB, outside of Python's
    own memory.
    """
    records = read_records(_Pipe(xml_chunks(map(change, range(70_000)))), load_schema())
    for _ in range(5_000):
        next(records)
    before_bytes = resident_bytes()
    sizes_bytes = [resident_bytes() for n, _ in enumerate(records) if n % 1_000 == 999]
    assert len(sizes_bytes) == 65
    assert max(sizes_bytes) - before_bytes < 8 * MIB
