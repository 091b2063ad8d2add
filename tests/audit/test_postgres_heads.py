"""The book of heads in Postgres keeps what it is given, by log and in order."""

import subprocess
import sys

import pytest

from tests.source_tree import ROOT

pytestmark = pytest.mark.postgres

_PROGRAM = """
import sys
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from audit.chain import Link
from audit.heads import Head, SignedHead
from audit.postgres_heads import PostgresHeads

def signed(log_id, number, at_ms):
    return SignedHead(Head(log_id, Link(number, b"digest"), at_ms), b"signature")

async def run(reactor):
    book = PostgresHeads(reactor, sys.argv[1])
    a1, a2, b1 = signed(b"a", 1, 10), signed(b"a", 2, 20), signed(b"b", 1, 15)
    assert await book.newest() is None
    for head in (a1, b1, a2, a1):
        await book.put(head)
    assert await book.newest() == a2
    assert await book.newest(b"b") == b1
    assert await book.newest(b"c") is None
    assert await book.heads_after(b"a", 0, 9) == [a1, a2]
    assert await book.heads_after(b"a", 1, 9) == [a2]
    assert await book.heads_after(b"a", 0, 1) == [a1]
    book.close()

react(lambda reactor: Deferred.fromCoroutine(run(reactor)))
"""


def test_heads_are_kept_once_each_and_found_by_log_and_number(own_dsn: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, own_dsn], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
