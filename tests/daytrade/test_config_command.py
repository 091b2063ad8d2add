"""`daytrade config` and `daytrade certs` as they are typed, and settings taken by `daytrade up`."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from console.settings import ConsoleSettings
from daytrade import cli
from daytrade.settings import DATABASE_VARIABLE, settings_table
from daytrade.stack_settings import StackSettings
from service.limits import PortLimits


def typed(*words: str | Path, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(cli.main, [str(word) for word in words])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "daytrade.toml"
    path.write_text(
        "[stack]\nnodes = 3\nport = 20000\ntls = true\n[legacy]\ndelay = '0.5'\n"
        "[limits]\nconnections_max = 100\n[console]\nidle_s = 60\n"
    )
    return path


def test_a_file_is_checked_and_shown(file: Path) -> None:
    assert typed("config", "check", file).output == "the settings can be used\n"
    assert "nodes = 3\n" in typed("config", "show", file).output
    assert typed("config", "table").output == settings_table()


def test_a_wrong_key_is_named_and_ends_with_an_error(file: Path) -> None:
    file.write_text("[stack]\nnods = 3\n")
    for words in (("config", "check", file), ("up", "--config", file)):
        done = typed(*words)
        assert done.exit_code == 1
        assert "stack.nods: there is no such setting" in done.output


class TestUp:
    @pytest.fixture(autouse=True)
    def _catch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: list[StackSettings] = []

        def begin(_reactor: object, _data: object, settings: StackSettings) -> int:
            self.settings.append(settings)
            return 0

        def run(main: Any) -> Any:
            return main(None)

        monkeypatch.setattr(cli, "_up", begin)
        monkeypatch.setattr(cli, "run", run)

    def test_settings_are_the_defaults_of_the_options(self, file: Path) -> None:
        assert typed("up", "--config", file, "--nodes", "2").exit_code == 0
        (settings,) = self.settings
        assert (settings.nodes, settings.base_port, settings.tls) == (2, 20_000, True)
        assert settings.legacy_delay == "0.5"
        assert settings.limits == PortLimits(connections_max=100)
        assert settings.console_settings == ConsoleSettings(idle_s=60.0)

    def test_without_a_file_limits_are_the_usual_ones(self) -> None:
        assert typed("up").exit_code == 0
        assert self.settings[0].limits == PortLimits()

    def test_the_database_may_come_from_the_environment_alone(self) -> None:
        typed("up", **{DATABASE_VARIABLE: "dbname=elsewhere"})
        (settings,) = self.settings
        assert settings.database == "dbname=elsewhere"
        assert settings.base_port == cli.BASE_PORT


def test_certificates_are_made_once_and_the_endpoints_told(tmp_path: Path) -> None:
    done = typed("certs", tmp_path, "--name", "node-1", "--role", "node", "--host", "10.0.0.5")
    assert done.exit_code == 0
    assert f"certificate={tmp_path}/node-1.pem" in done.output
    again = typed("certs", tmp_path, "--name", "node-1")
    assert again.exit_code == 1
    assert "is there already" in again.output
