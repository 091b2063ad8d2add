"""Settings: one file, secrets from the environment, and the wrong key named."""

from pathlib import Path

import pytest

from daytrade.settings import (
    DATABASE_VARIABLE,
    Settings,
    SettingsError,
    all_settings,
    read_settings,
    settings_table,
    shown,
)
from tests.source_tree import ROOT


def read(tmp_path: Path, text: str, **environment: str) -> Settings:
    path = tmp_path / "daytrade.toml"
    path.write_text(text)
    return read_settings(path, environment)


def test_without_a_file_the_defaults_are_in_force() -> None:
    assert read_settings(None, {}) == Settings()


def test_what_a_file_says_is_in_force_and_the_rest_stays(tmp_path: Path) -> None:
    settings = read(tmp_path, "[stack]\nnodes = 3\ntls = true\n[legacy]\ndelay = 'course'\n")
    assert (settings.stack.nodes, settings.stack.tls) == (3, True)
    assert settings.legacy.delay == "course"
    assert settings.stack.port == Settings().stack.port


def test_the_environment_goes_before_the_file_for_the_database(tmp_path: Path) -> None:
    text = "[database]\ndsn = 'dbname=file'\n"
    settings = read(tmp_path, text, **{DATABASE_VARIABLE: "dbname=environment"})
    assert settings.database.dsn == "dbname=environment"
    assert read(tmp_path, text).database.dsn == "dbname=file"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[stack]\nnods = 3\n", "stack.nods: there is no such setting"),
        ("[stak]\nnodes = 3\n", "stak: there is no such setting"),
        ("[stack]\nnodes = 0\n", "stack.nodes: Expected `int` >= 1"),
        ("[stack]\nnodes = 17\n", "stack.nodes: Expected `int` <= 16"),
        ("[stack]\nnodes = 'two'\n", "stack.nodes: Expected `int`, got `str`"),
        ("[stack]\ntls = 1\n", "stack.tls: Expected `bool`"),
        ("[stack]\nport = 80\n", "stack.port: Expected `int` >= 1024"),
        ("stack = 3\n", "stack: Expected `object`"),
        ("[limits]\nlog_in_s = 0\n", "limits.log_in_s: Expected `float` >= 0.5"),
        ("[console]\nidle = 3\n", "console.idle: there is no such setting"),
        ("[stack\n", "is no TOML"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        read(tmp_path, text)
    assert named in str(wrong.value)
    assert "daytrade.toml" in str(wrong.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read .*none.toml"):
        read_settings(tmp_path / "none.toml", {})


def test_what_is_shown_can_be_read_again_and_holds_no_password(tmp_path: Path) -> None:
    settings = read(tmp_path, "[stack]\nnodes = 2\n[database]\ndsn = 'dbname=x password=hunter2'\n")
    text = shown(settings)
    assert "hunter2" not in text
    assert "dbname=x" in text
    again = read(tmp_path, text)
    assert again.stack == settings.stack


def test_every_setting_is_explained_and_the_page_holds_the_table() -> None:
    for setting in all_settings():
        assert setting.meaning
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert settings_table() in page
