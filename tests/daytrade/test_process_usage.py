"""Figures of real processes, read from /proc."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from daytrade.process_usage import Usage, read_usage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc"),
]

MIB = 1 << 20
BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
HOLD = "import sys; print('up', flush=True); sys.stdin.read()"
BIG_GRANDCHILD = f"""
import subprocess, sys
held = bytearray(b"x") * {40 * MIB}
subprocess.run([sys.executable, "-c", '''{BURN}''', "a name) with blanks"])
subprocess.run([sys.executable, "-c", '''
import os, sys
os.setsid()
held = bytearray(b"x") * {60 * MIB}
{HOLD}
'''])
"""


@pytest.fixture
def family() -> Iterator[int]:
    """A process of 40 MiB with an ended child that worked and a living one of 60 MiB."""
    with subprocess.Popen(
        [sys.executable, "-c", BIG_GRANDCHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        yield process.pid
        process.communicate()


def test_descendants_count_in_whatever_session_they_are(family: int) -> None:
    usage = read_usage(family)
    assert 100.0 < usage.rss_mb_max < 200.0
    assert usage.user_s + usage.system_s >= 0.28


def test_a_process_that_is_gone_counts_for_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert read_usage(process.pid) == Usage()


def test_the_peak_counts_though_the_memory_was_given_back() -> None:
    before_mb = read_usage(os.getpid()).rss_mb_max
    program = f"held = bytearray(b'x') * {50 * MIB}; del held; {HOLD}"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        assert read_usage(process.pid).rss_mb_max > 50.0
        process.communicate()
    assert before_mb > 0.0
