"""`daytrade config`: the settings of a stack, shown, checked and explained."""

import os
from pathlib import Path
from typing import Any

import click

from daytrade.settings import (
    DATABASE_VARIABLE,
    Settings,
    SettingsError,
    read_settings,
    settings_table,
    shown,
)

_FILE = click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False), default=None, required=False
)


@click.group()
def config() -> None:
    """Show and check the settings that `daytrade up --config` takes."""


@config.command()
@_FILE
def show(file: Path | None) -> None:
    """Print the settings that are in force: those of FILE, else the defaults; no secrets."""
    click.echo(shown(_read(file)), nl=False)


@config.command()
@_FILE
def check(file: Path | None) -> None:
    """Say whether FILE can be used, and if not, which key is wrong."""
    _read(file)
    click.echo("the settings can be used")


@config.command()
def table() -> None:
    """Print what can be set, as in docs/settings.md."""
    click.echo(settings_table(), nl=False)


def _read(file: Path | None) -> Settings:
    try:
        return read_settings(file)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def take_settings(context: click.Context, _option: click.Parameter, file: Path | None) -> None:
    """Let the settings of a file be the defaults of the other options of `daytrade up`, and the
    context's own object.
    """
    settings = context.obj = _read(file)
    if file is None and not os.environ.get(DATABASE_VARIABLE):
        return
    stack, legacy = settings.stack, settings.legacy
    defaults: dict[str, Any] = {
        "data": stack.data or None,
        "nodes": stack.nodes,
        "web_clients": stack.web_clients,
        "port": stack.port,
        "metrics_port": stack.metrics_port,
        "tls": stack.tls,
        "database": settings.database.dsn or None,
        "legacy": legacy.endpoint or None,
        "legacy_delay": legacy.delay,
    }
    context.default_map = {name: value for name, value in defaults.items() if value is not None}
