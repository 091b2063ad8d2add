"""What a person types wrong is told in a line or two, before anything is started."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daytrade.cli import main
from generator.workload import read_workload

EXIT_USAGE = 2


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_every_command_explains_itself() -> None:
    for command in (
        (), ("up",), ("demo",), ("workload",), ("workload", "run"), ("workload", "synth"),
        ("audit",), ("audit", "dump"), ("audit", "verify"),
    ):  # fmt: skip
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert result.output.startswith("Usage: ")


@pytest.fixture
def workload(tmp_path: Path) -> Path:
    """A workload file that could be played."""
    file = tmp_path / "workload"
    file.write_text("[1] ADD,anna,10.00 \n[2] DUMPLOG,./testLOG")
    return file


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """A file with a password and nothing else."""
    file = tmp_path / "password"
    file.write_text("secret\n")
    return file


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("up", "--nodes", "0"), "0 is not in the range 1<=x<=16"),
        (("up", "--nodes", "two"), "'two' is not a valid integer"),
        (("up", "--port", "80"), "80 is not in the range 1024<=x<=32000"),
        (("up", "--legacy-delay", "soon"), "Invalid value for '--legacy-delay'"),
        (("up", "--legacy-delay", "-1"), "Invalid value for '--legacy-delay'"),
        (("up", "--data", "/etc/passwd"), "Directory '/etc/passwd' is a file"),
        (("workload", "synth", "--users", "3"), "Missing option '--commands'"),
        (("workload", "synth", "--users", "0", "--commands", "9"), "0 is not in the range x>=1"),
        (("workload", "synth", "--users", "3", "--commands", "3"), "3 users need at least"),
        (("audit", "verify"), "Missing option '--data'"),
        (("audit", "verify", "--data", "/nonexistent"), "'/nonexistent' does not exist"),
        (("audit", "dump", "log.xml"), "Missing option '--data'"),
        (("nonsense",), "No such command 'nonsense'"),
    ],
)
def test_a_bad_option_is_named(arguments: Sequence[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == EXIT_USAGE
    assert message in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "say either --local or --to ENDPOINT"),
        (("--local", "--to", "tcp:127.0.0.1:1"), "say either --local or --to ENDPOINT"),
        (("--to", "tcp:127.0.0.1:1"), "--to needs --password-file"),
        (("--local", "--outstanding", "0"), "0 is not in the range 1<=x<=1024"),
        (("--local", "--nodes", "17"), "17 is not in the range 1<=x<=16"),
        (("--local", "--legacy-delay", "soon"), "--legacy-delay"),
        (("--local", "--json", "/nonexistent/figures"), "/nonexistent/figures: No such file"),
        (("--local", "--json", "/"), "/: Is a directory"),
        (("--local", "--dumplog-dir", "/etc/passwd"), "Directory '/etc/passwd' is a file"),
    ],
)
def test_a_bad_option_of_a_run_is_named(
    workload: Path, options: Sequence[str], message: str
) -> None:
    result = run("workload", "run", workload, *options)
    assert result.exit_code == EXIT_USAGE
    assert message in result.output


class TestPasswords:
    TO = ("--to", "tcp:127.0.0.1:1")

    def test_a_password_alone_wants_a_name(self, workload: Path, password: Path) -> None:
        result = run("workload", "run", workload, *self.TO, "--password-file", password)
        assert result.exit_code == EXIT_USAGE
        assert "--password-file holds a password alone: say --user too" in result.output

    @pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
    def test_a_file_that_cannot_be_read_is_named(
        self, workload: Path, tmp_path: Path, content: bytes | None
    ) -> None:
        file = tmp_path / "secret"
        if content is not None:
            file.write_bytes(content)
        result = run("workload", "run", workload, *self.TO, "--password-file", file)
        assert result.exit_code == 1
        assert result.output.startswith(f"Error: cannot read {file}: ")


class TestWorkloadFiles:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "No such file or directory"),
            (b"\x7fELF\0\0\0", "a binary file, not a workload"),
            (b"", "not one command"),
            (b"# nothing but words\n\n", "not one command"),
        ],
    )
    def test_a_file_without_a_workload_is_named(
        self, tmp_path: Path, content: bytes | None, message: str
    ) -> None:
        file = tmp_path / "file"
        if content is not None:
            file.write_bytes(content)
        result = run("workload", "run", file, "--local")
        assert result.exit_code == 1
        assert result.output == f"Error: {file}: {message}\n"

    def test_when_strict_the_first_bad_line_is_told_and_nothing_else_done(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.write_text("[1] ADD,anna,1.00 \nrubbish\n[3] FOO,anna\n")
        result = run("workload", "run", file, "--local", "--strict")
        assert result.exit_code == 1
        assert result.output == (
            f"Error: {file}:2: 'rubbish' is not of the form '[n] COMMAND,...'\n"
        )

    def test_of_many_bad_lines_the_first_are_told_and_the_others_counted(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.write_text("rubbish\n" * 50)
        lines = run("workload", "run", file, "--local").output.splitlines()
        assert [line.partition(": ")[0] for line in lines[:20]] == [
            f"{file}:{position}" for position in range(1, 21)
        ]
        assert lines[20:] == ["... and 30 more", f"Error: {file}: not one command"]


class TestSynthesizing:
    OPTIONS = ("workload", "synth", "--users", "3", "--commands", "50", "--seed", "4")

    def test_the_same_arguments_give_the_same_file(self, tmp_path: Path) -> None:
        file = tmp_path / "made"
        assert run(*self.OPTIONS, "-o", file).exit_code == 0
        assert file.read_text() == run(*self.OPTIONS).output
        lines = read_workload(file, strict=True, on_problem=lambda _: None)
        assert len(lines) == 50
        assert len({line.command.user for line in lines} - {""}) == 3

    def test_a_file_that_cannot_be_written_is_named(self) -> None:
        result = run(*self.OPTIONS, "-o", "/nonexistent/file")
        assert result.exit_code == 1
        assert "/nonexistent/file" in result.output
        assert isinstance(result.exception, SystemExit)


class TestAuditLogs:
    @pytest.mark.parametrize("command", [("verify",), ("dump", "-")])
    def test_a_directory_without_a_log_is_named(
        self, tmp_path: Path, command: tuple[str, ...]
    ) -> None:
        result = run("audit", *command, "--data", tmp_path)
        assert result.exit_code == 1
        assert result.output == (
            f"Error: {tmp_path} has no audit log: is it a stack's directory?\n"
        )
