"""The settings of a stack: one TOML file, with the secrets in the environment.

Used by `daytrade up --config` and `daytrade config`. Every setting has its unit, its range and its
meaning where it is declared and nowhere else; docs/settings.md is made from it.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Struct

from console.settings import ConsoleSettings
from service.described import described, within
from service.limits import PortLimits

DATABASE_VARIABLE = "DAYTRADE_DATABASE"
"""The environment variable that stands above `database.dsn`: a DSN may hold a password."""

_UNKNOWN = re.compile(
    r"Object contains unknown field `(?P<key>[^`]*)`(?: - at `\$\.?(?P<where>.*)`)?"
)
_WRONG = re.compile(r"(?P<what>.*) - at `\$\.(?P<key>.*)`")


_KINDS = {str: "text", int: "number", float: "number", bool: "true or false"}


class SettingsError(Exception):
    """The settings cannot be used; the message names the file and the key."""


class StackTable(Struct, frozen=True, forbid_unknown_fields=True):
    """What is started."""

    data: Annotated[str, described("directory that keeps everything; empty: a temporary one")] = ""
    nodes: Annotated[int, within(1, 16, "trading nodes")] = 1
    web_clients: Annotated[int, within(0, 16, "web clients")] = 1
    port: Annotated[
        int, within(1024, 32_000, "the first node's; the others follow", "TCP port")
    ] = 12_100
    metrics_port: Annotated[
        int, within(0, 32_000, "the first service's figures; 0: none", "TCP port")
    ] = 12_150
    tls: Annotated[bool, described("let the services speak TLS 1.3 with each other")] = False


class DatabaseTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the ledger is."""

    dsn: Annotated[
        str,
        described("a Postgres of yours; empty: the embedded one; `DAYTRADE_DATABASE` goes first"),
    ] = ""


class LegacyTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The quote server."""

    endpoint: Annotated[
        str, described("a quote server of yours; empty: its double", "endpoint")
    ] = ""
    delay: Annotated[str, described("of the double: none, course, or a number", "s")] = "none"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings, by table."""

    stack: StackTable = StackTable()
    database: DatabaseTable = DatabaseTable()
    legacy: LegacyTable = LegacyTable()
    limits: PortLimits = PortLimits()
    console: ConsoleSettings = ConsoleSettings()


class Setting(Struct, frozen=True):
    """One setting, as it is documented."""

    key: str
    kind: str
    unit: str
    default: object
    limits: str
    meaning: str


def read_settings(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read a file, and put over it what the environment says; raises `SettingsError`."""
    tables = _tables(path)
    dsn = environment.get(DATABASE_VARIABLE)
    try:
        if dsn is not None and isinstance(tables.setdefault("database", {}), dict):
            tables["database"]["dsn"] = dsn
        return msgspec.convert(tables, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {_named(str(error))}") from None


def _tables(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"{path} is no TOML: {error}") from None


def _named(error: str) -> str:
    """What is wrong, with the whole key in front."""
    unknown = _UNKNOWN.fullmatch(error)
    if unknown is not None:
        key = ".".join(filter(None, (unknown["where"], unknown["key"])))
        return f"{key}: there is no such setting; `daytrade config table` shows all"
    wrong = _WRONG.fullmatch(error)
    return error if wrong is None else f"{wrong['key']}: {wrong['what']}"


def all_settings() -> Iterator[Setting]:
    """Every setting there is, in the order of the file."""
    for table in msgspec.structs.fields(Settings):
        hints = get_type_hints(table.type, include_extras=True)
        for field in msgspec.structs.fields(table.type):
            (meta,) = hints[field.name].__metadata__
            kind = hints[field.name].__origin__
            limits = "" if meta.ge is None else f"{meta.ge} to {meta.le}"
            yield Setting(
                f"{table.name}.{field.name}",
                _KINDS[kind],
                meta.extra["unit"],
                field.default,
                limits,
                meta.description,
            )


def settings_table() -> str:
    """The table of docs/settings.md."""
    lines = ["| setting | kind | unit | range | default | meaning |", "|---|---|---|---|---|---|"]
    for each in all_settings():
        default = f"`{_toml(each.default)}`"
        cells = (f"`{each.key}`", each.kind, each.unit, each.limits, default, each.meaning)
        lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


def shown(settings: Settings) -> str:
    """The settings as a TOML file, with the secrets hidden."""
    lines: list[str] = []
    for name, table in msgspec.to_builtins(settings).items():
        lines += ["", f"[{name}]"]
        for key, value in table.items():
            text = re.sub(r"(password=)\S+", r"\1(hidden)", value) if key == "dsn" else value
            lines.append(f"{key} = {_toml(text)}")
    return "\n".join(lines[1:]) + "\n"


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode()
