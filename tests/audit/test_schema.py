"""The project's schema accepts the documents that the course's accepts, and no others."""

from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from lxml import etree

from audit.schema import load_schema

COURSE_SCHEMA = Path(__file__).parents[3] / "shared/reference/logfile.xsd"

OURS = load_schema()

VALUES = {
    "timestamp": ["1167631200000", "0", "-1", " 5 ", "+7", "1.0", "", "x"],
    "server": ["node-1", "", "  a\n b "],
    "transactionNum": ["1", "007", " 3 ", "0", "-1", "1.5", ""],
    "command": ["ADD", "QUOTE", "SET_SELL_TRIGGER", "CANCEL_SET_BUY", " ADD", "add", "", "X"],
    "username": ["ann", "", "a b"],
    "stockSymbol": ["ABC", "", "a", "ä", "1 2", "ABCD", " AB ", "\n\n\n"],
    "filename": ["./testLOG", ""],
    "funds": ["1.00", "-1", "+.5", "7.", " 2 ", "1e3", "NaN", "", "1,5"],
    "price": ["276.83", "0", "ten", ""],
    "quoteServerTime": ["1167631200000", "-4", "4.0"],
    "cryptokey": ["a+/=", ""],
    "action": ["add", "anything", ""],
    "errorMessage": ["why", ""],
    "debugMessage": ["so", ""],
    "other": ["1"],
}
"""Texts of each element: the first is always valid, the others may be or not."""

COMMAND = ["timestamp", "server", "transactionNum", "command"]
OPTIONAL = ["username", "stockSymbol", "filename", "funds"]
CHILDREN = {
    "userCommand": COMMAND + OPTIONAL,
    "systemEvent": COMMAND + OPTIONAL,
    "errorEvent": [*COMMAND, *OPTIONAL, "errorMessage"],
    "debugEvent": [*COMMAND, *OPTIONAL, "debugMessage"],
    "quoteServer": [
        *COMMAND[:3],
        *("price", "stockSymbol", "username", "quoteServerTime", "cryptokey"),
    ],
    "accountTransaction": [*COMMAND[:3], "action", "username", "funds"],
}


@st.composite
def texts(draw: st.DrawFn, name: str) -> str:
    """The text of an element, valid three times out of four at least."""
    is_odd = draw(st.integers(0, 7)) == 0
    return draw(st.sampled_from(VALUES[name])) if is_odd else VALUES[name][0]


@st.composite
def elements(draw: st.DrawFn) -> etree._Element:
    """One record: its children in any order, now and then one too many, too few or of another
    kind.
    """
    kind = draw(st.sampled_from(sorted(CHILDREN)))
    names = draw(st.permutations(CHILDREN[kind]))
    fault = draw(st.sampled_from(["none"] * 6 + ["drop", "repeat", "strange", "attribute", "text"]))
    if fault == "drop":
        names = names[draw(st.integers(1, len(names))) :]
    elif fault == "repeat":
        names = [*names, names[0]]
    elif fault == "strange":
        names = [draw(st.sampled_from(sorted(VALUES))), *names]
    record = etree.Element(draw(st.sampled_from([kind] * 9 + ["record"])))
    for name in names:
        etree.SubElement(record, name).text = draw(texts(name))
    if fault == "attribute":
        record.set("id", "1")
    elif fault == "text":
        record.text = "text"
    return record


@st.composite
def documents(draw: st.DrawFn) -> etree._Element:
    """A log of a few records, or nearly one."""
    root = etree.Element(draw(st.sampled_from(["log"] * 9 + ["logs"])))
    root.extend(draw(st.lists(elements(), max_size=3)))
    return root


@pytest.fixture(scope="module")
def course_schema() -> etree.XMLSchema:
    """The course's own schema, where it is at hand."""
    if not COURSE_SCHEMA.exists():
        pytest.skip("the course's schema is not here")
    return etree.XMLSchema(etree.parse(COURSE_SCHEMA))


@settings(max_examples=1_000)
@given(documents())
def test_both_schemas_judge_a_document_alike(
    course_schema: etree.XMLSchema, document: etree._Element
) -> None:
    verdict = course_schema.validate(document)
    event(f"valid: {verdict}")
    assert OURS.validate(document) is verdict, etree.tostring(document)


def one_record(kind: str, **texts: str) -> etree._Element:
    """A log of one record with everything that its kind can hold, or other texts for some."""
    log = etree.Element("log")
    record = etree.SubElement(log, kind)
    for name in CHILDREN[kind]:
        etree.SubElement(record, name).text = texts.get(name, VALUES[name][0])
    return log


@pytest.mark.parametrize("kind", sorted(CHILDREN))
@pytest.mark.parametrize("name", sorted(VALUES))
def test_both_schemas_judge_each_text_of_each_element_alike(
    course_schema: etree.XMLSchema, kind: str, name: str
) -> None:
    if name in CHILDREN[kind]:
        for text in VALUES[name]:
            document = one_record(kind, **{name: text})
            assert OURS.validate(document) is course_schema.validate(document), text


@pytest.mark.parametrize("kind", sorted(CHILDREN))
def test_a_whole_record_is_valid_in_any_order(kind: str) -> None:
    log = one_record(kind)
    assert OURS.validate(log)
    record = log[0]
    record.extend(reversed(list(record)))
    assert OURS.validate(log)


@pytest.mark.parametrize("kind", sorted(CHILDREN))
def test_a_record_without_its_transaction_is_invalid(kind: str) -> None:
    log = one_record(kind)
    etree.strip_elements(log, "transactionNum")
    assert not OURS.validate(log)


def test_a_symbol_of_four_letters_is_invalid() -> None:
    assert not OURS.validate(one_record("userCommand", stockSymbol="ABCD"))


def test_a_record_is_no_document() -> None:
    assert not OURS.validate(one_record("userCommand")[0])
