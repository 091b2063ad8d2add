"""The benchmark's client processes, as the one that starts them sees them.

Used by `benchmarks.bench`. Blocks; a client ends when its standard input is closed, so none
outlives whoever started it.
"""

import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import msgspec
from hdrh.histogram import HdrHistogram

from benchmarks.client import (
    LATENCY_DIGITS,
    LATENCY_MAX_US,
    ClientSpec,
    RoundFigures,
    RoundSpec,
)


class ClientDied(Exception):
    """A client process ended before it answered; its own words are on standard error."""


class Clients:
    """Some client processes that play the same rounds, each with its share of the users."""

    def __init__(self, specs: Sequence[ClientSpec]) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.client"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            for _ in specs
        ]
        for process, spec in zip(self._processes, specs, strict=True):
            _tell(process, msgspec.json.encode(spec))
        for process in self._processes:
            _hear(process)

    def play(self, spec: RoundSpec) -> list[RoundFigures]:
        """Play a round with all clients at once; raises `ClientDied`."""
        share = None if spec.rate is None else spec.rate / len(self._processes)
        request = msgspec.json.encode(msgspec.structs.replace(spec, rate=share))
        for process in self._processes:
            _tell(process, request)
        return [msgspec.json.decode(_hear(each), type=RoundFigures) for each in self._processes]

    @property
    def pids(self) -> list[int]:
        """Who the clients are, for the accounts of the machine's time."""
        return [process.pid for process in self._processes]

    def close(self) -> None:
        """Let the clients end."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()


def merged(figures: Sequence[RoundFigures]) -> HdrHistogram:
    """The latencies that all clients saw, in microseconds."""
    histogram = HdrHistogram(1, LATENCY_MAX_US, LATENCY_DIGITS)
    for each in figures:
        histogram.decode_and_add(each.histogram)
    return histogram


def _tell(process: "subprocess.Popen[bytes]", line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()


def _hear(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ClientDied(f"a client ended with status {process.wait()}")
    return line
