"""A run from its lines to its result: the users first, and everybody's log last of all."""

from pathlib import Path

import pytest

from generator.dumplogs import DumpLogs
from generator.ids import CommandIds
from generator.play import Play
from generator.workload import Line
from protocol.errors import Code
from protocol.messages import Add, Chunk, Command, DisplaySummary, DumpLog, Error, Message, Refused
from tests.generator.nodes_in_memory import (
    RECEIPT,
    START_MS,
    NodeInMemory,
    accept,
    adds,
    keep_waiting,
    user_of,
)
from tests.service.links import BoundedClock, outcome_of
from tests.service.premises import credential

ANNA = user_of("node-1")
LOG = Line(9, DumpLog("", 9, "./testLOG"))


class ProgressCount:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.commands = 0
        self.is_finished = False

    def advance(self, commands: int) -> None:
        assert not self.is_finished
        self.commands += commands

    def finish(self) -> None:
        self.is_finished = True


class Rig:
    """A play over two nodes, by a workload role and an administrator."""

    def __init__(self, directory: Path | None = None, *, keep: bool = False) -> None:
        self.clock = BoundedClock()
        self.nodes = [NodeInMemory(self.clock, name) for name in ("node-1", "node-2")]
        self.progress = ProgressCount()
        self.play = Play(
            self.clock,
            {f"node-{number}": node.endpoint for number, node in enumerate(self.nodes, 1)},
            credential("bench"),
            credential("root"),
            CommandIds(lambda: START_MS, b"player"),
            DumpLogs(directory),
            lambda: 0.5,
            keep=keep,
        )

    def run(self, lines: list[Line]) -> list[object]:
        """Play; the list holds None once that is done."""
        running = outcome_of(self.play.run(lines, lambda: self.progress))
        self.clock.pass_time(2)
        return running

    @property
    def askers_of_the_log(self) -> list[list[str]]:
        """For each node, who asked it for everybody's log."""
        return [
            [
                asker
                for asker, (_, command) in zip(node.askers, node.taken, strict=True)
                if isinstance(command, DumpLog) and not command.user
            ]
            for node in self.nodes
        ]


def log_in_parts(node: NodeInMemory, *parts: bytes) -> None:
    """Let a node answer a DUMPLOG with these parts, and all else with a receipt."""

    def answer(command: Command) -> Message:
        if isinstance(command, DumpLog):
            request_id, _ = node.taken[-1]
            for part in parts:
                node.link.push(request_id, Chunk(part))
        return RECEIPT

    node.answer = answer


class TestEverybodysLog:
    def test_it_is_asked_for_last_of_all_and_by_the_administrator(self) -> None:
        """Wherever it stands in the file, and however long a user takes."""
        rig = Rig()
        node = rig.nodes[0]
        node.answer = keep_waiting
        ended = rig.run([LOG, *adds(ANNA, 1)])
        assert (ended, rig.askers_of_the_log) == ([], [[], []])
        node.answer = accept
        node.reply(0)
        rig.clock.pass_time(1)
        assert (ended, rig.askers_of_the_log) == ([None], [["root"], []])
        assert rig.play.result.final_dumplog.accepted == 1

    def test_it_counts_neither_in_the_wall_time_nor_among_the_users_commands(self) -> None:
        rig = Rig()
        node = rig.nodes[0]
        node.answer = lambda command: None if command == LOG.command else RECEIPT
        rig.run([*adds(ANNA, 2), LOG])
        rig.clock.pass_time(10)
        node.reply(-1)
        rig.clock.pass_time(1)
        assert rig.play.result.wall_s == 0.0
        assert rig.play.result.total().count == 2
        assert rig.progress.commands == 3

    def test_where_the_first_node_is_away_another_one_is_asked(self) -> None:
        rig = Rig()
        rig.nodes[0].die()
        assert rig.run([*adds(ANNA, 1), LOG]) == [None]
        assert rig.askers_of_the_log == [[], ["root"]]
        assert rig.play.result.final_dumplog.accepted == 1

    def test_where_a_node_is_lost_over_it_another_one_is_asked(self) -> None:
        rig = Rig()
        rig.nodes[0].answer = keep_waiting
        ended = rig.run([LOG])
        rig.nodes[0].die()
        rig.clock.pass_time(1)
        assert (ended, rig.askers_of_the_log) == ([None], [["root"], ["root"]])
        assert rig.play.result.final_dumplog.accepted == 1

    def test_where_a_node_cannot_have_it_now_another_one_is_asked(self) -> None:
        rig = Rig()
        rig.nodes[0].answer = lambda _: Error(Code.AUDIT_UNAVAILABLE, "later")
        assert rig.run([LOG]) == [None]
        assert rig.play.result.final_dumplog.accepted == 1

    @pytest.mark.parametrize(
        "refusal",
        [Error(Code.NOT_PERMITTED, "no"), Refused(Code.BAD_FILENAME, "no", 1, START_MS)],
    )
    def test_a_refusal_is_an_outcome(self, refusal: Message) -> None:
        rig = Rig()
        rig.nodes[0].answer = lambda _: refusal
        rig.run([LOG])
        assert rig.askers_of_the_log == [["root"], []]
        assert rig.play.result.final_dumplog.refused == 1

    def test_where_every_node_is_lost_over_it_the_outcome_is_unknown(self) -> None:
        rig = Rig()
        for node in rig.nodes:
            node.answer = keep_waiting
        ended = rig.run([LOG])
        for node in rig.nodes:
            node.die()
            rig.clock.pass_time(1)
        assert ended == [None]
        assert rig.play.result.unknown == 1


