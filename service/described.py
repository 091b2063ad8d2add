"""How a setting is declared: what it means, its unit, and what it may be.

May be imported by everything above `protocol`. `daytrade config` checks what is written by this,
and docs/settings.md is made of it.
"""

from typing import TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict

T = TypeVar("T", bound=Struct)


def described(meaning: str, unit: str = "") -> Meta:
    """A setting that may be anything of its type."""
    return Meta(description=meaning, extra={"unit": unit})


def within(lowest: float, highest: float, meaning: str, unit: str = "") -> Meta:
    """A setting with limits of its own."""
    return Meta(ge=lowest, le=highest, description=meaning, extra={"unit": unit})


def changed(settings: T, text: str) -> T:
    """The settings but for one, which is written as NAME=VALUE; raises `ValueError`."""
    name, equals, value = text.partition("=")
    if not equals or name not in settings.__struct_fields__:
        names = ", ".join(settings.__struct_fields__)
        raise ValueError(f"{text!r} is not NAME=VALUE with one of the names {names}")
    try:
        return msgspec.convert({**asdict(settings), name: value}, type(settings), strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"{text!r}: {error}") from None


def unusual(settings: Struct) -> list[str]:
    """Those that are not as they are without being set, each as `changed` takes it."""
    usual = asdict(type(settings)())
    return [f"{name}={value}" for name, value in asdict(settings).items() if value != usual[name]]
