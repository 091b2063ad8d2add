"""A history holds every command before it is sent, and a play goes on where its history ends."""

import os
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError, Deferred

from generator.dumplogs import DumpLogs
from generator.history import Exchange, HistoryError, HistoryFile, Unanswered, read_history
from generator.ids import CommandIds
from generator.play import Play
from generator.result import Outcome
from generator.workload import Line
from protocol.messages import Add, Buy, Command, DisplaySummary, DumpLog, Message, Receipt, Summary
from tests.generator.nodes_in_memory import (
    RECEIPT,
    START_MS,
    NodeInMemory,
    accept,
    adds,
    keep_waiting,
)
from tests.generator.test_play import ProgressCount
from tests.generator.true_history import shown_at_the_end
from tests.service.links import BoundedClock
from tests.service.premises import credential

FIRST, SECOND = b"first command id", b"second one's id.."[:16]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history"


def play_over(node: NodeInMemory, clock: BoundedClock, path: Path, lines: list[Line]) -> None:
    """Play lines over one node for a while, with a history that may hold something already."""
    play = Play(
        clock,
        {"node-1": node.endpoint},
        credential("bench"),
        None,
        CommandIds(lambda: START_MS, os.urandom(CommandIds.RUN_BYTES)),
        DumpLogs(None),
        lambda: 0.5,
        history=HistoryFile.at(path, lambda: START_MS),
        unanswered=Unanswered(read_history(path)) if path.exists() else None,
    )
    running = Deferred.fromCoroutine(play.run(lines, ProgressCount))
    running.addErrback(lambda failure: failure.trap(CancelledError))
    clock.pass_time(2, 0.1)
    running.cancel()
    clock.pass_time(1, 0.1)


class TestFile:
    def test_what_was_noted_is_read_back_whole(self, path: Path) -> None:
        file = HistoryFile.at(path, lambda: START_MS)
        buy, show = Buy("ann", 1, "ABC", 7), DisplaySummary("ann", 2)
        summary = shown_at_the_end()
        file.sending(FIRST, buy)
        file.sending(SECOND, show)
        file.ended(SECOND, Outcome.ACCEPTED, summary)
        file.close()
        assert read_history(path) == [
            Exchange(FIRST, buy, START_MS),
            Exchange(SECOND, show, START_MS, Outcome.ACCEPTED, summary, START_MS),
        ]
        assert isinstance(summary, Summary)

    def test_an_unknown_outcome_is_no_answer(self, path: Path) -> None:
        file = HistoryFile.at(path, lambda: START_MS)
        file.sending(FIRST, Add("ann", 1, 7))
        file.ended(FIRST, Outcome.UNKNOWN, None)
        [exchange] = read_history(path)
        assert (exchange.outcome, exchange.is_answered) == (Outcome.UNKNOWN, False)

    def test_a_line_that_a_kill_cut_off_is_passed_over(self, path: Path) -> None:
        file = HistoryFile.at(path, lambda: START_MS)
        file.sending(FIRST, Add("ann", 1, 7))
        file.sending(SECOND, Add("ann", 2, 7))
        path.write_bytes(path.read_bytes()[:-5])
        assert [exchange.command_id for exchange in read_history(path)] == [FIRST]

    @pytest.mark.parametrize("line", [b"what?", b"{}", b'{"id":"aa","at_ms":1,"what":"accepted"}'])
    def test_what_is_no_history_is_refused(self, path: Path, line: bytes) -> None:
        path.write_bytes(line + b"\n")
        with pytest.raises(HistoryError, match=":1: not a line of a history"):
            read_history(path)


class TestPlays:
    def test_a_command_is_in_the_history_before_the_node_has_it(self, path: Path) -> None:
        clock = BoundedClock()
        node = NodeInMemory(clock, "node-1")
        noted: list[list[Command]] = []

        def look(_command: Command) -> Message:
            noted.append([exchange.command for exchange in read_history(path)])
            return RECEIPT

        node.answer = look
        play_over(node, clock, path, adds("ann", 2))
        first, second = (line.command for line in adds("ann", 2))
        assert noted == [[first], [first, second]]

    def test_the_final_log_is_in_it_too(self, path: Path) -> None:
        clock = BoundedClock()
        log = DumpLog("", 9, "./testLOG")
        play_over(NodeInMemory(clock, "node-1"), clock, path, [Line(9, log)])
        [exchange] = read_history(path)
        assert (exchange.command, exchange.outcome) == (log, Outcome.ACCEPTED)

    def test_a_play_that_was_cut_short_goes_on_under_the_same_ids(self, path: Path) -> None:
        clock = BoundedClock()
        node = NodeInMemory(clock, "node-1")
        node.answer = lambda command: accept(command) if command.transaction_num < 3 else None
        play_over(node, clock, path, adds("ann", 4))
        before = list(node.taken)
        assert node.amounts("ann") == [1, 2, 3]
        node.taken.clear()
        node.answer = accept
        play_over(node, clock, path, adds("ann", 4))
        assert node.taken[0] == before[2]
        assert node.amounts("ann") == [3, 4]
        assert all(exchange.reply == Receipt(1, START_MS) for exchange in read_history(path))

    def test_equal_lines_keep_an_id_each(self, path: Path) -> None:
        clock = BoundedClock()
        node = NodeInMemory(clock, "node-1")
        node.answer = keep_waiting
        twice = [Line(1, Add("ann", 1, 5)), Line(1, Add("ann", 1, 5))]
        play_over(node, clock, path, twice)
        [(kept, _)] = node.taken
        node.taken.clear()
        node.answer = accept
        play_over(node, clock, path, twice)
        ids = [command_id for command_id, _ in node.taken]
        assert ids[0] == kept
        assert len(set(ids)) == 2