class TestFiles:
    def test_the_parts_of_logs_come_to_the_files_that_the_lines_name(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path)
        for node in rig.nodes:
            log_in_parts(node, b"<log>", b"</log>")
        rig.run([Line(1, DumpLog(ANNA, 1, "anna.xml")), LOG])
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
            "anna.xml": b"<log></log>",
            "testLOG": b"<log></log>",
        }

    def test_what_a_lost_node_left_unfinished_is_begun_anew(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path)
        first, second = rig.nodes
        first.answer = keep_waiting
        log_in_parts(second, b"whole")
        rig.run([Line(1, DumpLog(ANNA, 1, "anna.xml"))])
        first.link.push(first.taken[0][0], Chunk(b"half of it"))
        rig.clock.pass_time(1)
        first.die()
        rig.clock.pass_time(1)
        assert (tmp_path / "anna.xml").read_bytes() == b"whole"


class TestAnswers:
    LINES = [*adds("anna", 2), Line(3, DisplaySummary("ben", 3))]

    def test_replies_of_the_journal_are_kept_for_who_wants_them(self) -> None:
        refused = Refused(Code.BAD_AMOUNT, "no", 1, START_MS)
        answers: dict[type[Command], Message] = {
            Add: refused,
            DisplaySummary: Error(Code.NOT_PERMITTED, "no"),
        }
        rig = Rig(keep=True)
        for node in rig.nodes:
            node.answer = lambda command: answers[type(command)]
        rig.run(self.LINES)
        assert [(each.command, each.reply) for each in rig.play.answered] == [
            (line.command, refused) for line in self.LINES[:2]
        ]

    def test_else_they_are_not(self) -> None:
        rig = Rig()
        rig.run(self.LINES)
        assert rig.play.answered == []
        assert rig.play.result.total().accepted == 3

    def test_users_of_whom_something_is_unknown_are_named(self) -> None:
        rig = Rig(keep=True)
        for node in rig.nodes:
            node.answer = lambda command: RECEIPT if command.user == "anna" else None
        rig.run(self.LINES)
        rig.clock.pass_time(70, 0.5)
        assert rig.play.unknown_users == {"ben"}
        assert rig.play.result.unknown == 1
        assert rig.play.result.total().accepted == 2

    def test_at_the_end_nothing_is_left_open(self) -> None:
        rig = Rig()
        rig.run([*self.LINES, LOG])
        assert rig.progress.is_finished
        assert all(not node.factory.protocols for node in rig.nodes)
        assert rig.clock.getDelayedCalls() == []
