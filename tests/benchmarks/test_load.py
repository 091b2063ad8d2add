"""The benchmark plays the mix of the course, encoded beforehand, under ids never used twice."""

from benchmarks.load import LoadIds, make_load
from protocol.codec import decode_body
from protocol.fields import is_reserved_id
from protocol.framing import FrameReader
from protocol.messages import Add, Command


def commands_of(frames: bytes) -> list[Command]:
    decoded = [decode_body(kind, body) for kind, _, body in FrameReader().feed(frames)]
    return [command for command in decoded if isinstance(command, Command)]


def test_each_users_frames_are_commands_of_that_user_beginning_with_an_add() -> None:
    for load in make_load(5, 40, seed=1):
        frames = b"".join(head + bytes(16) + body for head, body in load.commands)
        commands = commands_of(frames)
        assert len(commands) == len(load.commands) > 0
        assert {command.user for command in commands} == {load.user}
        assert isinstance(commands[0], Add)


def test_the_commands_go_round_and_round() -> None:
    load = make_load(1, 10, seed=1)[0]
    first = [load.next_command() for _ in load.commands]
    assert [load.next_command() for _ in load.commands] == first == load.commands


def test_ids_tell_whose_command_they_name_and_are_ones_that_clients_may_give() -> None:
    ids = LoadIds(b"rn")
    ids.now_ms = 1_800_000_000_000
    made = [command_id for _ in range(100) for command_id in ids.next([2, 0, 1])]
    assert len(set(made)) == len(made)
    assert LoadIds.places_of(made) == [2, 0, 1] * 100
    assert all(each[:6] == ids.now_ms.to_bytes(6, "big") for each in made)
    assert not any(map(is_reserved_id, made))
